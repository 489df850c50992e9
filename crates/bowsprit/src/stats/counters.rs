//! The counters that the connections of a server or a client share.

use std::{
    array,
    cell::Cell,
    collections::BTreeMap,
    fmt, mem,
    sync::{
        Mutex, MutexGuard, PoisonError,
        atomic::{AtomicU64, AtomicUsize, Ordering},
    },
    time::Duration,
};

use http::StatusCode;

use super::{
    CloseCounts, CloseKind, CodeClass, Handshakes, Stats, TrafficCounts, instruments::Instruments,
};
use crate::{CloseCode, MessageKind, Role, SlowConsumerPolicy};

/// Threads that count for one server without getting in each other's way.
const SHARDS: usize = 8;

thread_local! {
    /// Which shards this thread takes.
    static SHARD: Cell<Option<usize>> = const { Cell::new(None) };
}

/// Which way something went.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Direction {
    Received,
    Sent,
}

/// A control frame that is counted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Control {
    Ping,
    Pong,
}

/// Why a publication was left out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Policy {
    /// Nobody could wait.
    Wait,
    DropNewest,
    DropOldest,
    KeepLatest,
    /// The connection was closing or had ended.
    Closed,
}

impl From<SlowConsumerPolicy> for Policy {
    fn from(policy: SlowConsumerPolicy) -> Self {
        match policy {
            SlowConsumerPolicy::Wait => Self::Wait,
            SlowConsumerPolicy::DropNewest => Self::DropNewest,
            SlowConsumerPolicy::DropOldest => Self::DropOldest,
            SlowConsumerPolicy::KeepLatest => Self::KeepLatest,
            _ => Self::Closed,
        }
    }
}

/// Messages of a connection that have not been added to its counters yet.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct PendingCounts {
    texts: u32,
    binaries: u32,
    payload_len: u64,
}

/// What is counted, and where it is told.
pub(crate) struct Counters {
    shards: Box<[Shard]>,
    accepted: AtomicU64,
    refused: Mutex<BTreeMap<u16, u64>>,
    failed: AtomicU64,
    timed_out: AtomicU64,
    plain: AtomicU64,
    endings: [AtomicU64; CloseKind::COUNT],
    codes: [AtomicU64; CodeClass::COUNT],
    dropped: AtomicU64,
    slow_closes: AtomicU64,
    role: Role,
    instruments: Instruments,
}

/// What threads that have it in common add to.
#[derive(Default)]
struct Shard {
    received: Flow,
    sent: Flow,
}

/// On cache lines of its own: whoever adds to several of these waits for other cores once.
#[derive(Default)]
#[repr(align(64))]
struct Flow {
    texts: AtomicU64,
    binaries: AtomicU64,
    payload_len: AtomicU64,
    wire_len: AtomicU64,
    pings: AtomicU64,
    pongs: AtomicU64,
}

impl PendingCounts {
    pub(crate) const fn is_empty(&self) -> bool {
        self.texts | self.binaries == 0 && self.payload_len == 0
    }

    /// Counts a message, or a piece of one that counts when it ends.
    #[inline]
    pub(crate) const fn note(&mut self, kind: MessageKind, len: usize, last: bool) {
        // No memory holds a batch that is too long for these.
        self.payload_len = self.payload_len.wrapping_add(len as u64);
        match kind {
            MessageKind::Text => self.texts = self.texts.wrapping_add(last as u32),
            MessageKind::Binary => self.binaries = self.binaries.wrapping_add(last as u32),
        }
    }
}

impl Counters {
    /// Those of a server, whose threads have many connections in common; or of a client.
    pub(crate) fn new(role: Role) -> Self {
        let shards = if role == Role::Server { SHARDS } else { 1 };
        Self {
            shards: (0..shards).map(|_| Shard::default()).collect(),
            accepted: AtomicU64::new(0),
            refused: Mutex::default(),
            failed: AtomicU64::new(0),
            timed_out: AtomicU64::new(0),
            plain: AtomicU64::new(0),
            endings: array::from_fn(|_| AtomicU64::new(0)),
            codes: array::from_fn(|_| AtomicU64::new(0)),
            dropped: AtomicU64::new(0),
            slow_closes: AtomicU64::new(0),
            role,
            instruments: Instruments::new(role),
        }
    }

    /// The role of the connections that are counted.
    pub(crate) const fn role(&self) -> Role {
        self.role
    }

    /// Adds the messages of a batch.
    #[inline]
    pub(crate) fn flush_counts(&self, direction: Direction, tally: &mut PendingCounts) {
        if !tally.is_empty() {
            let tally = mem::take(tally);
            self.flow(direction).add(&tally);
            self.tell_messages(direction, &tally);
        }
    }

    /// Adds what a transport has taken, and the messages since the last time. Without
    /// [telling](Self::tell_written) the instruments, so that it can be done under a lock.
    pub(crate) fn written(&self, tally: &PendingCounts, len: usize) {
        let flow = self.flow(Direction::Sent);
        if len > 0 {
            add(&flow.wire_len, len as u64);
        }
        if !tally.is_empty() {
            flow.add(tally);
        }
    }

    /// Tells the instruments of the same.
    pub(crate) fn tell_written(&self, tally: &PendingCounts, len: usize) {
        if len > 0 {
            self.instruments.wire(Direction::Sent, len as u64);
        }
        if !tally.is_empty() {
            self.tell_messages(Direction::Sent, tally);
        }
    }

    fn tell_messages(&self, direction: Direction, tally: &PendingCounts) {
        let PendingCounts { texts, binaries, payload_len } = *tally;
        self.instruments.messages(direction, texts, binaries, payload_len);
    }

    /// Bytes that a transport has given or taken.
    pub(crate) fn wire(&self, direction: Direction, len: usize) {
        add(&self.flow(direction).wire_len, len as u64);
        self.instruments.wire(direction, len as u64);
    }

    pub(crate) fn control(&self, direction: Direction, frame: Control) {
        let flow = self.flow(direction);
        add(if frame == Control::Ping { &flow.pings } else { &flow.pongs }, 1);
        self.instruments.control(direction, frame);
    }

    /// A pong has come; how long it took from its ping, if that was ours.
    pub(crate) fn pong(&self, took: Option<Duration>) {
        self.control(Direction::Received, Control::Pong);
        if let Some(took) = took {
            self.instruments.ping_took(took);
        }
    }

    /// A connection was opened.
    pub(crate) fn opened(&self) {
        add(&self.accepted, 1);
        self.instruments.opened();
    }

    /// A connection has ended that was open for so long.
    pub(crate) fn ended(&self, ending: CloseKind, code: CloseCode, age: Duration) {
        let class = CodeClass::of(code);
        add(&self.endings[ending.index()], 1);
        add(&self.codes[class.index()], 1);
        self.instruments.ended(ending, class, age);
    }

    /// An opening handshake was answered with this.
    pub(crate) fn refused(&self, status: StatusCode) {
        *self.rejections().entry(status.as_u16()).or_default() += 1;
        self.instruments.handshake(status.as_str());
    }

    /// An opening handshake has come to nothing, without an answer.
    pub(crate) fn failed(&self, timed_out: bool) {
        add(if timed_out { &self.timed_out } else { &self.failed }, 1);
        self.instruments.handshake(if timed_out { "timed_out" } else { "failed" });
    }

    /// The application has answered a request that did not ask for a WebSocket.
    #[cfg(feature = "server")]
    pub(crate) fn answered_plain(&self) {
        add(&self.plain, 1);
        self.instruments.handshake("plain");
    }

    /// How long an opening handshake took that opened a connection or was refused.
    pub(crate) fn handshake_took(&self, time: Duration) {
        self.instruments.handshake_took(time);
    }

    /// Publications were left out.
    pub(crate) fn dropped(&self, policy: Policy, count: usize) {
        if count > 0 {
            add(&self.dropped, count as u64);
            self.instruments.dropped(policy, count as u64);
        }
    }

    /// A connection is closed because a publication found no room.
    pub(crate) fn slow_close(&self) {
        add(&self.slow_closes, 1);
        self.instruments.slow_close();
    }

    pub(crate) fn snapshot(&self) -> Stats {
        // Before the others: nothing ends before it was opened.
        let ended: u64 = self.endings.iter().map(read).sum();
        let accepted = read(&self.accepted);
        let refused_with = self.rejections().clone();
        Stats {
            connections: accepted.saturating_sub(ended),
            handshakes: Handshakes {
                accepted,
                refused: refused_with.values().sum(),
                failed: read(&self.failed),
                timed_out: read(&self.timed_out),
                plain: read(&self.plain),
                refused_with,
            },
            received: self.traffic(|shard| &shard.received),
            sent: self.traffic(|shard| &shard.sent),
            closes: self.closes(),
            dropped: read(&self.dropped),
            slow_closes: read(&self.slow_closes),
        }
    }

    fn closes(&self) -> CloseCounts {
        let by = |ending: CloseKind| read(&self.endings[ending.index()]);
        CloseCounts {
            by_peer: by(CloseKind::Peer),
            by_us: by(CloseKind::Us),
            protocol_error: by(CloseKind::ProtocolError),
            heartbeat: by(CloseKind::Heartbeat),
            idle: by(CloseKind::Idle),
            write_stall: by(CloseKind::WriteStall),
            close_timeout: by(CloseKind::CloseTimeout),
            disconnected: by(CloseKind::Disconnected),
            terminated: by(CloseKind::Terminated),
            io: by(CloseKind::Io),
            codes: array::from_fn(|index| read(&self.codes[index])),
        }
    }

    fn traffic(&self, flow: impl Fn(&Shard) -> &Flow) -> TrafficCounts {
        let sum = |counter: fn(&Flow) -> &AtomicU64| {
            self.shards.iter().map(|shard| read(counter(flow(shard)))).sum()
        };
        TrafficCounts {
            text_messages: sum(|flow| &flow.texts),
            binary_messages: sum(|flow| &flow.binaries),
            payload_bytes: sum(|flow| &flow.payload_len),
            wire_bytes: sum(|flow| &flow.wire_len),
            pings: sum(|flow| &flow.pings),
            pongs: sum(|flow| &flow.pongs),
        }
    }

    fn flow(&self, direction: Direction) -> &Flow {
        // Both numbers of shards are powers of two, and this is done for every batch.
        let shard = &self.shards[shard() & (self.shards.len() - 1)];
        match direction {
            Direction::Received => &shard.received,
            Direction::Sent => &shard.sent,
        }
    }

    fn rejections(&self) -> MutexGuard<'_, BTreeMap<u16, u64>> {
        self.refused.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Flow {
    fn add(&self, tally: &PendingCounts) {
        for (counter, count) in [
            (&self.texts, tally.texts.into()),
            (&self.binaries, tally.binaries.into()),
            (&self.payload_len, tally.payload_len),
        ] {
            if count > 0 {
                add(counter, count);
            }
        }
    }
}

/// The shard of this thread.
fn shard() -> usize {
    static NEXT: AtomicUsize = AtomicUsize::new(0);
    SHARD.get().unwrap_or_else(|| {
        let shard = NEXT.fetch_add(1, Ordering::Relaxed) % SHARDS;
        SHARD.set(Some(shard));
        shard
    })
}

fn add(counter: &AtomicU64, count: u64) {
    counter.fetch_add(count, Ordering::Relaxed);
}

fn read(counter: &AtomicU64) -> u64 {
    counter.load(Ordering::Relaxed)
}

impl fmt::Debug for Counters {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.snapshot().fmt(f)
    }
}
