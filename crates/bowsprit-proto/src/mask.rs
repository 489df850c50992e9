//! Masking of client frames, RFC 6455 §5.3.
//!
//! "The masking does not affect the length of the payload data." Octet *i* is XORed with octet *i
//! mod 4* of the key; masking and unmasking are the same operation. The loops process 8 bytes at a
//! time in safe code, which the compiler vectorises.

use alloc::vec::Vec;

/// How many bytes [`copy_masked`] processes at a time.
const COPY_BLOCK: usize = 64;

/// Masks or unmasks `payload` in place.
///
/// `offset` is the position of `payload` within its frame, so that a frame can be processed in
/// pieces.
///
/// ```
/// let mut payload = *b"Hello";
/// let key = [0x37, 0xfa, 0x21, 0x3d];
/// bowsprit_proto::mask::apply_mask(&mut payload[..2], key, 0);
/// bowsprit_proto::mask::apply_mask(&mut payload[2..], key, 2);
/// assert_eq!(payload, [0x7f, 0x9f, 0x4d, 0x51, 0x58]); // §5.7
/// ```
#[inline]
pub fn apply_mask(payload: &mut [u8], key: [u8; 4], offset: usize) {
    let key = rotated(key, offset);
    let wide = widened(key);
    let (words, rest) = payload.as_chunks_mut();
    for word in words {
        *word = (u64::from_le_bytes(*word) ^ wide).to_le_bytes();
    }
    mask_tail(rest, key);
}

/// Appends a masked copy of `payload` to `out`, in one pass.
///
/// `offset` is the position of `payload` within its frame.
pub fn copy_masked(payload: &[u8], key: [u8; 4], offset: usize, out: &mut Vec<u8>) {
    let key = rotated(key, offset);
    let wide = widened(key);
    out.reserve(payload.len());
    let (blocks, rest) = payload.as_chunks::<COPY_BLOCK>();
    for block in blocks {
        let mut masked = *block;
        for word in masked.as_chunks_mut().0 {
            *word = (u64::from_le_bytes(*word) ^ wide).to_le_bytes();
        }
        out.extend_from_slice(&masked);
    }
    let tail = out.len();
    out.extend_from_slice(rest);
    apply_mask(&mut out[tail..], key.to_le_bytes(), 0);
}

/// Writes a masked copy of `payload` over `out`, in one pass.
///
/// `offset` is the position of `payload` within its frame.
///
/// # Panics
///
/// If the lengths differ.
pub fn copy_masked_to_slice(payload: &[u8], key: [u8; 4], offset: usize, out: &mut [u8]) {
    assert_eq!(payload.len(), out.len(), "the copy is as long as the payload");
    let key = rotated(key, offset);
    let wide = widened(key);
    let (from, rest) = payload.as_chunks();
    let (to, tail) = out.as_chunks_mut();
    for (to, from) in to.iter_mut().zip(from) {
        *to = (u64::from_le_bytes(*from) ^ wide).to_le_bytes();
    }
    tail.copy_from_slice(rest);
    mask_tail(tail, key);
}

/// Masks the last bytes, fewer than a word.
fn mask_tail(tail: &mut [u8], key: u32) {
    let (halves, rest) = tail.as_chunks_mut();
    for half in halves {
        *half = (u32::from_le_bytes(*half) ^ key).to_le_bytes();
    }
    for (byte, key) in rest.iter_mut().zip(key.to_le_bytes()) {
        *byte ^= key;
    }
}

/// The key as it applies to a payload that starts at `offset`, its first octet the lowest.
const fn rotated(key: [u8; 4], offset: usize) -> u32 {
    u32::from_le_bytes(key).rotate_right([0, 8, 16, 24][offset & 3])
}

const fn widened(key: u32) -> u64 {
    (key as u64) << 32 | key as u64
}

#[cfg(test)]
mod tests {
    use alloc::vec::Vec;

    use super::*;

    /// §5.3 as it is written, one octet at a time.
    fn scalar(payload: &[u8], key: [u8; 4], offset: usize) -> Vec<u8> {
        payload.iter().enumerate().map(|(i, byte)| byte ^ key[(i + offset) % 4]).collect()
    }

    #[test]
    fn all_loops_agree_with_the_definition_at_every_length_and_offset() {
        let payload: Vec<u8> = (0..300).map(|i: u32| i.to_le_bytes()[0].wrapping_mul(31)).collect();
        let key = [0xA5, 0x0F, 0x3C, 0x81];
        for len in 0..payload.len() {
            for offset in 0..5 {
                let expected = scalar(&payload[..len], key, offset);
                let mut in_place = payload[..len].to_vec();
                apply_mask(&mut in_place, key, offset);
                assert_eq!(in_place, expected);
                let mut copied = alloc::vec![9];
                copy_masked(&payload[..len], key, offset, &mut copied);
                assert_eq!(copied[1..], expected);
                let mut slice = alloc::vec![9; len];
                copy_masked_to_slice(&payload[..len], key, offset, &mut slice);
                assert_eq!(slice, expected);
            }
        }
    }
}
