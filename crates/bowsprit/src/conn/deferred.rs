//! Long messages, which are compressed on other threads.
//!
//! Compressing a megabyte takes milliseconds, in which a runtime's thread could have served a
//! thousand others. So a thread of the runtime's blocking pool does it. What is sent after such a
//! message waits in the link and follows in order; only control frames go before.

use std::{collections::VecDeque, sync::Arc};

use bowsprit_proto::{DetachedCompressor, EncodedMessage, Encoding, deflate::CompressorConfig};

use super::{
    Link, Out,
    lock::{Foreign, Spent},
};
use crate::{
    Close, ConnectionConfig, Error, Event, Message, Output, PreparedMessage, SendError, Sender,
    error::Unsent, outgoing::Outgoing, prepared, stats::Side,
};

/// What waits for a message that is being compressed. The first message is that one.
#[derive(Default)]
pub(super) struct Deferred {
    messages: VecDeque<Foreign<Outgoing<'static>>>,
    /// Bytes of these messages.
    pub(super) len: usize,
    /// The close frame that comes after them.
    pub(super) close: Option<Close<'static>>,
}

/// A message to compress.
enum Job {
    Alone(Message, CompressorConfig),
    Shared(PreparedMessage, CompressorConfig),
    /// With the connection's own context, as it may refer to earlier messages.
    Own(Message, DetachedCompressor),
}

impl Job {
    /// Does the work, and gives the connection's context back.
    fn run(self) -> (EncodedMessage, Option<DetachedCompressor>) {
        match self {
            Self::Alone(message, config) => (prepared::compress(&message, config), None),
            Self::Shared(prepared, config) => (prepared.compressed(config), None),
            Self::Own(message, mut compressing) => {
                (compressing.message(&message), Some(compressing))
            }
        }
    }
}

impl Link {
    /// Sends a message behind all that was accepted before. What stays of it is not to be dropped
    /// under the lock.
    pub(super) fn send(&self, out: &mut Out, message: &mut Outgoing<'_>) -> Result<(), Unsent> {
        if out.outbox_len() == 0 || out.sender.is_fragmented() {
            return self.send_next(out, message);
        }
        out.queue_behind(message.take().into_owned());
        self.request_flush(out);
        Ok(())
    }

    /// Queues a message that may be queued now, or takes it to have it compressed first.
    pub(super) fn send_next(
        &self,
        out: &mut Out,
        message: &mut Outgoing<'_>,
    ) -> Result<(), Unsent> {
        if out.deferred().is_none() && !message.is_heavy(&out.sender, self.config()) {
            out.queue_message(message)?;
            self.request_flush(out);
            return Ok(());
        }
        // "The fragments of one message MUST NOT be interleaved" with another, RFC 6455 §5.4.
        if out.sender.is_fragmented() {
            return Err(SendError::FragmentOpen.into());
        }
        let begun = out.deferred().is_some();
        out.extras().deferred.get_or_insert_default().push(message.take().into_owned());
        out.due().compress |= !begun;
        Ok(())
    }

    /// Queues a close frame behind all messages.
    ///
    /// # Errors
    ///
    /// It may not be sent, or the connection is closing or has ended.
    pub(crate) fn close(self: &Arc<Self>, close: &Close<'_>) -> Result<(), Unsent> {
        let mut out = self.lock();
        out.check_open()?;
        // Only to have it checked, before anything is given up or put off for it.
        Sender::server().close(close, &mut Output::new())?;
        self.empty_outbox(&mut out);
        if let Some(deferred) = out.deferred_mut() {
            deferred.close = Some(close.clone().into_owned());
        } else {
            out.queue(|sender, output| sender.close(close, output))?;
            self.request_flush(&mut out);
        }
        out.note_close(Side::Us, close.code, self.config());
        out.wake_waiting();
        Ok(())
    }

    /// The same for those who then wait for the end, where they are told how it has ended.
    ///
    /// # Errors
    ///
    /// It may not be sent.
    pub(crate) fn begin_close(self: &Arc<Self>, close: &Close<'_>) -> Result<(), Error> {
        match self.close(close) {
            Err(Unsent::Refused(error)) if error != SendError::Closed => Err(error.into()),
            _ => Ok(()),
        }
    }

    /// Compresses the message that others wait for, and queues it with those behind it that need no
    /// such work. Whether there is another that does.
    pub(super) fn compress_first(self: &Arc<Self>) -> bool {
        let job = self.lock().begin_job();
        let done = job.map(Job::run);
        let mut out = self.lock();
        if let Some((encoded, compressing)) = done {
            out.end_job(&encoded, compressing);
        }
        let more = out.queue_light(self.config());
        self.request_flush(&mut out);
        more
    }
}

impl Deferred {
    fn push(&mut self, message: Outgoing<'static>) {
        self.len += message.len();
        self.messages.push_back(Foreign(message));
    }

    fn pop(&mut self) -> Option<Foreign<Outgoing<'static>>> {
        let message = self.messages.pop_front()?;
        self.len -= message.len();
        Some(message)
    }
}

impl Out {
    pub(super) fn deferred(&self) -> Option<&Deferred> {
        self.extras.as_ref()?.deferred.as_deref()
    }

    fn deferred_mut(&mut self) -> Option<&mut Deferred> {
        self.extras.as_mut()?.deferred.as_deref_mut()
    }

    /// Leaves out all that waits: it can no longer be sent.
    pub(super) fn drop_deferred(&mut self) {
        if let Some(deferred) = self.extras.as_mut().and_then(|extras| extras.deferred.take()) {
            self.spend(Spent::Messages(deferred.messages.into()));
        }
    }

    /// The work of the message that others wait for; `None` if there is nothing to compress.
    fn begin_job(&mut self) -> Option<Job> {
        let message = self.deferred()?.messages.front()?;
        let encoding = self.sender.encoding(message.len());
        match (Outgoing::clone(message), encoding) {
            (_, Encoding::Plain) | (Outgoing::Uncompressed(_), _) => None,
            (Outgoing::Prepared(prepared), Encoding::Compressed(config)) => {
                Some(Job::Shared(prepared, config))
            }
            (message, Encoding::Compressed(config)) => {
                Some(Job::Alone(message.into_message(), config))
            }
            (message, Encoding::Own) => {
                Some(Job::Own(message.into_message(), self.sender.begin_compressing()?))
            }
        }
    }

    /// Queues the message of a job, unless the connection has failed meanwhile.
    fn end_job(&mut self, encoded: &EncodedMessage, compressing: Option<DetachedCompressor>) {
        if let Some(message) = self.deferred_mut().and_then(Deferred::pop) {
            let queued = self.queue_encoded(|sender, output| sender.encoded(encoded, output));
            self.note_sent(message.kind(), message.len(), encoded.payload_len());
            debug_assert!(queued.is_ok(), "checked when it was deferred");
            self.spend(Spent::Message(message));
        }
        if let Some(compressing) = compressing {
            self.sender.end_compressing(compressing);
        }
    }

    /// Queues what needs no compressing: a context would go from this thread's pool to another's.
    #[inline]
    pub(super) fn queue_encoded(
        &mut self,
        queue: impl FnOnce(&mut Sender, &mut Output) -> Result<(), SendError>,
    ) -> Result<(), SendError> {
        self.settle();
        self.lend_block();
        queue(&mut self.sender, &mut self.output)
    }

    /// Queues what has waited for a job, as far as the next job. Whether there is one.
    fn queue_light(&mut self, config: &ConnectionConfig) -> bool {
        while let Some(first) = self.deferred().and_then(|deferred| deferred.messages.front()) {
            if first.is_heavy(&self.sender, config) {
                return true;
            }
            if let Some(message) = self.deferred_mut().and_then(Deferred::pop) {
                let queued = self.queue_message(&message);
                debug_assert!(queued.is_ok(), "checked when it was deferred");
                self.spend(Spent::Message(message));
            }
        }
        self.queue_late_close();
        self.wake_for_progress(config);
        false
    }

    /// Queues the close frames that had to wait.
    fn queue_late_close(&mut self) {
        let Some(deferred) = self.extras.as_mut().and_then(|extras| extras.deferred.take()) else {
            return;
        };
        if let Some(close) = deferred.close {
            let queued = self.queue(|sender, output| sender.close(&close, output));
            debug_assert!(queued.is_ok(), "checked when it was deferred");
        }
        if let Some(close) = self.peer_close().cloned() {
            self.settle();
            let Self { sender, output, .. } = self;
            sender.respond(&Event::Close(close), output);
        }
    }
}
