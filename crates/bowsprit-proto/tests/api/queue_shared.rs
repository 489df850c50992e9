//! Messages and memory that the tests of the queue share.

use std::{
    cell::Cell,
    sync::{Arc, Mutex},
};

use bowsprit_proto::{
    DetachedCompressor, EncodedBatch, EncodedMessage, Encoding, Event, Message, ReceiveBuffer,
    Receiver,
    deflate::{Compressor, Deflate, Parameters},
    handshake::{ClientHandshake, Offer, Policy, respond},
    queue::{Batch, Job, Shared},
};

/// How many join a batch.
const MAX_JOINED: usize = 8;

thread_local! {
    static IN_QUEUE: Cell<bool> = const { Cell::new(false) };
}

/// Runs something that must not drop what has an owner.
pub(crate) fn in_queue<T>(run: impl FnOnce() -> T) -> T {
    IN_QUEUE.set(true);
    let done = run();
    IN_QUEUE.set(false);
    done
}

/// Bytes with an owner, as applications may have them.
#[derive(Debug)]
pub(crate) struct Owned(pub(crate) Vec<u8>);

impl AsRef<[u8]> for Owned {
    fn as_ref(&self) -> &[u8] {
        &self.0
    }
}

impl Drop for Owned {
    fn drop(&mut self) {
        assert!(!IN_QUEUE.get() || std::thread::panicking(), "dropped by the queue");
    }
}

/// A message that is encoded once.
#[derive(Clone, Debug)]
pub(crate) struct Prepared(Arc<(Message, Mutex<Option<EncodedMessage>>)>);

impl Prepared {
    pub(crate) fn new(message: impl Into<Message>) -> Self {
        Self(Arc::new((message.into(), Mutex::default())))
    }
}

impl Shared for Prepared {
    type Batch = Joined;

    fn message(&self) -> &Message {
        &self.0.0
    }

    fn encoded(&self, encoding: Encoding) -> Option<EncodedMessage> {
        match encoding {
            Encoding::Plain => Some(EncodedMessage::new(&self.0.0)),
            Encoding::Compressed(config) => {
                let mut compressed = self.0.1.lock().unwrap();
                let encode = || DetachedCompressor::new(Compressor::new(config)).message(&self.0.0);
                Some(compressed.get_or_insert_with(encode).clone())
            }
            Encoding::Own => None,
        }
    }

    fn is_ready(&self, encoding: Encoding) -> bool {
        !matches!(encoding, Encoding::Compressed(_)) || self.0.1.lock().unwrap().is_some()
    }
}

/// Publications that leave together.
#[derive(Clone, Debug)]
pub(crate) struct Joined(Arc<(Vec<EncodedMessage>, EncodedBatch)>);

impl Batch<Prepared> for Joined {
    fn join(before: Option<Self>, last: &Prepared) -> Self {
        let mut messages = before.map_or_else(Vec::new, |before| before.0.0.clone());
        messages.push(EncodedMessage::new(last.message()));
        let batch = EncodedBatch::new(&messages);
        Self(Arc::new((messages, batch)))
    }

    fn is(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.0, &other.0)
    }

    fn is_full(&self) -> bool {
        self.0.0.len() >= MAX_JOINED
    }

    fn frames_len(&self) -> usize {
        self.0.1.frames().len()
    }

    fn joined(&self) -> &EncodedBatch {
        &self.0.1
    }
}

/// What both sides agree on that want the same.
pub(crate) fn agree(deflate: &Deflate) -> Parameters {
    let (mut offer, mut policy) = (Offer::default(), Policy::default());
    (offer.deflate, policy.deflate) = (Some(*deflate), Some(*deflate));
    let url = "ws://example.com/".parse().unwrap();
    let (_, request) = ClientHandshake::new(&url, &offer, [7; 16]).unwrap();
    respond(&request, &policy).unwrap().negotiated.deflate.unwrap()
}

/// Does a job.
pub(crate) fn compress(job: Job<Prepared>) -> (EncodedMessage, Option<DetachedCompressor>) {
    match job {
        Job::Alone(message, config) => {
            (DetachedCompressor::new(Compressor::new(config)).message(&message), None)
        }
        Job::Shared(prepared, config) => {
            (prepared.encoded(Encoding::Compressed(config)).unwrap(), None)
        }
        Job::Own(message, mut context) => (context.message(&message), Some(context)),
    }
}

/// The messages in these bytes, which break no rule.
pub(crate) fn receive(peer: &mut Receiver, bytes: &[u8]) -> Vec<Message> {
    let (mut input, mut messages) = (ReceiveBuffer::new(), Vec::new());
    input.extend(bytes);
    while !peer.is_closed() && peer.receive(&mut input, &mut ()).progress.unwrap().is_event() {
        match input.event() {
            Some(Event::Text(text)) => messages.push(Message::text(text)),
            Some(Event::Binary(bytes)) => messages.push(Message::binary(bytes.to_vec())),
            _ => {}
        }
    }
    messages
}
