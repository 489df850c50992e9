//! Long messages, which are compressed on another thread.
//!
//! Compressing a megabyte takes milliseconds, in which a thread could have served a thousand other
//! connections. So the driver has another thread do it. Messages sent after such a message are
//! deferred and follow in order; only control frames go ahead.

use super::{Outcome, Outgoing, Pushed, Resources, SendQueue, Sent, Shared};
use crate::{
    DetachedCompressor, EncodedMessage, Encoding, Event, Message, SendError,
    deflate::CompressorConfig,
};

/// A message to compress outside of the queue. [`SendQueue::end_job`] takes the result.
#[derive(Debug)]
#[expect(clippy::exhaustive_enums, reason = "whoever compresses has to handle all of them")]
pub enum Job<P> {
    /// Compress by itself, with any context of this configuration.
    Alone(Message, CompressorConfig),
    /// Compress for many connections: call [`Shared::encoded`].
    Shared(P, CompressorConfig),
    /// Compress with the connection's own context, as it may refer to earlier messages.
    Own(Message, DetachedCompressor),
}

/// Messages that are compressed on another thread.
impl<P: Shared> SendQueue<P> {
    /// Sends a message that may be sent now, or defers it until it is compressed.
    pub(super) fn send(
        &mut self,
        message: &mut Outgoing<'_, P>,
        resources: &impl Resources,
    ) -> Result<Pushed, SendError> {
        let max_len = resources.limits().max_inline_compression_len;
        if !self.is_deferring() && !message.is_heavy(&self.sender, max_len) {
            return self.frame(message, resources).map(Pushed::Sent);
        }
        // RFC 6455 §5.4: "The fragments of one message MUST NOT be interleaved between the
        // fragments of another message"
        if self.is_fragmented() {
            return Err(SendError::FragmentOpen);
        }
        let job_is_due = !self.is_deferring();
        let message = message.take().into_owned();
        let backlog = self.backlog();
        backlog.deferred.push(message);
        backlog.report.job_is_due |= job_is_due;
        Ok(Pushed::Waiting)
    }

    /// Returns the job that deferred messages wait for, to be done outside of any lock on the
    /// queue. `None` if it is no longer needed. Call [`end_job`](Self::end_job) afterwards in
    /// either case.
    #[must_use]
    pub fn begin_job(&mut self) -> Option<Job<P>> {
        let message = self.backlog.as_ref()?.deferred.first()?;
        let encoding = self.sender.encoding(message.len());
        match (message.clone(), encoding) {
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

    /// Sends the message of a job, unless the connection has failed meanwhile, and the messages
    /// deferred behind it, up to the next one that is to be compressed on another thread. Returns
    /// whether there is one: then the next job is due. All sent or lost messages are in the report.
    ///
    /// `compressed` is the result of the job that [`begin_job`](Self::begin_job) returned, with the
    /// context of [`Job::Own`].
    pub fn end_job(
        &mut self,
        compressed: Option<(&EncodedMessage, Option<DetachedCompressor>)>,
        resources: &impl Resources,
    ) -> bool {
        if let Some((encoded, context)) = compressed {
            self.send_compressed(encoded, resources);
            if let Some(context) = context {
                self.sender.end_compressing(context);
            }
        }
        let max_len = resources.limits().max_inline_compression_len;
        while let Some(backlog) = &mut self.backlog
            && let Some(first) = backlog.deferred.first()
        {
            if first.is_heavy(&self.sender, max_len) {
                return true;
            }
            self.send_deferred(|queue, message| queue.frame(message, resources));
        }
        self.close_late(resources);
        false
    }

    fn send_compressed(&mut self, encoded: &EncodedMessage, resources: &impl Resources) {
        self.send_deferred(|queue, message| {
            queue.settle();
            queue.lend_block(resources);
            let before = queue.output.len();
            queue.sender.encoded(encoded, &mut queue.output)?;
            let (kind, len) = (message.kind(), message.len());
            Ok(Sent { kind, len, wire_len: queue.output.len() - before })
        });
    }

    fn send_deferred(
        &mut self,
        send: impl FnOnce(&mut Self, &Outgoing<'static, P>) -> Result<Sent, SendError>,
    ) {
        let first = self.backlog.as_mut().and_then(|backlog| backlog.deferred.pop());
        let Some(message) = first else { return };
        let outcome = match send(self, &message) {
            Ok(sent) => Outcome::Sent { wire_len: sent.wire_len },
            Err(_) => Outcome::Lost,
        };
        self.backlog().settle(message, outcome);
    }

    /// Sends the deferred close frames.
    fn close_late(&mut self, resources: &impl Resources) {
        let Some(backlog) = &mut self.backlog else { return };
        let (late, peer) = (backlog.late_close.take(), backlog.peer_close.clone());
        if let Some(close) = late {
            // Checked when it was deferred.
            let _closed = self.control(resources, |sender, output| sender.close(&close, output));
        }
        if let Some(close) = peer {
            self.answer(&Event::Close(close), resources);
        }
    }

    /// Whether messages wait for one that is compressed on another thread.
    #[must_use]
    pub fn is_deferring(&self) -> bool {
        self.backlog.as_ref().is_some_and(|backlog| !backlog.deferred.is_empty())
    }
}
