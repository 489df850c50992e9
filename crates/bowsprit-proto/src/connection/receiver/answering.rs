//! Passes control frames and violations to the sending half.

use super::{
    super::{Block, Progress, ReceiveBuffer, Received, Respond},
    End, Receiver,
};
use crate::ProtocolError;

impl Receiver {
    /// Counts what has been received, and passes control frames and violations to the sending half.
    #[inline]
    pub(super) fn answer<B: Block>(
        &mut self,
        received: &mut Received,
        input: &mut ReceiveBuffer<B>,
        peer: &mut impl Respond,
    ) {
        if received.progress.is_ok()
            && let Err(error) = peer.count(received)
        {
            received.progress = Err(error);
        }
        match received.progress {
            Ok(Progress::Data(_) | Progress::NeedData) => {}
            Ok(Progress::Ping | Progress::Pong | Progress::Close) => respond(input, peer),
            Err(error) if !self.has_failed() => self.fail(error, input, peer),
            Err(_) => {}
        }
    }

    const fn has_failed(&self) -> bool {
        matches!(self.end, End::Failed(_))
    }

    /// Stops receiving, and has the sending half tell the peer why.
    #[inline(never)]
    fn fail<B: Block>(
        &mut self,
        error: ProtocolError,
        input: &mut ReceiveBuffer<B>,
        peer: &mut impl Respond,
    ) {
        // §7.1.7: "An endpoint MUST NOT continue to attempt to process data (including a
        // responding Close frame) from the remote endpoint after being instructed to _Fail the
        // WebSocket Connection_."
        input.discard();
        self.end = End::Failed(error);
        peer.fail(&error);
    }

    /// Drops input that arrives after the end.
    #[cold]
    pub(super) fn after_end<B: Block>(&self, input: &mut ReceiveBuffer<B>) -> Received {
        input.discard();
        let progress = match self.end {
            End::Failed(error) => Err(error),
            End::Open | End::Closed => Ok(Progress::NeedData),
        };
        Received { progress, data_frames: 0, inflated_len: 0 }
    }
}

#[inline(never)]
fn respond<B: Block>(input: &ReceiveBuffer<B>, peer: &mut impl Respond) {
    if let Some(event) = input.event() {
        peer.respond(&event);
    }
}
