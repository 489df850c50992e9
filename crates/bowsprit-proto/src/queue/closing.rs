//! Control frames and closing, RFC 6455 §5.5 and §7.

use core::mem;

use super::{Resources, SendQueue, Shared};
use crate::{Close, Event, Output, ProtocolError, SendError, Sender};

/// Control frames.
impl<P: Shared> SendQueue<P> {
    /// Queues a ping, even if the queue is full. It goes ahead of all messages that are not in the
    /// output yet.
    ///
    /// # Errors
    ///
    /// [`SendError::ControlTooLong`] for more than 125 bytes, [`SendError::Closed`] after a close
    /// frame was accepted or received.
    pub fn ping(&mut self, payload: &[u8], resources: &impl Resources) -> Result<(), SendError> {
        self.check_open()?;
        self.control(resources, |sender, output| sender.ping(payload, output))
    }

    /// Queues an unsolicited pong, even if the queue is full.
    ///
    /// # Errors
    ///
    /// As [`ping`](Self::ping).
    pub fn pong(&mut self, payload: &[u8], resources: &impl Resources) -> Result<(), SendError> {
        self.check_open()?;
        self.control(resources, |sender, output| sender.pong(payload, output))
    }

    /// Queues a close frame behind everything accepted before. Nothing is accepted after it.
    ///
    /// Inside a fragmented message, messages that wait for its end are lost. They are in the
    /// report, as are the messages that are moved into the output.
    ///
    /// # Errors
    ///
    /// [`SendError::CloseCode`] and [`SendError::CloseReasonTooLong`] if the code or reason may not
    /// be sent, [`SendError::Closed`] after a close frame was accepted or received. The queue is
    /// unchanged.
    pub fn close(
        &mut self,
        close: &Close<'_>,
        resources: &impl Resources,
    ) -> Result<(), SendError> {
        self.check_open()?;
        // Checked before anything is dropped or deferred for it.
        close.encode()?;
        self.empty_outbox(resources);
        if self.is_deferring() {
            self.backlog().late_close = Some(close.clone().into_owned());
            return Ok(());
        }
        self.control(resources, |sender, output| sender.close(close, output))
    }

    /// Queues the answer that the RFC requires: a pong to a ping, a close frame to a close frame.
    /// Returns whether an answer was queued.
    ///
    /// The answer to a close frame goes behind the messages accepted before, except for
    /// publications: these are dropped, as the peer no longer needs them, and are in the report.
    pub fn respond(&mut self, event: &Event<'_>, resources: &impl Resources) -> bool {
        if let Event::Close(close) = event {
            self.drop_publications(|_| true);
            self.empty_outbox(resources);
            self.backlog().peer_close = Some(close.clone().into_owned());
            if self.is_deferring() {
                return false;
            }
        }
        self.answer(event, resources)
    }

    /// Queues the close frame that reports a violation to the peer, unless one was queued before.
    /// Returns whether it was queued.
    ///
    /// Messages that are not in the output yet are lost; they are in the report.
    pub fn fail(&mut self, error: &ProtocolError, resources: &impl Resources) -> bool {
        self.drop_deferred();
        self.drop_outbox();
        let tells = !self.is_closed();
        if tells {
            self.settle();
            self.lend_block(resources);
            self.sender.fail(error, &mut self.output);
        }
        tells
    }

    /// Drops the messages that wait for the end of a fragmented message, because that end will not
    /// be sent.
    pub fn abandon_fragments(&mut self) {
        if self.is_fragmented() {
            self.drop_outbox();
        }
    }

    /// Ends the queue with its connection: nothing is accepted, answered or written any more.
    /// Returns the unwritten output; messages that were not in the output are in the report.
    #[must_use = "dropping the output may run code of whoever owns the bytes in it"]
    pub fn stop(&mut self) -> Output {
        self.sender.stop();
        self.batch = None;
        self.drop_deferred();
        self.drop_outbox();
        mem::take(&mut self.output)
    }

    /// Whether our close frame is, or was, in the output.
    #[must_use]
    pub const fn is_closed(&self) -> bool {
        self.sender.is_closed()
    }

    /// Whether our close frame was sent, or will be sent after the messages accepted before it.
    #[must_use]
    #[inline]
    pub fn is_closing(&self) -> bool {
        let waits = |backlog: &super::Backlog<P>| {
            backlog.late_close.is_some() || backlog.peer_close.is_some()
        };
        self.is_closed() || self.backlog.as_ref().is_some_and(|backlog| waits(backlog))
    }

    /// What the peer has closed the connection with.
    #[must_use]
    pub fn peer_close(&self) -> Option<&Close<'static>> {
        self.backlog.as_ref()?.peer_close.as_ref()
    }

    pub(super) fn check_open(&self) -> Result<(), SendError> {
        // RFC 6455 §5.5.1: "The application MUST NOT send any more data frames after sending a
        // Close frame."
        if self.is_closing() { Err(SendError::Closed) } else { Ok(()) }
    }

    pub(super) fn answer(&mut self, event: &Event<'_>, resources: &impl Resources) -> bool {
        let answers = matches!(event, Event::Ping(_) | Event::Close(_)) && !self.is_closed();
        if answers {
            self.settle();
            self.lend_block(resources);
            self.sender.respond(event, &mut self.output);
        }
        answers
    }

    /// Queues a control frame, which is never compressed.
    pub(super) fn control(
        &mut self,
        resources: &impl Resources,
        queue: impl FnOnce(&mut Sender, &mut Output) -> Result<(), SendError>,
    ) -> Result<(), SendError> {
        self.settle();
        self.lend_block(resources);
        queue(&mut self.sender, &mut self.output)
    }
}
