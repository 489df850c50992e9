//! A queue against a model that knows what was accepted and what was left out, with whatever is
//! done to it in whatever order. The property test and the fuzz target play it.

use bowsprit_proto::{
    Close, CloseCode, Event, Fragment, Limits, Message, MessageKind, ProtocolError, Receiver, Role,
    Sender,
    deflate::{ContextTakeover, Deflate},
    queue::{
        Job, Offer, Offered, Origin, Outcome, Outgoing, Pushed, QueueLimits, SendQueue,
        SlowConsumerPolicy,
    },
};
use bytes::Bytes;

use super::queue_shared::{Owned, Prepared, agree, compress, in_queue, receive};

const LIMITS: QueueLimits =
    QueueLimits::DEFAULT.high_water_mark(2000).max_queue_len(6000).max_inline_compression_len(1500);

/// Long enough to be shared instead of copied.
const MAX_LEN: usize = 20_000;

/// What was accepted, and where it is.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Place {
    Output,
    Waiting,
    /// Reported as dropped or lost, or never finished.
    LeftOut,
}

#[derive(Debug)]
struct Accepted {
    kind: MessageKind,
    payload: Vec<u8>,
    is_publication: bool,
    place: Place,
}

struct Model {
    queue: SendQueue<Prepared>,
    peer: Receiver,
    /// In order. A message begins with its index.
    accepted: Vec<Accepted>,
    wire: Vec<u8>,
    /// Shared payloads that were written.
    finished: Vec<Bytes>,
    /// Somebody has to begin a job.
    job_is_due: bool,
    /// What was begun.
    job: Option<Option<Job<Prepared>>>,
    /// Bytes of all control frames, and of what deferred messages grow by.
    extra_len: usize,
    /// Bytes that were queued in all when the close frame was.
    end: Option<usize>,
    /// Publications may be left out by something else than publications.
    may_drop: bool,
    /// Messages that were accepted may be left out.
    may_lose: bool,
    /// The application has given up.
    is_abandoned: bool,
    is_stopped: bool,
}

/// The first byte says what kind of connection it is, then every three are something done to it.
pub(crate) fn play(bytes: &[u8]) {
    let Some((setup, steps)) = bytes.split_first() else { return };
    let mut model = Model::new(*setup);
    for step in steps.chunks_exact(3) {
        model.step([step[0], step[1], step[2]]);
        model.check();
    }
    model.finish();
}

impl Model {
    fn new(setup: u8) -> Self {
        let role = if setup & 1 == 0 { Role::Server } else { Role::Client };
        let (mut sender, peer) = match role {
            Role::Server => (Sender::server(), Role::Client),
            Role::Client => (Sender::client(|| [1, 2, 3, 4]), Role::Server),
        };
        let mut peer = Receiver::new(peer, Limits::NONE);
        let rule = match setup >> 1 & 3 {
            0 | 3 => None,
            1 => Some(ContextTakeover::Allowed),
            _ => Some(ContextTakeover::Never),
        };
        if let Some(rule) = rule {
            let deflate =
                Deflate::client().server_context_takeover(rule).client_context_takeover(rule);
            let parameters = agree(&deflate);
            sender = sender.with_deflate(&parameters, &deflate);
            peer = peer.with_deflate(&parameters, &deflate);
        }
        Self {
            queue: SendQueue::new(sender),
            peer,
            accepted: Vec::new(),
            wire: Vec::new(),
            finished: Vec::new(),
            job_is_due: false,
            job: None,
            extra_len: 0,
            end: None,
            may_drop: false,
            may_lose: false,
            is_abandoned: false,
            is_stopped: false,
        }
    }

    fn step(&mut self, [what, how, len]: [u8; 3]) {
        match what % 16 {
            0..=3 if !self.is_abandoned => self.push(how, len),
            4 | 5 if !self.is_abandoned => self.fragment(how, len),
            6..=8 if !self.is_abandoned => self.publish(how, len),
            9 => self.control(how, len),
            10 => self.write(usize::from(len) * 20),
            11 => self.write(usize::MAX),
            12 => self.refill(),
            13 => self.begin_job(),
            14 => self.end_job(),
            15 if how >= 0xd0 => self.end(len),
            _ => {}
        }
        self.collect_all();
    }

    /// Text that begins with the index of the message.
    fn payload(&self, len: u8) -> Vec<u8> {
        let len = if len >= 0xfa { MAX_LEN } else { 8 + usize::from(len) * 12 };
        let filler = "tick tock ".bytes().cycle();
        let mut payload = format!("{:08x}", self.accepted.len()).into_bytes();
        payload.extend(filler.take(len - 8));
        payload
    }

    fn accept(&mut self, kind: MessageKind, payload: Vec<u8>, is_publication: bool, place: Place) {
        self.extra_len += if place == Place::Waiting { 64 } else { 0 };
        self.accepted.push(Accepted { kind, payload, is_publication, place });
    }

    fn push(&mut self, how: u8, len: u8) {
        let origin = if how & 1 == 0 { Origin::Owner } else { Origin::Handle };
        if !self.queue.has_room(origin, &LIMITS) {
            return;
        }
        let payload = self.payload(len);
        let text = String::from_utf8(payload.clone()).unwrap();
        let owned = || Message::Binary(Bytes::from_owner(Owned(payload.clone())));
        let mut message = match how >> 1 & 7 {
            0 | 1 => Outgoing::Text(&text),
            2 => Outgoing::Binary(&payload),
            3 => Outgoing::Prepared(Prepared::new(owned())),
            4 => Outgoing::Uncompressed(owned()),
            _ => Outgoing::Message(owned()),
        };
        let (kind, is_open) = (message.kind(), !self.queue.is_closing());
        let begins = !self.queue.is_fragmented();
        let pushed = in_queue(|| self.queue.push(&mut message, &LIMITS));
        assert_eq!(pushed.is_ok(), is_open && begins);
        if let Ok(pushed) = pushed {
            let is_sent = matches!(pushed, Pushed::Sent(sent) if sent.len == payload.len());
            let place = if is_sent { Place::Output } else { Place::Waiting };
            self.accept(kind, payload, false, place);
        }
    }

    fn fragment(&mut self, how: u8, len: u8) {
        if !self.queue.accepts_fragment(&LIMITS) || self.queue.is_closing() {
            return;
        }
        let (begins, fin) = (!self.queue.is_fragmented(), how & 3 == 0);
        let payload = if begins { self.payload(len) } else { vec![b'.'; usize::from(len)] };
        let fragment = Fragment { kind: MessageKind::Binary, payload: &payload, fin };
        in_queue(|| self.queue.fragment(fragment, &LIMITS)).unwrap();
        self.extra_len += payload.len() + 64;
        if begins {
            self.accept(MessageKind::Binary, payload, false, Place::LeftOut);
        } else if let Some(message) = self.unfinished() {
            message.payload.extend(payload);
        }
        if fin && let Some(message) = self.unfinished() {
            message.place = Place::Output;
        }
    }

    /// The message whose fragments are being sent: all others that are left out are publications,
    /// or were lost when nothing more could be sent.
    fn unfinished(&mut self) -> Option<&mut Accepted> {
        let is_left_out = |message: &&mut Accepted| message.place == Place::LeftOut;
        self.accepted.iter_mut().rev().filter(is_left_out).find(|message| !message.is_publication)
    }

    fn publish(&mut self, how: u8, len: u8) {
        let policy = match how >> 2 & 7 {
            0 | 1 => SlowConsumerPolicy::DropOldest,
            2 | 3 => SlowConsumerPolicy::KeepLatest,
            4 => SlowConsumerPolicy::DropNewest,
            5 if len >= 0xf0 => SlowConsumerPolicy::Close(CloseCode::TRY_AGAIN_LATER),
            _ => SlowConsumerPolicy::Wait,
        };
        let payload = self.payload(len);
        let message = Message::Binary(Bytes::from_owner(Owned(payload.clone())));
        let mut offer = Offer::new(Prepared::new(message), u64::from(how & 3), policy);
        let can_wait = how & 0x20 == 0;
        let was_closing = self.queue.is_closing();
        let (offered, sent) = in_queue(|| self.queue.publish(&mut offer, can_wait, &LIMITS));
        self.may_lose |= offered == Offered::Closed && self.queue.is_fragmented();
        let dropped = self.collect();
        assert_eq!(offered == Offered::Gone, was_closing);
        match offered {
            Offered::Queued { dropped: told } => {
                assert_eq!(told, dropped);
                let place = if sent.is_some() { Place::Output } else { Place::Waiting };
                self.accept(MessageKind::Binary, payload, true, place);
                // Only what lies in the queue already may be in the way of a publication, and not
                // of one that takes the place of another.
                let replaces = policy == SlowConsumerPolicy::KeepLatest && dropped > 0;
                let max_len = LIMITS.max_queue_len + MAX_LEN * (1 + usize::from(replaces));
                assert!(self.queue.len() <= max_len + self.extra_len);
            }
            Offered::Full => assert!(can_wait && policy == SlowConsumerPolicy::Wait),
            Offered::Closed => assert!(self.queue.is_closing()),
            Offered::Dropped | Offered::Gone => {}
        }
    }

    fn control(&mut self, how: u8, len: u8) {
        let payload = vec![b'p'; usize::from(len % 128)];
        let is_open = !self.queue.is_closing();
        let sent = match how % 3 {
            0 => in_queue(|| self.queue.ping(&payload, &LIMITS)),
            1 => in_queue(|| self.queue.pong(&payload, &LIMITS)),
            _ => {
                let event = Event::Ping(&payload[..payload.len().min(125)]);
                let answers = in_queue(|| self.queue.respond(&event, &LIMITS));
                assert_eq!(answers, !self.queue.is_closed());
                Ok(())
            }
        };
        assert!(how % 3 == 2 || sent.is_ok() == (is_open && payload.len() <= 125));
        self.extra_len += payload.len() + 14;
    }

    fn write(&mut self, max_len: usize) {
        while !self.queue.is_written() {
            let pieces: Vec<u8> = match self.queue.contiguous() {
                Some(piece) => piece.to_vec(),
                None => self.queue.slices().flatten().copied().collect(),
            };
            assert_eq!(pieces.len(), self.queue.output_len());
            let taken = pieces.len().min(max_len);
            self.wire.extend(&pieces[..taken]);
            let finished = &mut self.finished;
            in_queue(|| self.queue.advance_with(taken, |payload| finished.push(payload)));
            if taken < pieces.len() || max_len < usize::MAX {
                break;
            }
        }
        self.finished.clear();
        drop((self.queue.take_block(), self.queue.take_compressor()));
    }

    fn refill(&mut self) {
        in_queue(|| self.queue.refill(&LIMITS));
    }

    fn begin_job(&mut self) {
        if self.job_is_due && self.job.is_none() {
            self.job_is_due = false;
            self.job = Some(in_queue(|| self.queue.begin_job()));
        }
    }

    fn end_job(&mut self) {
        let Some(job) = self.job.take() else { return };
        let (encoded, context) = job.map(compress).unzip();
        let compressed = encoded.as_ref().map(|encoded| (encoded, context.flatten()));
        self.job_is_due |= in_queue(|| self.queue.end_job(compressed, &LIMITS));
    }

    fn end(&mut self, how: u8) {
        let close = Close::new(CloseCode::NORMAL, "done");
        self.extra_len += 64;
        // A close frame breaks a fragmented message off, and what waits for its end is lost.
        self.may_lose |= how % 8 >= 5 || self.queue.is_fragmented();
        self.may_drop |= how % 8 >= 3 || self.queue.is_fragmented();
        match how % 8 {
            0..=2 => {
                let is_open = !self.queue.is_closing();
                assert_eq!(in_queue(|| self.queue.close(&close, &LIMITS)).is_ok(), is_open);
            }
            3 | 4 if self.queue.peer_close().is_none() => {
                in_queue(|| self.queue.respond(&Event::Close(close.clone()), &LIMITS));
                assert_eq!(self.queue.peer_close(), Some(&close));
            }
            5 => {
                let is_open = !self.queue.is_closed();
                let told = in_queue(|| self.queue.fail(&ProtocolError::TextUtf8, &LIMITS));
                assert_eq!(told, is_open);
            }
            6 => {
                in_queue(|| self.queue.abandon_fragments());
                self.is_abandoned = true;
            }
            7 => {
                drop(in_queue(|| self.queue.stop()));
                self.is_stopped = true;
            }
            _ => {}
        }
    }

    fn collect_all(&mut self) {
        let dropped = self.collect();
        assert!(dropped == 0 || self.may_drop);
    }

    /// Takes note of what had to wait and waits no longer; how many publications were dropped.
    fn collect(&mut self) -> usize {
        let Some(report) = in_queue(|| self.queue.take_report()) else { return 0 };
        let (mut dropped, mut lost) = (0, 0);
        self.job_is_due |= report.job_is_due;
        for settled in report.settled {
            let payload = settled.message.into_message().into_bytes();
            let index = std::str::from_utf8(&payload[..8]).unwrap();
            let message = &mut self.accepted[usize::from_str_radix(index, 16).unwrap()];
            assert_eq!((&message.place, &message.payload[..]), (&Place::Waiting, &payload[..]));
            message.place = match settled.outcome {
                Outcome::Sent { .. } => Place::Output,
                Outcome::Dropped | Outcome::Lost => Place::LeftOut,
            };
            match settled.outcome {
                Outcome::Sent { .. } => {}
                Outcome::Dropped => {
                    assert!(message.is_publication);
                    dropped += 1;
                }
                Outcome::Lost => lost += 1,
            }
        }
        assert!(lost == 0 || self.may_lose);
        dropped
    }

    fn check(&mut self) {
        let queued = self.wire.len() + self.queue.output_len();
        if self.queue.is_closed() {
            assert!(queued <= *self.end.get_or_insert(queued), "something follows the close frame");
        }
        assert!(!self.queue.is_deferring() || self.job_is_due || self.job.is_some());
        assert!(self.queue.len() <= LIMITS.max_queue_len + 2 * MAX_LEN + self.extra_len);
        let waits = self.accepted.iter().any(|message| message.place == Place::Waiting);
        assert!(!waits || !self.queue.is_empty());
    }

    /// Writes all there is, and has the peer read it.
    fn finish(mut self) {
        if self.queue.is_fragmented() && !self.queue.is_closing() && !self.is_abandoned {
            let fragment = Fragment { kind: MessageKind::Binary, payload: b"", fin: true };
            self.queue.fragment(fragment, &LIMITS).unwrap();
            if let Some(message) = self.unfinished() {
                message.place = Place::Output;
            }
        }
        while !self.queue.is_empty() {
            let before = (self.queue.len(), self.wire.len(), self.job_is_due, self.job.is_some());
            for run in [Self::end_job, Self::begin_job, Self::refill] {
                run(&mut self);
                self.collect_all();
            }
            self.write(usize::MAX);
            self.check();
            let after = (self.queue.len(), self.wire.len(), self.job_is_due, self.job.is_some());
            assert!(before != after, "something waits for ever");
        }
        self.compare();
    }

    fn compare(mut self) {
        let is_sent = |message: &&Accepted| message.place == Place::Output;
        let sent = self.accepted.iter().filter(is_sent);
        let sent: Vec<_> = sent.map(|message| (message.kind, &message.payload[..])).collect();
        assert!(self.accepted.iter().all(|message| message.place != Place::Waiting));
        let received = receive(&mut self.peer, &self.wire);
        let received: Vec<_> =
            received.iter().map(|message| (message.kind(), &message.as_bytes()[..])).collect();
        if self.is_stopped {
            return assert_eq!(received, sent[..received.len()]);
        }
        assert_eq!(received, sent);
        assert_eq!(self.peer.is_closed(), self.queue.is_closed());
    }
}
