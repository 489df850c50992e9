//! Attacks on open connections.

use std::{
    io::{ErrorKind, Read, Write},
    net::TcpStream,
    time::{Duration, Instant},
};

use bowsprit::{ConnectionConfig, Server, config::Heartbeat};

use super::{Attacked, BLOCKS, KIB, REQUEST, flood};

const MASKED: u8 = 0x80;

impl Attacked {
    /// A connection that was let in.
    fn open(&self) -> TcpStream {
        let mut stream = self.connect();
        stream.write_all(format!("{REQUEST}\r\n").as_bytes()).unwrap();
        let mut head = Vec::new();
        while !head.ends_with(b"\r\n\r\n") {
            let mut byte = [0];
            stream.read_exact(&mut byte).unwrap();
            head.push(byte[0]);
        }
        assert!(head.starts_with(b"HTTP/1.1 101 "));
        stream
    }
}

/// A frame whose masking key is zero.
fn frame(first: u8, payload: &[u8]) -> Vec<u8> {
    let len = u8::try_from(payload.len()).unwrap();
    assert!(len < 126);
    [&[first, MASKED | len, 0, 0, 0, 0], payload].concat()
}

/// The code of the close frame that comes next; 0 if the connection ends without one.
fn close_code(stream: &mut TcpStream) -> u16 {
    let mut head = [0; 4];
    match stream.read_exact(&mut head) {
        Ok(()) => {
            assert_eq!(head[0], 0x88, "a close frame");
            u16::from_be_bytes([head[2], head[3]])
        }
        Err(error) if error.kind() == ErrorKind::WouldBlock => panic!("no answer in time"),
        Err(_) => 0,
    }
}

/// Reads until the connection ends; how long that took.
fn until_the_end(stream: &mut TcpStream) -> Duration {
    let begun = Instant::now();
    let mut rest = [0; 4096];
    while stream.read(&mut rest).is_ok_and(|len| len > 0) {}
    begun.elapsed()
}

#[test]
fn fragments_that_are_empty_or_tiny() {
    let server = Attacked::start(Server::builder());
    for payload in [&b""[..], b"x"] {
        let mut stream = server.open();
        stream.write_all(&frame(0x01, payload)).unwrap();
        flood(&mut stream, &frame(0x00, payload).repeat(100), 8 << 20);
        // The answer may be lost where the attacker goes on: a socket with unread bytes resets.
        assert!([1008, 0].contains(&close_code(&mut stream)));
    }
    assert!(server.growth() <= BLOCKS + 32 * KIB, "{} bytes", server.growth());
    server.expect_recovery();
}

#[test]
fn lengths_that_are_only_claimed() {
    let server = Attacked::start(Server::builder());
    let mut stream = server.open();
    stream.write_all(&[&[0x82, 0xFF][..], &(1_u64 << 62).to_be_bytes(), &[0; 4]].concat()).unwrap();
    assert_eq!(close_code(&mut stream), 1009);
    let mut streams = Vec::with_capacity(100);
    for _ in 0..100 {
        let mut stream = server.open();
        let header = [&[0x82, 0xFF][..], &(1_u64 << 20).to_be_bytes(), &[0; 4]].concat();
        stream.write_all(&[&header[..], b"no more than this"].concat()).unwrap();
        streams.push(stream);
    }
    assert!(server.growth() <= BLOCKS + 100 * 4 * KIB, "{} bytes", server.growth());
    drop(streams);
    server.expect_recovery();
}

#[test]
fn pings_from_a_client_that_never_reads() {
    let server = Attacked::start(Server::builder());
    let mut stream = server.open();
    stream.set_write_timeout(Some(Duration::from_secs(20))).unwrap();
    let pings = frame(0x89, &[b'p'; 125]).repeat(100);
    flood(&mut stream, &pings, 64 << 20);
    assert!(server.growth() <= BLOCKS + 16 * KIB, "{} bytes", server.growth());
    drop(stream);
    server.expect_recovery();
}

#[test]
fn an_echo_to_a_client_that_never_reads() {
    let server = Attacked::start(Server::builder());
    let mut stream = server.open();
    stream.set_write_timeout(Some(Duration::from_secs(1))).unwrap();
    // Until it waits for us as we wait for it.
    flood(&mut stream, &frame(0x82, &[b'm'; 125]).repeat(100), 256 << 20);
    // Twice what may wait to be written, as its block grows by doubling.
    assert!(server.growth() <= BLOCKS + 128 * KIB, "{} bytes", server.growth());
    drop(stream);
    server.expect_recovery();
}

#[test]
fn a_flood_after_a_close() {
    let server = Attacked::start(Server::builder());
    let mut stream = server.open();
    stream.write_all(&frame(0x88, &1000_u16.to_be_bytes())).unwrap();
    assert_eq!(close_code(&mut stream), 1000);
    let begun = Instant::now();
    while begun.elapsed() < Duration::from_secs(8) && stream.write_all(&[0; 4096]).is_ok() {}
    assert!(begun.elapsed() < Duration::from_secs(8), "the linger time-out bounds this");
    assert!(server.growth() <= BLOCKS + 16 * KIB, "{} bytes", server.growth());
    server.expect_recovery();
}

#[test]
fn closes_that_are_never_answered_and_clients_that_are_dead() {
    let mut config = ConnectionConfig::server();
    let short = Duration::from_millis(300);
    config.close_timeout = short;
    config.heartbeat = Some(Heartbeat::new(short, short));
    let server = Attacked::start(Server::builder().config(config));
    let mut streams: Vec<TcpStream> = (0..200).map(|_| server.open()).collect();
    let own = streams.capacity() * size_of::<TcpStream>();
    // Half of them ask for a close frame, and leave it at that; the others say nothing at all.
    for stream in streams.iter_mut().step_by(2) {
        stream.write_all(&frame(0x81, b"bye")).unwrap();
    }
    for stream in &mut streams {
        assert!(until_the_end(stream) < 10 * short);
    }
    let each = server.growth().saturating_sub(own + BLOCKS) / 200;
    assert!(each <= 4 * KIB, "{each} bytes each");
    drop(streams);
    server.expect_recovery();
}
