//! Compression of frames without a connection, RFC 7692 §7.2.

use bowsprit_proto::{
    Fragment, MessageKind, ProtocolError,
    deflate::{Deflate, FrameCompressor, FrameDecompressor, Side},
};

use super::{
    deflate::{agree, frames_of, noise, pair, prose, with_window},
    rfc1951::{Blocks, Symbol, literals},
};

/// What was agreed on for the client's messages.
fn side(deflate: &Deflate) -> Side {
    agree(deflate, deflate).unwrap().0.client
}

fn compress(compressor: &mut FrameCompressor, payload: &[u8], fin: bool) -> Vec<u8> {
    let mut out = vec![7];
    compressor.frame(payload, fin, &mut out);
    assert_eq!(out.remove(0), 7, "it is appended");
    out
}

fn decompress(
    decompressor: &mut FrameDecompressor,
    payload: &[u8],
    fin: bool,
    max_len: usize,
) -> Result<Vec<u8>, ProtocolError> {
    let mut out = vec![7];
    let result = decompressor.frame(payload, fin, max_len, &mut out);
    assert!(result.is_ok() || out.len() == 1, "nothing is appended on an error");
    assert_eq!(out.remove(0), 7, "it is appended");
    result.map(|()| out)
}

/// RFC: D7.2.1-1, D7.2.2-1
#[test]
fn frames_are_compressed_as_a_connection_does_it_and_come_back() {
    for (takeover, bits) in [(true, 15), (false, 15), (true, 9), (false, 8)] {
        let deflate = with_window(takeover, bits);
        let mut sender = pair(deflate).client;
        let mut compressor = FrameCompressor::new(&side(&deflate), &deflate);
        let mut decompressor = FrameDecompressor::new(&side(&deflate), &deflate);
        for seed in [1, 2, 1] {
            let parts = [prose(3000, seed).into_bytes(), Vec::new(), noise(70_000, 1), vec![1]];
            for (i, payload) in parts.iter().enumerate() {
                let (kind, fin) = (MessageKind::Binary, i == 3);
                let fragment = Fragment { kind, payload, fin };
                let sent = sender.send(|sender, out| sender.fragment(fragment, out)).unwrap();
                let compressed = compress(&mut compressor, payload, fin);
                assert_eq!(compressed, frames_of(&sent)[0].1, "frame {i}, takeover {takeover}");
                let back = decompress(&mut decompressor, &compressed, fin, payload.len());
                assert_eq!(back.as_ref(), Ok(payload), "frame {i}, takeover {takeover}");
            }
        }
    }
}

#[test]
fn a_frame_that_becomes_too_long_is_refused() {
    let zeros = vec![0; 100_000];
    for takeover in [true, false] {
        let deflate = with_window(takeover, 15);
        let mut compressor = FrameCompressor::new(&side(&deflate), &deflate);
        let mut decompressor = FrameDecompressor::new(&side(&deflate), &deflate);
        let bomb = compress(&mut compressor, &zeros, true);
        for max_len in [0, 1, 1024, 99_999] {
            let refused = decompress(&mut decompressor, &bomb, true, max_len);
            assert_eq!(refused, Err(ProtocolError::MessageTooLong), "{max_len}");
        }
        for max_len in [100_000, usize::MAX] {
            let back = decompress(&mut decompressor, &bomb, true, max_len);
            assert_eq!(back.as_ref(), Ok(&zeros));
        }
        assert_eq!(decompress(&mut decompressor, &[0], true, 0), Ok(Vec::new()), "§7.2.3.6");
    }
}

/// RFC: D7.2.2-1
#[test]
fn after_an_error_the_context_is_as_fresh() {
    let hello = Blocks::new().fixed(false, &literals(b"Hello")).message();
    let mut decompressor = FrameDecompressor::new(&Side::default(), &with_window(true, 15));
    for bad in [&[7, 7, 7][..], &hello[..hello.len() - 2], &[]] {
        assert_eq!(decompress(&mut decompressor, &hello, true, 9), Ok(b"Hello".to_vec()));
        let refused = decompress(&mut decompressor, bad, true, 9);
        assert!(matches!(refused, Err(ProtocolError::Compression(_))), "{bad:02x?}: {refused:?}");
        let back = Blocks::new().fixed(false, &[Symbol::Match(3, 5)]).message();
        let refused = decompress(&mut decompressor, &back, true, 9);
        let Err(ProtocolError::Compression(error)) = refused else { panic!("{refused:?}") };
        assert_eq!(error.as_str(), "invalid length or distance", "earlier messages are forgotten");
    }
}

/// RFC: D7.2.3-1
#[test]
fn a_block_after_a_final_one_may_refer_to_earlier_frames() {
    let first = Blocks::new().fixed(true, &literals(b"Hello")).bytes();
    let last = Blocks::new().fixed(false, &[Symbol::Match(5, 5)]).message();
    let mut decompressor = FrameDecompressor::new(&Side::default(), &with_window(true, 15));
    assert_eq!(decompress(&mut decompressor, &first, false, 9), Ok(b"Hello".to_vec()));
    assert_eq!(decompress(&mut decompressor, &last, true, 9), Ok(b"Hello".to_vec()));
    assert_eq!(decompress(&mut decompressor, &first, true, 9), Ok(b"Hello".to_vec()));
    assert_eq!(decompress(&mut decompressor, &last, true, 9), Ok(b"Hello".to_vec()));
}
