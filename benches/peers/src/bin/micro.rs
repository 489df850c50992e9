//! Masking, copying with a mask, and UTF-8: ours next to the peers', the standard library and
//! memcpy. `scripts/bench micro`.
//!
//! GB/s, the best of some runs. Payloads lie where they do behind a header, so not aligned. The
//! loops of tungstenite and tokio-websockets are not public.

use std::{
    hint::black_box,
    time::{Duration, Instant},
};

use bowsprit_proto::{
    mask::{apply_mask, copy_masked},
    utf8,
};
use clap::Parser;

const LENS: [usize; 8] = [16, 64, 128, 1024, 16 << 10, 64 << 10, 256 << 10, 1 << 20];

/// A header of a frame from a client.
const OFFSET: usize = 6;

const KEY: [u8; 4] = [0x37, 0xFA, 0x21, 0x3D];

#[derive(Parser)]
struct Arguments {
    /// Shorter runs.
    #[arg(long)]
    quick: bool,
}

/// Something that is done to so many bytes of a buffer; what it returns is not optimised away.
type Work = fn(&mut Buffers, usize) -> usize;

struct Buffers {
    payload: Vec<u8>,
    copy: Vec<u8>,
}

fn main() {
    let time = Duration::from_millis(if Arguments::parse().quick { 5 } else { 50 });
    let bytes = |_| vec![0x61; OFFSET + LENS[LENS.len() - 1]];
    table("masking in place", time, &bytes, &MASKING);
    table("a masked copy", time, &bytes, &COPYING);
    table("UTF-8, ASCII", time, &bytes, &VALIDATING);
    let mixed = "déjà vu, 日本 and ASCII ";
    let mixed = |len: usize| {
        let mut text = vec![0x61; OFFSET];
        text.extend(mixed.repeat(len.div_ceil(mixed.len())).into_bytes());
        // The last character may be cut.
        let end = (OFFSET + len).min(text.len());
        let whole = String::from_utf8_lossy(&text[..end]).trim_end_matches('\u{fffd}').len();
        text[whole..end].fill(0x61);
        text
    };
    table("UTF-8, mixed", time, &mixed, &VALIDATING);
}

const MASKING: [(&str, Work); 6] = [
    ("bowsprit", |buffers, len| {
        apply_mask(buffers.payload(len), black_box(KEY), 0);
        len
    }),
    ("fastwebsockets", |buffers, len| {
        fastwebsockets::unmask(buffers.payload(len), black_box(KEY));
        len
    }),
    ("yawc", |buffers, len| {
        yawc::mask::apply_mask(buffers.payload(len), black_box(KEY));
        len
    }),
    ("sockudo-ws", |buffers, len| {
        sockudo_ws::simd::apply_mask(buffers.payload(len), black_box(KEY));
        len
    }),
    ("byte by byte", |buffers, len| {
        let key = black_box(KEY);
        for (index, octet) in buffers.payload(len).iter_mut().enumerate() {
            *octet ^= key[index & 3];
        }
        len
    }),
    ("memcpy", memcpy),
];

const COPYING: [(&str, Work); 3] = [
    ("bowsprit", |Buffers { payload, copy }, len| {
        copy.clear();
        copy_masked(&payload[OFFSET..OFFSET + len], black_box(KEY), 0, copy);
        copy.len()
    }),
    ("memcpy, then bowsprit in place", |buffers, len| {
        memcpy(buffers, len);
        apply_mask(&mut buffers.copy, black_box(KEY), 0);
        buffers.copy.len()
    }),
    ("memcpy", memcpy),
];

const VALIDATING: [(&str, Work); 4] = [
    ("bowsprit, whole", |buffers, len| utf8::from_utf8(buffers.payload(len)).map_or(0, str::len)),
    ("bowsprit, in pieces", |buffers, len| {
        let mut validator = utf8::Validator::new();
        let pushed = validator.push(buffers.payload(len));
        usize::from(pushed.is_ok() && validator.finish().is_ok())
    }),
    ("standard library", |buffers, len| {
        std::str::from_utf8(buffers.payload(len)).map_or(0, str::len)
    }),
    ("memcpy", memcpy),
];

fn memcpy(Buffers { payload, copy }: &mut Buffers, len: usize) -> usize {
    copy.clear();
    copy.extend_from_slice(&payload[OFFSET..OFFSET + len]);
    copy.len()
}

impl Buffers {
    fn payload(&mut self, len: usize) -> &mut [u8] {
        &mut self.payload[OFFSET..OFFSET + len]
    }
}

fn table(title: &str, time: Duration, payload: &dyn Fn(usize) -> Vec<u8>, works: &[(&str, Work)]) {
    println!("\nGB/s, {title}\n");
    let head = LENS.map(|len| format!(" {len} |"));
    println!("| bytes |{}\n|---|{}", head.concat(), "--:|".repeat(LENS.len()));
    for (name, work) in works {
        let cells = LENS.map(|len| {
            let mut buffers = Buffers { payload: payload(len), copy: Vec::with_capacity(len) };
            format!(" {:.1} |", gigabytes_per_second(time, len, || work(&mut buffers, len)))
        });
        println!("| {name} |{}", cells.concat());
    }
}

/// The best of nine runs.
fn gigabytes_per_second(time: Duration, len: usize, mut work: impl FnMut() -> usize) -> f64 {
    assert!(black_box(work()) > 0, "the work has failed");
    // As often as takes about a ninth of the time.
    let once = Instant::now();
    for _ in 0..16 {
        black_box(work());
    }
    let once = once.elapsed().as_secs_f64() / 16.0;
    let times = ((time.as_secs_f64() / 9.0 / once) as usize).max(1);
    let run = |_| {
        let started = Instant::now();
        for _ in 0..times {
            black_box(work());
        }
        started.elapsed().as_secs_f64() / times as f64
    };
    let best = (0..9).map(run).fold(f64::MAX, f64::min);
    len as f64 / best / 1e9
}
