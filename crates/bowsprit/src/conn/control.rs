//! Control frames: pings, pongs and close frames, and the answers that the core makes.

use std::{sync::Arc, time::Duration};

use super::{Link, Out};
use crate::{
    Close, Error, Event, ProtocolError, SendError, entropy,
    error::QueueError,
    stats::{Control, Direction, Side},
};

impl Link {
    /// Queues a ping, however much is queued already.
    ///
    /// # Errors
    ///
    /// The payload is too long, or the connection is closing or has ended.
    pub(crate) fn send_ping(self: &Arc<Self>, payload: &[u8]) -> Result<(), QueueError> {
        self.send_control(Control::Ping, |out| out.queue.ping(payload, &self.resources()))
    }

    /// Queues a pong, however much is queued already.
    ///
    /// # Errors
    ///
    /// As [`send_ping`](Self::send_ping).
    pub(crate) fn send_pong(self: &Arc<Self>, payload: &[u8]) -> Result<(), QueueError> {
        self.send_control(Control::Pong, |out| out.queue.pong(payload, &self.resources()))
    }

    /// Sends a ping whose pong tells the round-trip time.
    ///
    /// # Errors
    ///
    /// The connection is closing or has ended.
    pub(crate) fn measure_round_trip(self: &Arc<Self>) -> Result<(), QueueError> {
        self.send_control(Control::Ping, |out| {
            let nonce = out.round_trip.ping(self.info.age(), entropy::random());
            out.queue.ping(&nonce, &self.resources())
        })
    }

    fn send_control(
        self: &Arc<Self>,
        frame: Control,
        queue: impl FnOnce(&mut Out) -> Result<(), SendError>,
    ) -> Result<(), QueueError> {
        let mut out = self.lock();
        out.check_open()?;
        queue(&mut out)?;
        self.request_flush(&mut out);
        drop(out);
        self.counters().control(Direction::Sent, frame);
        Ok(())
    }

    /// A pong has come.
    pub(crate) fn on_pong(self: &Arc<Self>, payload: &[u8]) {
        let took = self.lock().round_trip.on_pong(payload, || self.info.age());
        self.counters().pong(took);
    }

    /// How long the last ping and its pong took.
    pub(crate) fn round_trip_time(&self) -> Option<Duration> {
        self.look(|out| out.round_trip.time())
    }

    /// Queues a close frame behind all messages.
    ///
    /// # Errors
    ///
    /// It may not be sent, or the connection is closing or has ended.
    pub(crate) fn close(self: &Arc<Self>, close: &Close<'_>) -> Result<(), QueueError> {
        let mut out = self.lock();
        out.check_open()?;
        out.queue.close(close, &self.resources())?;
        out.on_close(Side::Us, close.code, self.config());
        self.request_flush(&mut out);
        Ok(())
    }

    /// The same for those who then wait for the end, where they are told how it has ended.
    ///
    /// # Errors
    ///
    /// It may not be sent.
    pub(crate) fn begin_close(self: &Arc<Self>, close: &Close<'_>) -> Result<(), Error> {
        match self.close(close) {
            Err(QueueError::Refused(error)) if error != SendError::Closed => Err(error.into()),
            _ => Ok(()),
        }
    }

    /// Queues the answer that an event asks for.
    pub(crate) fn respond(self: &Arc<Self>, event: &Event<'_>) {
        let mut out = self.lock();
        let answered = out.queue.respond(event, &self.resources());
        if let Event::Close(close) = event {
            out.on_close(Side::Peer, close.code, self.config());
        }
        if answered {
            self.request_flush(&mut out);
        }
        drop(out);
        if answered && matches!(event, Event::Ping(_)) {
            self.counters().control(Direction::Sent, Control::Pong);
        }
    }

    /// Queues the close frame that tells the peer what it did wrong.
    pub(crate) fn fail_protocol(self: &Arc<Self>, error: &ProtocolError) {
        let mut out = self.lock();
        let told = out.queue.fail(error, &self.resources());
        out.on_close(Side::LocalProtocolError, error.close_code(), self.config());
        if told {
            self.request_flush(&mut out);
        }
    }
}
