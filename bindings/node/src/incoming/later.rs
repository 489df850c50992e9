//! Receiving on the thread pool: what is left of a long compressed message.
//!
//! The connection's receiving half goes there as it is, with a copy of the rest of the chunk, and
//! comes back when the message is complete or the input is used up. Nothing can be received before
//! that, so the order of messages needs no care.

use bowsprit_proto::InflationLimits;

use super::{AT_ONCE, Incoming, calls::find};
use crate::{
    addon::Addon,
    args::{Args, Misuse, Value},
    compression::CLOSED,
    memory::Memory,
    records::Kind,
    work::{self, Task},
};

/// `receiveLater(id, chunk, from, callback)`: calls `callback(used)` when `receive` can go on,
/// after so many more bytes of the chunk; or `callback(-1)` if the receiver was closed meanwhile.
/// Nothing else may be done with `id` until then, except to close it.
pub(crate) fn receive_later(addon: &mut Addon, args: &Args) -> Result<Value, Misuse> {
    let (id, from) = (args.size(0)?, args.size(2)?);
    let chunk = args.bytes(1)?;
    let rest = chunk.get(from..).ok_or(Misuse("a position is beyond its Buffer"))?;
    find(addon, args)?.check()?;
    let mut incoming = addon.incoming.take(id).ok_or(CLOSED)?;
    incoming.borrow_context(&mut addon.decompressors);
    incoming.hold(rest);
    let len = rest.len();
    work::queue(addon, args, 3, Box::new(Rest { id, incoming, len, used: 0 }))
}

/// The rest of a chunk.
struct Rest {
    id: usize,
    incoming: Box<Incoming>,
    len: usize,
    used: usize,
}

impl Task for Rest {
    fn run(&mut self) {
        self.used = self.len - self.incoming.receive_held(self.len);
    }

    fn settle(self: Box<Self>, addon: &mut Addon, done: bool) -> i32 {
        let Self { id, incoming, used, .. } = *self;
        if !done {
            addon.incoming.lose(id);
            return -1;
        }
        let Some(incoming) = addon.incoming.put_back(id, incoming) else { return -1 };
        incoming.return_context(&mut addon.decompressors);
        i32::try_from(used).unwrap_or(-1)
    }
}

impl Incoming {
    /// Adds the rest of a chunk to what waits.
    fn hold(&mut self, rest: &[u8]) {
        let block = Memory::owned(self.buffer.live_len() + rest.len());
        drop(self.buffer.replace_block(block));
        self.buffer.extend(rest);
    }

    /// Receives from what waits until a message is complete; returns how much is left of the last
    /// `len` bytes of it, and does not keep that.
    fn receive_held(&mut self, len: usize) -> usize {
        self.receiver.limit_inflation(InflationLimits::NONE);
        let ended = self.receive_message();
        self.receiver.limit_inflation(AT_ONCE);
        self.ready.reverse();
        let can_leave = ended && self.buffer.live_len() <= len;
        let left = if can_leave { self.buffer.take_back() } else { 0 };
        self.take_away();
        left
    }

    /// Receives until a message or a control frame is complete; returns whether one is.
    fn receive_message(&mut self) -> bool {
        loop {
            match self.next_event() {
                Ok(None) => return false,
                Ok(Some(event)) => {
                    let (place, payload) = self.take_payload(event.len);
                    self.ready.push(Ok((event, place, payload)));
                    if event.last || matches!(event.kind, Kind::Ping | Kind::Pong | Kind::Close) {
                        return true;
                    }
                }
                Err(error) => {
                    self.ready.push(Err(error));
                    return false;
                }
            }
        }
    }
}
