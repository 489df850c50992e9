//! Sending: frames written into memory of JavaScript.
//!
//! Each function takes a position in a Buffer and returns the position behind what it has written,
//! or 0 if there was not enough room. `head` is the first byte of the frame, and [`MASKED`]; `key`
//! is the masking key as an `int32`, its first byte the lowest.

use bowsprit_proto::{
    Close, CloseCode, FrameHeader, Opcode,
    mask::{apply_mask, copy_masked_to_slice},
};

use crate::{
    addon::Addon,
    args::{Args, Misuse, Value},
};

const FIN: i32 = FrameHeader::FIN as i32;
const RSV1: i32 = FrameHeader::RSV1 as i32;
/// Added to the first byte of a frame that is masked.
pub(crate) const MASKED: i32 = 0x100;

/// Where a frame goes, and what kind of frame it is.
struct Target<'a> {
    out: &'a mut [u8],
    start: usize,
    header: FrameHeader,
}

impl<'a> Target<'a> {
    /// Reads the arguments `(buffer, start, head, key)`, which every function begins with.
    #[inline]
    fn new(args: &'a Args, payload_len: usize) -> Result<Self, Misuse> {
        let (start, head, key) = (args.size(1)?, args.int(2)?, args.int(3)?);
        let opcode = u8::try_from(head & 0x0F).map_err(|_| Misuse("an opcode has 4 bits"))?;
        let header = FrameHeader {
            fin: head & FIN != 0,
            rsv1: head & RSV1 != 0,
            opcode: Opcode::try_from(opcode).map_err(|_| Misuse("the opcode is reserved"))?,
            masking_key: (head & MASKED != 0).then_some(key.to_le_bytes()),
            payload_len: payload_len as u64,
        };
        Ok(Self { out: args.bytes_mut(0, start)?, start, header })
    }

    /// Writes the header; returns its length.
    #[inline]
    fn write_header(&mut self) -> Option<usize> {
        self.header.encode_to_slice(self.out)
    }

    /// Writes the header and a payload; returns the length of both.
    #[inline]
    fn write(&mut self, payload: &[u8]) -> Option<usize> {
        self.header.payload_len = payload.len() as u64;
        if self.out.len() < FrameHeader::MAX_LEN + payload.len() {
            return None;
        }
        let len = self.write_header()?;
        let out = self.out.get_mut(len..len + payload.len())?;
        match self.header.masking_key {
            None => out.copy_from_slice(payload),
            Some(key) => copy_masked_to_slice(payload, key, 0, out),
        }
        Some(len + payload.len())
    }

    /// Writes the header and a string, of which the length in UTF-8 is not known before; returns
    /// the length of both.
    fn write_text(&mut self, args: &Args, index: usize) -> Result<Option<usize>, Misuse> {
        // It is nearly always the length in UTF-16 as well.
        let Some(guess) = self.write_header() else { return Ok(None) };
        let Some(text_len) = args.write_text(index, &mut self.out[guess..])? else {
            return Ok(None);
        };
        self.header.payload_len = text_len as u64;
        let mut bytes = [0; FrameHeader::MAX_LEN];
        let Some(len) = self.header.encode_to_slice(&mut bytes) else { return Ok(None) };
        if len + text_len > self.out.len() {
            return Ok(None);
        }
        if len != guess {
            self.out.copy_within(guess..guess + text_len, len);
        }
        self.out[..len].copy_from_slice(&bytes[..len]);
        if let Some(key) = self.header.masking_key {
            apply_mask(&mut self.out[len..len + text_len], key, 0);
        }
        Ok(Some(len + text_len))
    }

    fn end(&self, len: Option<usize>) -> Result<Value, Misuse> {
        let end = len.map_or(0, |len| self.start + len);
        Ok(Value::Int(i32::try_from(end).map_err(|_| Misuse("the Buffer is too long"))?))
    }
}

/// `frameText(buffer, start, head, key, string, length) -> end`.
pub(crate) fn text(_: &mut Addon, args: &Args) -> Result<Value, Misuse> {
    let mut target = Target::new(args, args.size(5)?)?;
    let len = target.write_text(args, 4)?;
    target.end(len)
}

/// `frameBytes(buffer, start, head, key, payload) -> end`.
pub(crate) fn bytes(_: &mut Addon, args: &Args) -> Result<Value, Misuse> {
    let mut target = Target::new(args, 0)?;
    let payload = args.bytes(4)?;
    let len = target.write(&payload);
    target.end(len)
}

/// `frameHeader(buffer, start, head, key, length) -> end`: the header alone.
pub(crate) fn header(_: &mut Addon, args: &Args) -> Result<Value, Misuse> {
    let payload_len = args.number(4)?;
    let mut target = Target::new(args, 0)?;
    // Every length of a Buffer is an integer that a double holds.
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "see above")]
    let payload_len = payload_len as u64;
    target.header.payload_len = payload_len;
    let len = target.write_header();
    target.end(len)
}

/// `frameClose(buffer, start, head, key, code, reason) -> end`: a close frame with a code, or -1 if
/// that may not be sent.
pub(crate) fn close(_: &mut Addon, args: &Args) -> Result<Value, Misuse> {
    let mut target = Target::new(args, 0)?;
    let Ok(payload) = Close::encode_bytes(close_code(args.int(4)?), &args.bytes(5)?) else {
        return Ok(Value::Int(-1));
    };
    let len = target.write(&payload);
    target.end(len)
}

/// A number of JavaScript as a code; one that cannot be a code is one that cannot be sent.
pub(crate) fn close_code(number: i32) -> CloseCode {
    u16::try_from(number).map_or(CloseCode::ABNORMAL, CloseCode::new)
}
