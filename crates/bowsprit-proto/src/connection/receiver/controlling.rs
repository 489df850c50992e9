//! Control frames alone, for while nobody wants the data.

use super::{
    super::{
        Block, Progress, ReceiveBuffer, Received, Respond,
        incoming::{Frame, Step},
    },
    Receiver,
};
use crate::ProtocolError;

impl Receiver {
    /// Reads control frames from `input`, and stops in front of data.
    ///
    /// `None` means that what comes next is data: the header of a data frame, which has not been
    /// touched, or the rest of a frame that is under way. [`receive`](Self::receive) and
    /// [`receive_chunk`](Self::receive_chunk) go on with it; until then, this returns `None` again.
    /// So a connection whose application does not read can answer pings and the peer's close frame
    /// without taking in what the application would have to hold.
    pub fn receive_control<B: Block>(
        &mut self,
        input: &mut ReceiveBuffer<B>,
        peer: &mut impl Respond,
    ) -> Option<Received> {
        if self.is_closed() {
            return Some(self.after_end(input));
        }
        input.release();
        let progress = self.step_control(input).transpose()?;
        let mut received = self.sum_up(progress, 0);
        self.answer(&mut received, input, peer);
        Some(received)
    }

    fn step_control<B: Block>(
        &mut self,
        input: &mut ReceiveBuffer<B>,
    ) -> Result<Option<Progress>, ProtocolError> {
        let header = match self.frame {
            Some(frame) => frame.header,
            None => match input.peek_header(|start| self.check_start(start))? {
                None => return Ok(Some(Progress::NeedData)),
                Some((header, len)) => {
                    if header.opcode.is_control() {
                        input.skip(len);
                        self.frame = Some(Frame { header, remaining: header.payload_len });
                    }
                    header
                }
            },
        };
        if !header.opcode.is_control() {
            return Ok(None);
        }
        Ok(Some(match self.control(header, input)? {
            Step::Event(progress) => progress,
            Step::NeedData(_) | Step::NextFrame => Progress::NeedData,
        }))
    }
}
