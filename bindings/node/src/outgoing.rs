//! Sending halves: what the core knows of messages that are sent in fragments.

use bowsprit_proto::{CloseCode, Fragment, MessageKind, Opcode, Sender};

use crate::{
    addon::Addon,
    args::{Args, Misuse, Value},
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
    let header = sender
        .fragment_header(Fragment { kind, payload: b"", fin })
        .map_err(|_| Misuse("no fragment may be sent now"))?;
    // RFC 7692 §6.1: RSV1 is set on the first fragment only.
    let rsv1 = args.int(3)? != 0 && header.opcode != Opcode::Continuation;
    let flags = if fin { 0x80 } else { 0 } | if rsv1 { 0x40 } else { 0 };
    let head = i32::from(u8::from(header.opcode)) | flags;
    Ok(Value::Int(head))
}

/// `isSendableCode(code) -> number`: 1 if a close frame may have this code.
pub(crate) fn is_sendable_code(_: &mut Addon, args: &Args) -> Result<Value, Misuse> {
    let code = u16::try_from(args.int(0)?).map_or(CloseCode::ABNORMAL, CloseCode::new);
    Ok(Value::Int(i32::from(code.is_sendable())))
}
