//! The frame header: the first 2 to 14 bytes of every frame, [RFC 6455 §5.2].
//!
//! [`FrameHeader::parse`] and [`FrameHeader::encode`] are inverses. They check the rules that
//! concern a single header. Rules that depend on earlier frames or on the role, such as the order
//! of fragments and the direction of masking, are checked by [`Receiver`](crate::Receiver).
//!
//! [RFC 6455 §5.2]: https://datatracker.ietf.org/doc/html/rfc6455#section-5.2

use alloc::vec::Vec;

use super::MAX_CONTROL_LEN;
use crate::{Opcode, ProtocolError};

const FIN: u8 = FrameHeader::FIN;
const RSV1: u8 = FrameHeader::RSV1;
const RSV2_RSV3: u8 = 0x30;
const MASK: u8 = 0x80;

/// The first bytes of messages in one frame.
const TEXT_MESSAGE: u8 = 0x81;
const BINARY_MESSAGE: u8 = 0x82;

/// The header of a frame.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[expect(clippy::exhaustive_structs, reason = "RFC 6455 fixes these fields")]
pub struct FrameHeader {
    /// Whether this is the last fragment of its message.
    pub fin: bool,
    /// The "Per-Message Compressed" bit, RFC 7692 §6.
    pub rsv1: bool,
    /// How to read the payload.
    pub opcode: Opcode,
    /// The masking key. Present on frames from a client, absent on frames from a server.
    pub masking_key: Option<[u8; 4]>,
    /// Length of the payload data, in bytes.
    pub payload_len: u64,
}

/// The first two bytes of a frame, which reveal most violations.
#[derive(Clone, Copy, Debug)]
pub(crate) struct FrameStart {
    fin: bool,
    pub(crate) rsv1: bool,
    pub(crate) opcode: Opcode,
    pub(crate) masked: bool,
    /// The payload length, or 126 or 127 if it follows.
    short_len: u8,
}

impl FrameHeader {
    /// The length of the longest header: 2 bytes, 8 of extended length, 4 of masking key.
    pub const MAX_LEN: usize = 14;

    /// The length of the longest payload of a control frame, §5.5.
    pub const MAX_CONTROL_LEN: usize = MAX_CONTROL_LEN;

    /// The bit of [`fin`](Self::fin) in the first byte.
    pub const FIN: u8 = 0x80;

    /// The bit of [`rsv1`](Self::rsv1) in the first byte.
    pub const RSV1: u8 = 0x40;

    /// Parses a header at the front of `input`, and returns it with its length in bytes.
    ///
    /// `None` means that `input` ends inside the header; call again with more bytes.
    ///
    /// # Errors
    ///
    /// Fails on bytes that are invalid regardless of what came before. The caller checks
    /// [`rsv1`](Self::rsv1), as it knows whether an extension uses the bit.
    #[inline]
    pub fn parse(input: &[u8]) -> Result<Option<(Self, usize)>, ProtocolError> {
        match FrameStart::parse(input)? {
            Some(start) => start.parse_rest(input),
            None => Ok(None),
        }
    }

    /// Parses the header of a short uncompressed message in one frame, masked or not. Most frames
    /// are of this kind, and there is little to parse and to check.
    ///
    /// `None` for everything else, including invalid or incomplete input.
    #[inline]
    pub(crate) fn parse_short_message(input: &[u8], masked: bool) -> Option<(Self, usize)> {
        let [first, second, rest @ ..] = input else { return None };
        let opcode = match *first {
            TEXT_MESSAGE => Opcode::Text,
            BINARY_MESSAGE => Opcode::Binary,
            _ => return None,
        };
        let payload_len = match second ^ (u8::from(masked) * MASK) {
            len @ 0..=125 => u64::from(len),
            _ => return None,
        };
        let masking_key = if masked { Some(*rest.first_chunk()?) } else { None };
        let header = Self { fin: true, rsv1: false, opcode, masking_key, payload_len };
        Some((header, FrameStart::LEN + if masked { 4 } else { 0 }))
    }

    /// Appends the header's bytes to `out`.
    #[inline]
    pub fn encode(&self, out: &mut Vec<u8>) {
        match (u8::try_from(self.payload_len), self.masking_key) {
            (Ok(len @ 0..=125), None) => out.extend_from_slice(&[self.first_byte(), len]),
            _ => self.encode_long(out),
        }
    }

    /// Writes the header's bytes to the front of `out`, and returns their number.
    ///
    /// `None` means that `out` is too short, and is unchanged; [`MAX_LEN`](Self::MAX_LEN) bytes are
    /// always enough.
    ///
    /// ```
    /// use bowsprit_proto::{FrameHeader, Opcode};
    ///
    /// let (fin, opcode) = (true, Opcode::Binary);
    /// let header =
    ///     FrameHeader { fin, rsv1: false, opcode, masking_key: None, payload_len: 256 };
    /// let mut out = [0; 6];
    /// assert_eq!(header.encode_to_slice(&mut out), Some(4));
    /// assert_eq!(out, [0x82, 126, 1, 0, 0, 0]);
    /// ```
    #[must_use]
    pub fn encode_to_slice(&self, out: &mut [u8]) -> Option<usize> {
        let (bytes, len) = self.bytes();
        out.get_mut(..len)?.copy_from_slice(&bytes[..len]);
        Some(len)
    }

    // So that what is above is short enough to be inlined.
    #[inline(never)]
    fn encode_long(&self, out: &mut Vec<u8>) {
        let (bytes, len) = self.bytes();
        out.extend_from_slice(&bytes[..len]);
    }

    /// The whole header, in the first bytes of an array.
    #[inline]
    fn bytes(&self) -> ([u8; Self::MAX_LEN], usize) {
        let (mut bytes, len) = self.start();
        let Some(key) = self.masking_key else { return (bytes, len) };
        bytes[len..len + key.len()].copy_from_slice(&key);
        (bytes, len + key.len())
    }

    /// The first byte of the header: the flags and the opcode.
    #[must_use]
    #[inline]
    pub fn first_byte(&self) -> u8 {
        (u8::from(self.fin) * FIN) | (u8::from(self.rsv1) * RSV1) | u8::from(self.opcode)
    }

    /// The header without the masking key, in the first bytes of an array.
    fn start(&self) -> ([u8; Self::MAX_LEN], usize) {
        let mut bytes = [0; Self::MAX_LEN];
        bytes[0] = self.first_byte();
        let masked = u8::from(self.masking_key.is_some()) * MASK;
        // §5.2: "in all cases, the minimal number of bytes MUST be used to encode the length"
        match (u8::try_from(self.payload_len), u16::try_from(self.payload_len)) {
            (Ok(len @ 0..=125), _) => {
                bytes[1] = masked | len;
                (bytes, 2)
            }
            (_, Ok(len)) => {
                bytes[1] = masked | 126;
                bytes[2..4].copy_from_slice(&len.to_be_bytes());
                (bytes, 4)
            }
            _ => {
                bytes[1] = masked | 127;
                bytes[2..10].copy_from_slice(&self.payload_len.to_be_bytes());
                (bytes, 10)
            }
        }
    }
}

impl FrameStart {
    /// How many bytes it takes.
    const LEN: usize = 2;

    /// Parses the first two bytes of a frame, if they have arrived.
    #[inline]
    pub(crate) fn parse(input: &[u8]) -> Result<Option<Self>, ProtocolError> {
        let [first, second, ..] = input else {
            return Ok(None);
        };
        // §5.2: "MUST be 0 unless an extension is negotiated that defines meanings for non-zero
        // values." No extension that we know defines these two.
        if first & RSV2_RSV3 != 0 {
            return Err(ProtocolError::ReservedBits);
        }
        let start = Self {
            fin: first & FIN != 0,
            rsv1: first & RSV1 != 0,
            opcode: Opcode::try_from(first & 0x0F)?,
            masked: second & MASK != 0,
            short_len: second & !MASK,
        };
        if start.opcode.is_control() {
            start.check_control()?;
        }
        Ok(Some(start))
    }

    /// Parses the rest of the header from `input`, which begins with these two bytes; see
    /// [`FrameHeader::parse`].
    #[inline]
    pub(crate) fn parse_rest(
        self,
        input: &[u8],
    ) -> Result<Option<(FrameHeader, usize)>, ProtocolError> {
        let rest = input.get(Self::LEN..).unwrap_or_default();
        let Some((payload_len, rest)) = read_payload_len(self.short_len, rest)? else {
            return Ok(None);
        };
        let (masking_key, rest) = match self.masked {
            false => (None, rest),
            true => match rest.split_first_chunk() {
                Some((key, rest)) => (Some(*key), rest),
                None => return Ok(None),
            },
        };
        let Self { fin, rsv1, opcode, .. } = self;
        let header = FrameHeader { fin, rsv1, opcode, masking_key, payload_len };
        Ok(Some((header, input.len() - rest.len())))
    }

    /// §5.5: "All control frames MUST have a payload length of 125 bytes or less and MUST NOT be
    /// fragmented."
    fn check_control(&self) -> Result<(), ProtocolError> {
        if !self.fin {
            return Err(ProtocolError::ControlFragmented);
        }
        if usize::from(self.short_len) > MAX_CONTROL_LEN {
            return Err(ProtocolError::ControlTooLong(self.short_len));
        }
        // §5.5.1: "If there is a body, the first two bytes of the body MUST be a 2-byte unsigned
        // integer"
        if self.opcode == Opcode::Close && self.short_len == 1 {
            return Err(ProtocolError::CloseTruncated);
        }
        Ok(())
    }
}

/// Reads the extended payload length that the 7-bit `short` form announces.
fn read_payload_len(short: u8, input: &[u8]) -> Result<Option<(u64, &[u8])>, ProtocolError> {
    let (len, rest, minimum) = match short {
        126 => match input.split_first_chunk() {
            Some((len, rest)) => (u64::from(u16::from_be_bytes(*len)), rest, 126),
            None => return Ok(None),
        },
        127 => match input.split_first_chunk() {
            Some((len, rest)) => (u64::from_be_bytes(*len), rest, 0x1_0000),
            None => return Ok(None),
        },
        len => (u64::from(len), input, 0),
    };
    // §5.2: "the minimal number of bytes MUST be used to encode the length"
    if len < minimum {
        return Err(ProtocolError::LengthNotMinimal);
    }
    // §5.2: "the most significant bit MUST be 0"
    if len >> 63 != 0 {
        return Err(ProtocolError::LengthSignBit);
    }
    Ok(Some((len, rest)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn headers_survive_a_round_trip_and_every_cut() {
        for payload_len in [0, 1, 125, 126, 127, 0xFFFF, 0x1_0000, u64::MAX >> 1] {
            for masking_key in [None, Some([1, 2, 3, 4])] {
                let header = FrameHeader {
                    fin: false,
                    rsv1: true,
                    opcode: Opcode::Text,
                    masking_key,
                    payload_len,
                };
                let mut bytes = Vec::new();
                header.encode(&mut bytes);
                assert_eq!(FrameHeader::parse(&bytes), Ok(Some((header, bytes.len()))));
                let mut slice = [9; FrameHeader::MAX_LEN];
                assert_eq!(header.encode_to_slice(&mut slice), Some(bytes.len()));
                assert_eq!(slice[..bytes.len()], bytes);
                assert!(slice[bytes.len()..].iter().all(|byte| *byte == 9));
                for cut in 0..bytes.len() {
                    assert_eq!(FrameHeader::parse(&bytes[..cut]), Ok(None), "cut at {cut}");
                    let mut short = [9; FrameHeader::MAX_LEN];
                    assert_eq!(header.encode_to_slice(&mut short[..cut]), None);
                    assert_eq!(short, [9; FrameHeader::MAX_LEN]);
                }
            }
        }
    }
}
