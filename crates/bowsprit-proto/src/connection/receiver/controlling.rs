//! Receiving only control frames, while the application does not read.

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
    /// `None` means that data is next: the header of a data frame, which is left in the buffer, or
    /// the rest of a frame in progress. [`receive`](Self::receive) and
    /// [`receive_chunk`](Self::receive_chunk) continue with it; until then, this returns `None`
    /// again. So a connection whose application does not read can answer pings and the peer's close
    /// frame without buffering messages.
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
