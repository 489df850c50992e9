//! The timers of one connection, as numbers that a sweep looks at now and then.

use std::time::Duration;

use tokio::time::Instant;

use crate::{Options, error::Timer};

/// Length of the payload of a heartbeat's ping.
const NONCE_LEN: usize = 8;

/// What has happened by when.
#[derive(Debug)]
pub(super) struct Timers {
    /// The last sweep.
    swept: Option<Instant>,
    /// `Seen::reads` at the last sweep.
    reads: u32,
    /// Time without a byte from the peer, or since the last ping.
    quiet: Duration,
    /// Time without a byte from the peer since a ping, during which the application was reading.
    unanswered: Option<Duration>,
    pings: u64,
    /// Something was written since the last sweep.
    written: bool,
    /// Time during which the peer took none of what waits for it.
    stalled: Duration,
    /// What the closing handshake waits for, and for how long.
    closing: Option<(Wait, Duration)>,
}

/// What the link looks like at a sweep.
#[derive(Clone, Copy, Debug)]
#[expect(clippy::struct_excessive_bools, reason = "four facts that have nothing in common")]
pub(super) struct Seen {
    /// How often the reader has got bytes.
    pub(super) reads: u32,
    /// The reader waits for bytes.
    pub(super) reading: bool,
    /// Bytes wait to be written.
    pub(super) queued: bool,
    /// A close frame of ours is queued or sent.
    pub(super) closing: bool,
    /// The closing handshake is over, the transport is not.
    pub(super) lingering: bool,
}

/// What a sweep leads to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Action {
    None,
    Ping([u8; NONCE_LEN]),
    End(Timer),
    /// The peer does not end its side of the transport; there is nothing more to wait for.
    EndLinger,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Wait {
    /// For the peer's close frame.
    Close,
    /// For the end of the peer's transport.
    Linger,
}

impl Timers {
    pub(super) const fn new() -> Self {
        Self {
            swept: None,
            reads: 0,
            quiet: Duration::ZERO,
            unanswered: None,
            pings: 0,
            written: false,
            stalled: Duration::ZERO,
            closing: None,
        }
    }

    /// The transport has taken some bytes.
    pub(super) const fn note_written(&mut self) {
        self.written = true;
    }

    /// A ping has not been answered yet.
    pub(super) const fn awaits_life(&self) -> bool {
        self.unanswered.is_some()
    }

    pub(super) fn sweep(&mut self, options: &Options, seen: Seen, now: Instant) -> Action {
        let passed = now - self.swept.replace(now).unwrap_or(now);
        if let Some(end) = self.sweep_closing(options, seen, passed) {
            return end;
        }
        if self.sweep_stall(options, seen, passed) {
            return Action::End(Timer::WriteStall);
        }
        self.sweep_heartbeat(options, seen, passed)
    }

    /// Counts the time that the peer leaves our close frame, or the end of our transport, without
    /// an answer. Bytes that are still queued go first: the stall timer watches over those.
    fn sweep_closing(&mut self, options: &Options, seen: Seen, passed: Duration) -> Option<Action> {
        let (wait, limit, waits) = if seen.lingering {
            (Wait::Linger, options.linger_timeout, true)
        } else {
            (Wait::Close, options.close_timeout, seen.closing && !seen.queued)
        };
        self.closing = match self.closing {
            _ if !waits => None,
            Some((same, waited)) if same == wait => Some((wait, waited + passed)),
            _ => Some((wait, Duration::ZERO)),
        };
        let (wait, _) = self.closing.filter(|(_, waited)| *waited >= limit)?;
        Some(match wait {
            Wait::Close => Action::End(Timer::Close),
            Wait::Linger => Action::EndLinger,
        })
    }

    fn sweep_stall(&mut self, options: &Options, seen: Seen, passed: Duration) -> bool {
        let progress = std::mem::take(&mut self.written) || !seen.queued;
        self.stalled = if progress { Duration::ZERO } else { self.stalled + passed };
        options.write_stall_timeout.is_some_and(|limit| self.stalled >= limit)
    }

    fn sweep_heartbeat(&mut self, options: &Options, seen: Seen, passed: Duration) -> Action {
        let Some(heartbeat) = options.heartbeat else { return Action::None };
        if seen.reads != self.reads {
            self.reads = seen.reads;
            self.quiet = Duration::ZERO;
            self.unanswered = None;
            return Action::None;
        }
        self.quiet += passed;
        if seen.reading
            && let Some(unanswered) = &mut self.unanswered
        {
            *unanswered += passed;
            if *unanswered >= heartbeat.timeout {
                return Action::End(Timer::Heartbeat);
            }
        }
        // After a close frame nothing may be sent, and the closing timer runs. A ping that has to
        // wait itself needs no other behind it.
        let waits = seen.queued && self.unanswered.is_some();
        if self.quiet < heartbeat.interval || seen.closing || waits {
            return Action::None;
        }
        self.quiet = Duration::ZERO;
        self.unanswered.get_or_insert(Duration::ZERO);
        self.pings += 1;
        Action::Ping(self.pings.to_be_bytes())
    }
}
