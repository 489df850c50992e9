//! The contexts by themselves: the vectors of RFC 7692 §7.2.3, and what is not in them.

use alloc::vec::Vec;

use super::{Backend, Compressor, CompressorConfig, Decompressor, Deflate, Side};

/// What the tests compress with: `--features zlib` runs all of them with zlib.
#[cfg(not(feature = "zlib"))]
const BACKEND: Backend = Backend::ZlibRs;
#[cfg(feature = "zlib")]
const BACKEND: Backend = Backend::Zlib;

fn compressor(bits: Option<u8>) -> Compressor {
    let side = Side { no_context_takeover: false, max_window_bits: bits };
    Compressor::new(CompressorConfig::new(&Deflate::client().backend(BACKEND), &side))
}

fn compressed(compressor: &mut Compressor, message: &[u8]) -> Vec<u8> {
    compressor.frame(message, true).iter().flatten().copied().collect()
}

/// Decompresses a message; `None` if it is invalid or longer than `limit`.
fn inflated(context: &mut Decompressor, message: &[u8], limit: usize) -> Option<Vec<u8>> {
    let (mut out, mut len) = (alloc::vec![0; limit], 0);
    let step = context.inflate(message, &mut out, &mut len).ok()?;
    (!step.full).then_some(())?;
    out.truncate(len);
    context.finish().ok()?;
    context.remember(&out, 1 << 15);
    Some(out)
}

#[test]
fn the_examples_of_the_rfc_are_understood() {
    let mut context = Decompressor::new(BACKEND);
    let hello = [0xF2, 0x48, 0xCD, 0xC9, 0xC9, 0x07, 0x00];
    assert_eq!(inflated(&mut context, &hello, 100).as_deref(), Some(&b"Hello"[..]));
    // §7.2.3.2: the second message refers to the first.
    let again = [0xF2, 0x00, 0x11, 0x00, 0x00];
    assert_eq!(inflated(&mut context, &again, 100).as_deref(), Some(&b"Hello"[..]));
    // §7.2.3.3: no compression.
    let stored = [0x00, 0x05, 0x00, 0xFA, 0xFF, 0x48, 0x65, 0x6C, 0x6C, 0x6F, 0x00];
    assert_eq!(inflated(&mut context, &stored, 100).as_deref(), Some(&b"Hello"[..]));
    // §7.2.3.4: BFINAL is set.
    let final_block = [0xF3, 0x48, 0xCD, 0xC9, 0xC9, 0x07, 0x00, 0x00];
    assert_eq!(inflated(&mut context, &final_block, 100).as_deref(), Some(&b"Hello"[..]));
    // §7.2.3.5: two blocks.
    let two = [0xF2, 0x48, 0x05, 0x00, 0x00, 0x00, 0xFF, 0xFF, 0xCA, 0xC9, 0xC9, 0x07, 0x00];
    assert_eq!(inflated(&mut context, &two, 100).as_deref(), Some(&b"Hello"[..]));
    // §7.2.3.6: nothing.
    assert_eq!(inflated(&mut context, &[0x00], 100).as_deref(), Some(&b""[..]));
}

#[test]
fn what_is_compressed_comes_back_with_every_window() {
    let text = "to be or not to be, that is the question; ".repeat(300);
    for bits in 8..=15 {
        let mut compressor = compressor(Some(bits));
        let mut decompressors =
            [Decompressor::new(BACKEND), Decompressor::with_window_bits(BACKEND, bits)];
        for part in ["", "Hello", &text, "", &text[..2000]] {
            let message = compressed(&mut compressor, part.as_bytes());
            assert!(!message.is_empty());
            for decompressor in &mut decompressors {
                let back = inflated(decompressor, &message, 1 << 20);
                assert_eq!(back.as_deref(), Some(part.as_bytes()), "{bits} bits");
            }
        }
    }
}

#[test]
fn blocks_after_a_final_block_belong_to_the_message() {
    let final_block = [0xF3, 0x48, 0xCD, 0xC9, 0xC9, 0x07, 0x00];
    let hello = [0xF2, 0x48, 0xCD, 0xC9, 0xC9, 0x07, 0x00];
    let mut context = Decompressor::new(BACKEND);
    for message in [[final_block, hello].concat(), [final_block, final_block].concat()] {
        let back = inflated(&mut context, &message, 100);
        assert_eq!(back.as_deref(), Some(&b"HelloHello"[..]));
        assert_eq!(inflated(&mut context, &hello, 100).as_deref(), Some(&b"Hello"[..]));
    }
}

#[test]
fn a_message_that_is_cut_short_is_invalid() {
    let text: Vec<u8> = (0..2000_u32).map(|i| (i * i % 251).to_le_bytes()[0]).collect();
    let message = compressed(&mut compressor(None), &text);
    for cut in 1..message.len() {
        let back = inflated(&mut Decompressor::new(BACKEND), &message[..cut], 1 << 20);
        assert_eq!(back, None, "cut at {cut} of {}", message.len());
    }
}

#[test]
fn output_goes_on_where_it_was_full() {
    let zeros = alloc::vec![0; 1 << 20];
    let message = compressed(&mut compressor(None), &zeros);
    let mut context = Decompressor::new(BACKEND);
    let (mut out, mut len, mut read) = (alloc::vec![1; zeros.len() + 1], 0, 0);
    for limit in [1, 1000, 16 * 1024, (1 << 20) - 1] {
        let step = context.inflate(&message[read..], &mut out[..limit], &mut len).unwrap();
        assert!(step.full);
        assert_eq!(len, limit);
        read += step.read;
    }
    let step = context.inflate(&message[read..], &mut out, &mut len).unwrap();
    assert_eq!((step.full, read + step.read), (false, message.len()));
    context.finish().unwrap();
    assert_eq!(out[..len], zeros);
}
