//! What JavaScript calls.

use bowsprit_proto::{Limits, Receiver, Role, deflate::Deflate};

use super::{AT_ONCE, Incoming};
use crate::{
    addon::Addon,
    args::{Args, Misuse, Value},
    compression::CLOSED,
    extensions,
    records::Records,
};

/// The longest length that a number of JavaScript holds exactly.
const MAX_SAFE_INTEGER: u64 = (1 << 53) - 1;

/// `openReceiver(isServer, maxPayload, maxFragments, skipUtf8, agreed) -> id`; 0 stands for no
/// limit, and a text of what was agreed on for compression.
pub(crate) fn open(addon: &mut Addon, args: &Args) -> Result<Value, Misuse> {
    let role = if args.int(0)? == 0 { Role::Client } else { Role::Server };
    let mut limits = Limits::NONE.max_message_len(MAX_SAFE_INTEGER);
    if let Some(max) = positive(args.int(1)?) {
        limits = limits.max_message_len(u64::from(max));
    }
    if let Some(max) = positive(args.int(2)?) {
        limits = limits.max_fragments(max);
    }
    // What JavaScript joins is as long as what the core joins.
    let mut receiver = Receiver::new(role, limits).with_limits_in_chunks().with_cut_characters();
    if args.int(3)? != 0 {
        receiver = receiver.without_utf8_checks();
    }
    if let Some(text) = args.text(4) {
        receiver = receiver.with_deflate(&extensions::agreed(&text)?, &Deflate::client());
    }
    let id = addon.incoming.insert(Box::new(Incoming::new(receiver)));
    Ok(Value::Int(i32::try_from(id).map_err(|_| Misuse("too many connections"))?))
}

/// A limit; none, if it is not positive.
fn positive(limit: i32) -> Option<u32> {
    u32::try_from(limit).ok().filter(|limit| *limit > 0)
}

/// `splitMessages(id, split)`: whether messages are handed out in their fragments.
pub(crate) fn split_messages(addon: &mut Addon, args: &Args) -> Result<Value, Misuse> {
    let incoming = find(addon, args)?;
    incoming.in_fragments = args.int(1)? != 0;
    Ok(Value::Undefined)
}

/// `faultOf(id) -> string`: what is wrong with compressed data.
pub(crate) fn fault_of(addon: &mut Addon, args: &Args) -> Result<Value, Misuse> {
    let incoming = find(addon, args)?;
    Ok(incoming.fault.map_or(Value::Undefined, |fault| Value::Text(fault.to_string())))
}

/// `closeReceiver(id)`.
pub(crate) fn close(addon: &mut Addon, args: &Args) -> Result<Value, Misuse> {
    addon.incoming.remove(args.size(0)?);
    Ok(Value::Undefined)
}

/// `receive(id, chunk, from, records) -> number`: how many records there are.
pub(crate) fn receive(addon: &mut Addon, args: &Args) -> Result<Value, Misuse> {
    let Addon { incoming, decompressors, .. } = addon;
    let incoming = incoming.get_mut(args.size(0)?).ok_or(CLOSED)?;
    let from = args.size(2)?;
    let chunk = args.bytes_mut(1, from)?;
    let records_array = args.bytes_mut(3, 0)?;
    let mut records = Records::new(records_array, from)?;
    incoming.check()?;
    incoming.borrow_context(decompressors);
    if from == 0 || incoming.ended {
        incoming.receiver.limit_inflation(AT_ONCE);
        incoming.ended = false;
    }
    let used = incoming.receive(chunk, &mut records);
    incoming.return_context(decompressors);
    let (incomplete, later) = (incoming.is_incomplete(), incoming.receiver.is_inflation_paused());
    let len = records.finish(used, incomplete, later);
    Ok(Value::Int(i32::try_from(len).unwrap_or(i32::MAX)))
}

/// `takePayload(id, buffer)`: writes the payload of the last event that is not in the chunk.
pub(crate) fn take_payload(addon: &mut Addon, args: &Args) -> Result<Value, Misuse> {
    let incoming = find(addon, args)?;
    let taken = std::mem::take(&mut incoming.taken);
    let out = args.bytes_mut(1, 0)?;
    out.get_mut(..taken.len()).ok_or(Misuse("a payload is longer"))?.copy_from_slice(&taken);
    Ok(Value::Undefined)
}

pub(super) fn find<'a>(addon: &'a mut Addon, args: &Args) -> Result<&'a mut Incoming, Misuse> {
    addon.incoming.get_mut(args.size(0)?).map(|incoming| &mut **incoming).ok_or(CLOSED)
}
