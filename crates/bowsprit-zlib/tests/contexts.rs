//! Contexts from outside: what goes in comes back, with zlib-rs on the other side too.

#![expect(clippy::unwrap_used, reason = "a test may stop where it is surprised")]

use std::{mem, panic::catch_unwind, thread};

use bowsprit_zlib::{
    Deflate, DeflateConfig, DeflateFlush, Inflate, InflateError, InflateFlush, Method, Status,
    Strategy,
};

/// RFC 7692 §7.2.3.1, and the same with BFINAL set, §7.2.3.4.
const HELLO: [u8; 7] = [0xF2, 0x48, 0xCD, 0xC9, 0xC9, 0x07, 0x00];
const FINAL_HELLO: [u8; 7] = [0xF3, 0x48, 0xCD, 0xC9, 0xC9, 0x07, 0x00];

const STRATEGIES: [Strategy; 5] =
    [Strategy::Default, Strategy::Filtered, Strategy::HuffmanOnly, Strategy::Rle, Strategy::Fixed];

fn narrow() -> DeflateConfig {
    DeflateConfig { level: 1, window_bits: -9, mem_level: 1, ..DeflateConfig::default() }
}

/// Text that repeats itself near and far, and bytes that do not.
fn messages() -> Vec<Vec<u8>> {
    let numbers: String = (0..20_000_u32).map(|i| (i * i % 9973).to_string()).collect();
    let words = "to be or not to be, that is the question; ".repeat(3000);
    [&b""[..], b"Hello", words.as_bytes(), b"", numbers.as_bytes(), &words.as_bytes()[..999]]
        .map(<[u8]>::to_vec)
        .to_vec()
}

/// By how much a total has grown.
fn grown(now: u64, before: u64) -> usize {
    usize::try_from(now - before).unwrap()
}

/// Compresses with so much room for output at a time.
fn compressed(deflate: &mut Deflate, mut input: &[u8], room: usize) -> Vec<u8> {
    let (mut all, mut output) = (Vec::new(), vec![0; room]);
    loop {
        let (read, written) = (deflate.total_in(), deflate.total_out());
        let status = deflate.compress(input, &mut output, DeflateFlush::SyncFlush).unwrap();
        input = &input[grown(deflate.total_in(), read)..];
        let written = grown(deflate.total_out(), written);
        all.extend_from_slice(&output[..written]);
        if written < room || status == Status::BufError {
            assert!(input.is_empty());
            return all;
        }
    }
}

/// Decompresses, with so many bytes of input and of room for output at a time.
fn decompressed(
    inflate: &mut Inflate,
    input: &[u8],
    [part, room]: [usize; 2],
) -> Result<Vec<u8>, InflateError> {
    let (mut all, mut output) = (Vec::new(), vec![0; room]);
    for mut part in input.chunks(part) {
        loop {
            let (read, written) = (inflate.total_in(), inflate.total_out());
            let status = inflate.decompress(part, &mut output, InflateFlush::NoFlush)?;
            part = &part[grown(inflate.total_in(), read)..];
            let written = grown(inflate.total_out(), written);
            all.extend_from_slice(&output[..written]);
            if status == Status::StreamEnd || written < room {
                assert!(part.is_empty());
                break;
            }
        }
    }
    Ok(all)
}

fn oracle_inflates(oracle: &mut zlib_rs::Inflate, input: &[u8], len: usize) -> Vec<u8> {
    let mut output = vec![0; len + 1];
    let before = oracle.total_out();
    oracle.decompress(input, &mut output, zlib_rs::InflateFlush::NoFlush).unwrap();
    output.truncate(grown(oracle.total_out(), before));
    output
}

#[test]
fn what_is_compressed_comes_back_with_every_configuration() {
    let messages = messages();
    for (window_bits, mem_level) in (9..=15).zip([1, 3, 5, 6, 7, 8, 9]) {
        for (level, strategy) in (0..=9).zip(STRATEGIES.into_iter().cycle()) {
            let mut deflate = Deflate::new_with_config(DeflateConfig {
                level,
                method: Method::Deflated,
                window_bits: -i32::from(window_bits),
                mem_level,
                strategy,
            });
            let mut inflate = Inflate::new(false, window_bits);
            let mut oracle = zlib_rs::Inflate::new(false, 15);
            for message in &messages {
                let data = compressed(&mut deflate, message, 700);
                assert!(message.is_empty() || data.ends_with(&[0, 0, 0xFF, 0xFF]));
                assert_eq!(decompressed(&mut inflate, &data, [100, 333]).as_ref(), Ok(message));
                assert_eq!(&oracle_inflates(&mut oracle, &data, message.len()), message);
            }
            let total: usize = messages.iter().map(Vec::len).sum();
            assert_eq!((deflate.total_in(), inflate.total_out()), (total as u64, total as u64));
            assert_eq!(deflate.total_out(), inflate.total_in());
        }
    }
}

#[test]
fn what_another_library_compresses_is_understood_with_every_window() {
    for window_bits in 9..=15 {
        let mut other = zlib_rs::Deflate::new(6, false, window_bits);
        let mut inflate = Inflate::new(false, window_bits);
        for message in messages() {
            let mut data = vec![0; message.len() + 1000];
            let before = other.total_out();
            other.compress(&message, &mut data, zlib_rs::DeflateFlush::SyncFlush).unwrap();
            data.truncate(grown(other.total_out(), before));
            assert_eq!(decompressed(&mut inflate, &data, [7, 1000]), Ok(message));
        }
    }
}

/// zlib does not compress for 2^8 bytes; with 2^9 it does not refer as far as that.
#[test]
fn a_window_of_8_bits_follows_what_is_compressed_with_9() {
    let numbers: Vec<u8> = (0..5000_u32).flat_map(|i| (i * i % 61).to_le_bytes()).collect();
    for level in 0..=9 {
        let config = DeflateConfig { level, window_bits: -9, ..DeflateConfig::default() };
        let (mut deflate, mut inflate) = (Deflate::new_with_config(config), Inflate::new(false, 8));
        for message in [&numbers[..], b"Hello", &numbers[..2000]] {
            let data = compressed(&mut deflate, message, 64);
            // Little room, so that references go through the window.
            let back = decompressed(&mut inflate, &data, [data.len(), 16]);
            assert_eq!(back.as_deref(), Ok(message));
        }
    }
    let config = DeflateConfig { level: 6, window_bits: -10, ..DeflateConfig::default() };
    let far: Vec<u8> = (0..=255).chain((0..=255).rev()).chain(0..=255).collect();
    let data = compressed(&mut Deflate::new_with_config(config), &far, 2000);
    let back = decompressed(&mut Inflate::new(false, 8), &data, [data.len(), 16]);
    assert_eq!(back, Err(InflateError::DataError), "512 bytes back, in a window of 256");
}

#[test]
fn a_reset_forgets_what_came_before() {
    let text = b"a text that is long enough to be worth referring to";
    let mut deflate = Deflate::new_with_config(narrow());
    let first = compressed(&mut deflate, text, 1000);
    let referring = compressed(&mut deflate, text, 1000);
    assert!(referring.len() < first.len());
    deflate.reset();
    assert_eq!((deflate.total_in(), deflate.total_out()), (0, 0));
    assert_eq!(compressed(&mut deflate, text, 1000), first);

    let mut inflate = Inflate::new(false, 9);
    assert_eq!(decompressed(&mut inflate, &first, [1000; 2]).as_deref(), Ok(&text[..]));
    assert_eq!(decompressed(&mut inflate, &referring, [1000; 2]).as_deref(), Ok(&text[..]));
    inflate.reset(false);
    assert_eq!((inflate.total_in(), inflate.total_out()), (0, 0));
    let failed = decompressed(&mut inflate, &referring, [1000; 2]);
    assert_eq!(failed, Err(InflateError::DataError));
}

#[test]
fn wrong_data_is_an_error_until_a_reset() {
    let mut inflate = Inflate::new(false, 15);
    assert_eq!(inflate.error_message(), None);
    for _ in 0..2 {
        let failed = decompressed(&mut inflate, &[0x07], [10; 2]);
        assert_eq!(failed, Err(InflateError::DataError));
        assert_eq!(inflate.error_message(), Some("invalid block type"));
    }
    inflate.reset(false);
    assert_eq!(inflate.error_message(), None);
    assert_eq!(decompressed(&mut inflate, &HELLO, [10; 2]).as_deref(), Ok(&b"Hello"[..]));
}

#[test]
fn a_final_block_ends_the_data_and_a_dictionary_goes_on_from_it() {
    let mut inflate = Inflate::new(false, 9);
    let mut output = [0; 20];
    let end = inflate.decompress(&FINAL_HELLO, &mut output, InflateFlush::NoFlush);
    assert_eq!(end, Ok(Status::StreamEnd));
    assert_eq!((inflate.total_in(), inflate.total_out(), &output[..5]), (7, 5, &b"Hello"[..]));
    let more = inflate.decompress(&HELLO, &mut output, InflateFlush::NoFlush);
    assert_eq!((more, inflate.total_in()), (Ok(Status::StreamEnd), 7));
    inflate.reset(false);
    let long = [7; 1 << 16];
    for dictionary in [&long[..], b"Hel", b"", b"lo"] {
        inflate.set_dictionary(dictionary).unwrap();
    }
    // §7.2.3.2: refers 5 bytes back.
    let again = decompressed(&mut inflate, &[0xF2, 0x00, 0x11, 0x00, 0x00], [10; 2]);
    assert_eq!(again.as_deref(), Ok(&b"Hello"[..]));
}

#[test]
fn a_step_can_stop_at_the_end_of_a_block() {
    let mut inflate = Inflate::new(false, 15);
    let input = [&HELLO[..], &[0, 0, 0xFF, 0xFF, 0xF2]].concat();
    let mut output = [0; 20];
    for end in [7, 11] {
        let from = usize::try_from(inflate.total_in()).unwrap();
        inflate.decompress(&input[from..], &mut output[..6], InflateFlush::Block).unwrap();
        assert_eq!((inflate.total_in(), inflate.total_out()), (end, 5));
    }
}

#[test]
fn nothing_to_read_or_no_room_is_no_error() {
    let (mut deflate, mut inflate) = (Deflate::new_with_config(narrow()), Inflate::new(false, 9));
    let none = deflate.compress(b"Hello", &mut [], DeflateFlush::SyncFlush);
    assert_eq!((none, deflate.total_in()), (Ok(Status::BufError), 0));
    for (input, len) in [(&b""[..], 0), (b"", 10), (&HELLO[..], 0)] {
        let mut output = vec![0; len];
        assert!(inflate.decompress(input, &mut output, InflateFlush::NoFlush).is_ok());
        assert_eq!(inflate.total_out(), 0);
    }
}

#[test]
fn contexts_can_be_moved_and_shared_between_threads() {
    const fn is_send_and_sync<T: Send + Sync>() {}
    is_send_and_sync::<Deflate>();
    is_send_and_sync::<Inflate>();

    let mut contexts: Vec<_> =
        (0..3).map(|_| (Deflate::new_with_config(narrow()), Inflate::new(false, 9))).collect();
    let text = messages().remove(2);
    for round in 0..3 {
        contexts.rotate_left(1);
        let ((first, _), (second, _)) = {
            let [first, second, ..] = &mut contexts[..] else { unreachable!() };
            mem::swap(first, second);
            (first, second)
        };
        assert_eq!(first.total_in(), second.total_in());
        let threads = contexts.drain(..).map(|(mut deflate, mut inflate)| {
            let text = text.clone();
            thread::spawn(move || {
                let data = compressed(&mut deflate, &text, 100);
                assert_eq!(decompressed(&mut inflate, &data, [99, 50]), Ok(text));
                (deflate, inflate)
            })
        });
        let threads: Vec<_> = threads.collect();
        contexts.extend(threads.into_iter().map(|thread| thread.join().unwrap()));
        let (deflate, inflate) = &contexts[0];
        let totals = thread::scope(|scope| {
            let both = scope.spawn(|| (deflate.total_in(), inflate.total_out()));
            both.join().unwrap()
        });
        let total = (round + 1) * text.len() as u64;
        assert_eq!(totals, (total, total));
    }
}

#[test]
fn what_zlib_cannot_do_is_refused_at_once() {
    let ok = DeflateConfig::default();
    let bad = [
        DeflateConfig { window_bits: -8, ..ok },
        DeflateConfig { window_bits: -16, ..ok },
        DeflateConfig { mem_level: 0, ..ok },
        DeflateConfig { mem_level: 10, ..ok },
        DeflateConfig { level: 10, ..ok },
    ];
    for config in bad {
        assert!(catch_unwind(|| Deflate::new_with_config(config)).is_err(), "{config:?}");
    }
    for (zlib_header, window_bits) in [(false, 7), (false, 16), (false, 0), (true, 15)] {
        assert!(catch_unwind(|| Inflate::new(zlib_header, window_bits)).is_err());
    }
}
