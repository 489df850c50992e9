//! What compression contexts take, with the backend that was chosen.

use bowsprit_proto::{
    Output, ReceiveBuffer, Receiver, Role, Sender,
    deflate::{Compressor, Deflate, WindowBits},
};

use super::super::{BACKEND, Limits, Policy, agreed, allocated_by};

/// Window bits, memory level, and kB for compressing and decompressing with context takeover: the
/// table of docs/compression.md.
#[cfg(not(feature = "zlib"))]
const TABLE: [(u8, u8, usize, usize); 7] = [
    (15, 9, 495, 81),
    (15, 8, 380, 81),
    (13, 6, 196, 56),
    (12, 5, 165, 52),
    (11, 4, 150, 50),
    (10, 3, 142, 49),
    (9, 1, 137, 49),
];

#[cfg(feature = "zlib")]
const TABLE: [(u8, u8, usize, usize); 7] = [
    (15, 9, 400, 73),
    (15, 8, 269, 73),
    (13, 6, 72, 24),
    (12, 5, 39, 16),
    (11, 4, 23, 12),
    (10, 3, 15, 10),
    (9, 1, 10, 9),
];

/// What a server and a client hold for the server's messages, after one of 40,000 bytes.
fn measure(window_bits: u8, mem_level: u8) -> (usize, usize) {
    let deflate = Deflate::client()
        .backend(BACKEND)
        .mem_level(mem_level)
        .server_max_window_bits(WindowBits::AtMost(window_bits));
    let mut policy = Policy::default();
    policy.deflate = Some(deflate);
    let parameters = agreed(&policy);
    let mut sender = Sender::server().with_deflate(&parameters, &deflate);
    let config = sender.wanted_compressor().unwrap();
    let (compressor, compressing) = allocated_by(|| Compressor::new(config));
    sender.lend_compressor(compressor);
    let mut out = Output::new();
    let payload: Vec<u8> = (0..40_000_u32).map(|i| (i * i % 251).to_le_bytes()[0]).collect();
    sender.binary(&payload, &mut out).unwrap();
    let mut receiver =
        Receiver::new(Role::Client, Limits::CLIENT).with_deflate(&parameters, &deflate);
    let ((), decompressing) = allocated_by(|| {
        let mut input = ReceiveBuffer::new();
        for part in out.slices() {
            input.extend(part);
        }
        assert!(receiver.receive(&mut input, &mut ()).progress.unwrap().is_event());
        assert_eq!(input.take_payload(), payload);
    });
    (compressing, decompressing)
}

pub(crate) fn contexts_take_what_the_readme_says() {
    for (window_bits, mem_level, compressing, decompressing) in TABLE {
        let measured = measure(window_bits, mem_level);
        println!("window {window_bits}, memory level {mem_level}: {measured:?}");
        for (bytes, kilobytes) in [(measured.0, compressing), (measured.1, decompressing)] {
            let of_it = bytes * 100 / (kilobytes * 1000);
            assert!(
                (85..=100).contains(&of_it),
                "{bytes} bytes, which is {of_it} % of the table's"
            );
        }
    }
}
