//! The numbers and names of the protocol that JavaScript needs, so that it has none of its own.

use core::time::Duration;

use bowsprit_proto::{
    Close, CloseCode, FrameHeader, Opcode,
    deflate::Deflate,
    handshake::Version,
    timers::{Heartbeat, Settings},
};

use crate::{
    addon::Addon,
    args::{Args, Misuse, Value},
    frames::MASKED,
};

/// `constants() -> json`: an object. JavaScript calls this once.
pub(crate) fn constants(_: &mut Addon, _: &Args) -> Result<Value, Misuse> {
    let mut json = format!("{{\"DEFLATE\":\"{}\"", Deflate::client().offer().name);
    push(&mut json, &frames());
    push(&mut json, &limits());
    push(&mut json, &heartbeat());
    push(&mut json, &close_codes());
    let [old, new] = Version::ALL
        .map(|version| format!("\"{}\":\"{}\"", version.number(), version.origin_header()));
    json += &format!(",\"ORIGIN_HEADERS\":{{{old},{new}}}}}");
    Ok(Value::Text(json))
}

fn push(json: &mut String, numbers: &[(&str, i32)]) {
    for (name, number) in numbers {
        *json += &format!(",\"{name}\":{number}");
    }
}

/// The heads of whole messages and of control frames, and the bits of a head: see
/// [`frames`](crate::frames).
fn frames() -> [(&'static str, i32); 10] {
    let head = |opcode, rsv1| {
        let header = FrameHeader { fin: true, rsv1, opcode, masking_key: None, payload_len: 0 };
        i32::from(header.first_byte())
    };
    [
        ("TEXT", head(Opcode::Text, false)),
        ("BINARY", head(Opcode::Binary, false)),
        ("COMPRESSED_TEXT", head(Opcode::Text, true)),
        ("COMPRESSED_BINARY", head(Opcode::Binary, true)),
        ("CLOSE", head(Opcode::Close, false)),
        ("PING", head(Opcode::Ping, false)),
        ("PONG", head(Opcode::Pong, false)),
        ("FIN", i32::from(FrameHeader::FIN)),
        ("RSV1", i32::from(FrameHeader::RSV1)),
        ("MASKED", MASKED),
    ]
}

fn limits() -> [(&'static str, i32); 4] {
    let length = |length| i32::try_from(length).unwrap_or(i32::MAX);
    [
        ("MAX_HEADER_LENGTH", length(FrameHeader::MAX_LEN)),
        ("MAX_CONTROL_LENGTH", length(FrameHeader::MAX_CONTROL_LEN)),
        ("MAX_REASON_LENGTH", length(Close::MAX_REASON_LEN)),
        ("DEFAULT_VERSION", i32::from(Version::default().number())),
    ]
}

/// The defaults of a heartbeat, in milliseconds.
fn heartbeat() -> [(&'static str, i32); 2] {
    let millis = |time: fn(Heartbeat) -> Duration| {
        let time = Settings::DEFAULT.heartbeat.map_or(Duration::ZERO, time);
        i32::try_from(time.as_millis()).unwrap_or(i32::MAX)
    };
    [
        ("HEARTBEAT_INTERVAL", millis(|heartbeat| heartbeat.interval)),
        ("HEARTBEAT_TIMEOUT", millis(|heartbeat| heartbeat.timeout)),
    ]
}

fn close_codes() -> [(&'static str, i32); 7] {
    [
        ("NO_STATUS_RECEIVED", CloseCode::NO_STATUS_RECEIVED),
        ("ABNORMAL", CloseCode::ABNORMAL),
        ("INVALID_PAYLOAD", CloseCode::INVALID_PAYLOAD),
        ("POLICY_VIOLATION", CloseCode::POLICY_VIOLATION),
        ("TOO_BIG", CloseCode::TOO_BIG),
        ("INTERNAL_ERROR", CloseCode::INTERNAL_ERROR),
        ("TRY_AGAIN_LATER", CloseCode::TRY_AGAIN_LATER),
    ]
    .map(|(name, code)| (name, i32::from(u16::from(code))))
}
