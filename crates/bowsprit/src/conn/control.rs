//! Control frames: pings, pongs and close frames, and the answers that the core makes.

use std::{sync::Arc, time::Duration};

use super::{Link, Out};
use crate::{
    Close, Error, Event, ProtocolError, SendError, entropy,
    error::QueueError,
    stats::{Control, Direction, Policy, Side},
};

impl Link {
    /// Queues a ping, however much is queued already.
    ///
    /// # Errors
    ///
    /// The payload is too long, or the connection is closing or has ended.
    pub(crate) fn send_ping(self: &Arc<Self>, payload: &[u8]) -> Result<(), QueueError> {
        let mut out = self.lock();
        out.check_open()?;
        out.queue.ping(payload, &self.resources())?;
        self.request_flush(&mut out);
        drop(out);
        self.counters().control(Direction::Sent, Control::Ping);
        Ok(())
    }

    /// Queues a pong, however much is queued already.
    ///
    /// # Errors
    ///
    /// As [`send_ping`](Self::send_ping).
    pub(crate) fn send_pong(self: &Arc<Self>, payload: &[u8]) -> Result<(), QueueError> {
        let mut out = self.lock();
        out.check_open()?;
        out.queue.pong(payload, &self.resources())?;
        self.request_flush(&mut out);
        drop(out);
        self.counters().control(Direction::Sent, Control::Pong);
        Ok(())
    }

    /// Sends a ping whose pong tells the round-trip time.
    ///
    /// # Errors
    ///
    /// The connection is closing or has ended.
    pub(crate) fn measure_round_trip(self: &Arc<Self>) -> Result<(), QueueError> {
        let mut out = self.lock();
        out.check_open()?;
        self.ping(&mut out)?;
        self.request_flush(&mut out);
        drop(out);
        self.counters().control(Direction::Sent, Control::Ping);
        Ok(())
    }

    pub(super) fn ping(&self, out: &mut Out) -> Result<(), SendError> {
        let nonce = out.round_trip.ping(self.info.age(), entropy::random());
        out.queue.ping(&nonce, &self.resources())
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
        out.collect(Policy::Closed);
        out.on_close(Side::Us, close.code, self.config());
        out.wake_closing();
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
            out.collect(Policy::Closed);
            out.on_close(Side::Peer, close.code, self.config());
            // Nothing more may be sent, so nobody need wait for room.
            out.wake_closing();
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
        out.wake_closing();
        let told = out.queue.fail(error, &self.resources());
        out.collect(Policy::Closed);
        out.on_close(Side::LocalProtocolError, error.close_code(), self.config());
        if told {
            self.request_flush(&mut out);
        }
    }
}
