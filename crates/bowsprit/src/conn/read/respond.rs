//! What the peer is told in answer to what it sends. The core decides when that is.

use std::sync::Arc;

use bowsprit_proto::{Received, Respond, timers::RateLimiter};

use crate::{
    Event, ProtocolError,
    conn::Link,
    stats::{Control, Direction},
};

/// The sending side, as the receiver sees it: behind the link's lock, which only control frames and
/// errors take.
pub(super) struct Responder<'r> {
    pub(super) link: &'r Arc<Link>,
    pub(super) rates: &'r mut RateLimiter,
}

impl Respond for Responder<'_> {
    #[inline]
    fn count(&mut self, received: &Received) -> Result<(), ProtocolError> {
        self.rates.count(received)
    }

    fn respond(&mut self, event: &Event<'_>) {
        match event {
            Event::Ping(_) => {
                self.link.counters().control(Direction::Received, Control::Ping);
                if self.link.config().auto_pong {
                    self.link.respond(event);
                }
            }
            Event::Pong(payload) => self.link.on_pong(payload),
            _ => self.link.respond(event),
        }
    }

    fn fail(&mut self, error: &ProtocolError) {
        self.link.fail_protocol(error);
    }
}
