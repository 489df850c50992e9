//! Control frames alone, for while nobody wants the data.

use super::{
    super::{
        Block, ReceiveBuffer,
        incoming::{Frame, Step},
    },
    End, Progress, Receiver,
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
    ///
    /// # Errors
    ///
    /// As [`receive`](Self::receive).
    pub fn receive_control<B: Block>(
        &mut self,
        input: &mut ReceiveBuffer<B>,
    ) -> Result<Option<Progress>, ProtocolError> {
        if self.end != End::Open {
            return self.run(input, false).map(Some);
        }
        input.release();
        self.step_control(input).inspect_err(|error| self.fail(*error, input))
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
            Step::Event(event) => {
                input.complete(event);
                Progress::Event
            }
            Step::NeedData(_) | Step::NextFrame => Progress::NeedData,
        }))
    }
}
