//! Control frames: pings and pongs, and the answers that the core makes.

use std::{sync::Arc, time::Duration};

use super::{Link, Out};
use crate::{
    Event, Output, ProtocolError, SendError, Sender, entropy,
    error::Unsent,
    stats::{Control, Direction, Side},
};

impl Link {
    /// Queues a ping, however much is queued already.
    ///
    /// # Errors
    ///
    /// The payload is too long, or the connection is closing or has ended.
    pub(crate) fn send_ping(self: &Arc<Self>, payload: &[u8]) -> Result<(), Unsent> {
        self.queue(|sender, output| sender.ping(payload, output))?;
        self.counters().control(Direction::Sent, Control::Ping);
        Ok(())
    }

    /// Queues a pong, however much is queued already.
    ///
    /// # Errors
    ///
    /// As [`send_ping`](Self::send_ping).
    pub(crate) fn send_pong(self: &Arc<Self>, payload: &[u8]) -> Result<(), Unsent> {
        self.queue(|sender, output| sender.pong(payload, output))?;
        self.counters().control(Direction::Sent, Control::Pong);
        Ok(())
    }

    /// Sends a ping whose pong tells the round-trip time.
    ///
    /// # Errors
    ///
    /// The connection is closing or has ended.
    pub(crate) fn measure_round_trip(self: &Arc<Self>) -> Result<(), Unsent> {
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
        out.queue(|sender, output| sender.ping(&nonce, output))
    }

    /// A pong has come.
    pub(crate) fn note_pong(self: &Arc<Self>, payload: &[u8]) {
        let took = self.lock().round_trip.on_pong(payload, || self.info.age());
        self.counters().pong(took);
    }

    /// How long the last ping and its pong took.
    pub(crate) fn round_trip_time(&self) -> Option<Duration> {
        self.look().round_trip.time()
    }

    /// Queues the answer that an event asks for.
    pub(crate) fn respond(self: &Arc<Self>, event: &Event<'_>) {
        let mut out = self.lock();
        let pongs =
            matches!(event, Event::Ping(_)) && out.ended.is_none() && !out.sender.is_closed();
        if let Event::Close(close) = event {
            // What the application has sent goes before our answer.
            out.drop_publications();
            self.empty_outbox(&mut out);
            out.note_close(Side::Peer, close.code, self.config());
            out.extras().peer_close = Some(Box::new(close.clone().into_owned()));
            // Nothing more may be sent, so nobody need wait for room.
            out.wake_waiting();
            if out.deferred().is_some() {
                // The answer comes after what was sent before.
                return;
            }
        }
        self.answer(&mut out, |sender, output| sender.respond(event, output));
        drop(out);
        if pongs {
            self.counters().control(Direction::Sent, Control::Pong);
        }
    }

    /// Queues the close frame that tells the peer what it did wrong.
    pub(crate) fn fail_protocol(self: &Arc<Self>, error: &ProtocolError) {
        let mut out = self.lock();
        out.wake_waiting();
        out.drop_deferred();
        out.drop_outbox();
        out.note_close(Side::UsForFault, error.close_code(), self.config());
        self.answer(&mut out, |sender, output| sender.fail(error, output));
    }

    /// Queues what the core has to say, unless it is too late.
    fn answer(&self, out: &mut Out, answer: impl FnOnce(&mut Sender, &mut Output)) {
        if out.ended.is_some() {
            return;
        }
        out.settle();
        out.lend_block();
        let Out { sender, output, .. } = out;
        answer(sender, output);
        self.request_flush(out);
    }
}
