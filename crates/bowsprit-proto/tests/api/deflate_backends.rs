//! Both libraries in one process.

use bowsprit_proto::{
    Limits, Role, Sender,
    deflate::{Backend, Compressor, Decompressor, Deflate},
};

use super::{
    deflate::{end, prose, with_takeover, with_window},
    pair::{BOTH, End, peer_of, text},
};

const BACKENDS: [Backend; 2] = [Backend::ZlibRs, Backend::Zlib];

/// Sends texts that resemble each other, from an end with one backend to an end with another.
fn carry(mut from: End, mut to: End, what: &str) {
    for i in 0..6 {
        let message = prose(3000 + i * 700, i % 2);
        let bytes = from.send(|sender, out| sender.text(&message, out)).unwrap();
        assert!(bytes.len() * 2 < message.len(), "{what}: {} bytes", bytes.len());
        assert_eq!(to.receive(&bytes), [text(&message)], "{what}");
    }
}

#[test]
fn each_backend_understands_each() {
    let pairs = BACKENDS.into_iter().flat_map(|from| BACKENDS.map(|to| (from, to)));
    for (from, to) in pairs {
        for (takeover, bits) in [(false, 15), (false, 9), (true, 15), (true, 9), (true, 8)] {
            for role in BOTH {
                let deflate = with_window(takeover, bits).level(6);
                let sender = end(role, Limits::SERVER, deflate.backend(from));
                let receiver = end(peer_of(role), Limits::SERVER, deflate.backend(to));
                let what = format!("{from:?} to {to:?}, takeover {takeover}, {bits} bits");
                carry(sender, receiver, &what);
            }
        }
    }
}

#[test]
fn the_feature_alone_changes_nothing() {
    for deflate in [Deflate::client(), Deflate::server()] {
        assert_eq!(deflate.backend, Backend::ZlibRs);
    }
    assert_eq!(Backend::default(), Backend::ZlibRs);
}

#[test]
fn contexts_of_the_other_backend_are_not_lent() {
    let [mut rust, mut c] = BACKENDS
        .map(|backend| end(Role::Server, Limits::SERVER, with_takeover(false).backend(backend)));
    let wanted = |sender: &mut Sender| sender.wanted_compressor().unwrap();
    let (of_rust, of_c) = (wanted(rust.connection.sender()), wanted(c.connection.sender()));
    assert_ne!(of_rust, of_c);
    c.connection.sender().lend_compressor(Compressor::new(of_rust));
    assert_eq!(wanted(c.connection.sender()), of_c, "does not fit");
    c.connection.sender().lend_compressor(Compressor::new(of_c));
    assert_eq!(c.connection.sender().wanted_compressor(), None, "fits");

    for (end, backend) in [rust, c].into_iter().zip(BACKENDS) {
        let (mut receiver, _) = end.connection.split();
        assert_eq!(receiver.wanted_decompressor(), Some(backend));
        for other in BACKENDS.into_iter().filter(|other| *other != backend) {
            receiver.lend_decompressor(Decompressor::new(other));
            assert_eq!(receiver.wanted_decompressor(), Some(backend), "does not fit");
        }
        receiver.lend_decompressor(Decompressor::new(backend));
        assert_eq!(receiver.wanted_decompressor(), None, "fits");
        assert_eq!(receiver.take_decompressor().map(|taken| taken.backend()), Some(backend));
    }
}
