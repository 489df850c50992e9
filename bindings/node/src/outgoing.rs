//! Sending halves: what the core knows of messages that are sent in fragments.

use bowsprit_proto::{Close, Fragment, MessageKind, SendError, Sender};

use crate::{
    addon::Addon,
    args::{Args, Misuse, Value},
    frames::close_code,
};

/// `openSender() -> id`.
pub(crate) fn open(addon: &mut Addon, _: &Args) -> Result<Value, Misuse> {
    let id = addon.outgoing.insert(Sender::server());
    Ok(Value::Int(i32::try_from(id).map_err(|_| Misuse("too many connections"))?))
}

/// `closeSender(id)`.
pub(crate) fn close(addon: &mut Addon, args: &Args) -> Result<Value, Misuse> {
    drop(addon.outgoing.try_remove(args.size(0)?));
    Ok(Value::Undefined)
}

/// `nextFragment(id, isBinary, fin, compressed) -> head`: what the next fragment of a message
/// begins with. One that continues a message is of its kind, whatever it was called.
pub(crate) fn next_fragment(addon: &mut Addon, args: &Args) -> Result<Value, Misuse> {
    let (is_binary, fin) = (args.int(1)? != 0, args.int(2)? != 0);
    let sender = addon.outgoing.get_mut(args.size(0)?).ok_or(Misuse("the connection is closed"))?;
    let called = if is_binary { MessageKind::Binary } else { MessageKind::Text };
    let kind = sender.fragmented_kind().unwrap_or(called);
    // The payload stays with JavaScript, which sends it as it is.
    let header = if args.int(3)? == 0 {
        sender.fragment_header(Fragment { kind, payload: b"", fin })
    } else {
        sender.compressed_fragment_header(kind, 0, fin)
    };
    let header = header.map_err(|_| Misuse("no fragment may be sent now"))?;
    Ok(Value::Int(header.first_byte().into()))
}

/// `checkClose(code, reason) -> number`: 0 if a close frame may have these, 1 if it may not have
/// this code, 2 if the reason is too long.
pub(crate) fn check_close(_: &mut Addon, args: &Args) -> Result<Value, Misuse> {
    Ok(Value::Int(match Close::encode_bytes(close_code(args.int(0)?), &args.bytes(1)?) {
        Ok(_) => 0,
        Err(SendError::CloseReasonTooLong) => 2,
        Err(_) => 1,
    }))
}
