//! A second reading of RFC 6455 §5.2: a decoder of one frame that shares no code with the crate.

/// What the front of some input is, to a receiver.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Verdict {
    /// It may still become a frame.
    Incomplete,
    /// A rule is broken; which, in the RFC's words.
    Violation(&'static str),
    /// A whole frame: its length with the header, and where its payload begins.
    Frame { len: u64, payload_at: u64 },
}

/// Judges the first frame of a connection.
pub(crate) fn decode(input: &[u8], from_client: bool) -> Verdict {
    if input.len() < 2 {
        return Verdict::Incomplete;
    }
    let bit = |byte: usize, bit: u8| input[byte] & (1 << bit) != 0;
    let opcode = input[0] % 16;
    let short = input[1] % 128;
    if bit(0, 5) || bit(0, 4) {
        return Verdict::Violation("reserved bits");
    }
    if ![0, 1, 2, 8, 9, 10].contains(&opcode) {
        return Verdict::Violation("unknown opcode");
    }
    if opcode >= 8 && !bit(0, 7) {
        return Verdict::Violation("fragmented control frame");
    }
    if opcode >= 8 && short > 125 {
        return Verdict::Violation("long control frame");
    }
    if opcode == 8 && short == 1 {
        return Verdict::Violation("half a close code");
    }
    if bit(0, 6) {
        return Verdict::Violation("reserved bits");
    }
    if bit(1, 7) != from_client {
        return Verdict::Violation("masking");
    }
    if opcode == 0 {
        return Verdict::Violation("nothing to continue");
    }
    let extra = [0, 2, 8][usize::from(short.saturating_sub(125))];
    let Some(extended) = input.get(2..2 + extra) else {
        return Verdict::Incomplete;
    };
    let mut len = u128::from(short);
    if extra > 0 {
        len = extended.iter().fold(0, |len, byte| len * 256 + u128::from(*byte));
        if len < [126, 65536][usize::from(short - 126)] {
            return Verdict::Violation("length not minimal");
        }
    }
    let Ok(len) = i64::try_from(len) else {
        return Verdict::Violation("length sign bit");
    };
    let key_len = if bit(1, 7) { 4 } else { 0 };
    if input.len() < 2 + extra + key_len {
        return Verdict::Incomplete;
    }
    let payload_at = (2 + extra + key_len) as u64;
    Verdict::Frame { len: payload_at + len.unsigned_abs(), payload_at }
}
