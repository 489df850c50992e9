//! Heads in pieces, at their limits, and what is none.

use std::{cell::Cell, fmt::Debug, mem::MaybeUninit};

use http::{Method, Request, Response, Version};
use httparse::Header;

use super::{
    HeadError, HeadLimits, HeadReader, Received,
    error::{Fault, Kind},
    parse::{Head, Parsed},
};

const REQUEST: &str = "GET /chat?room=1 HTTP/1.1\r\nHost: example.com\r\nX-Empty:\r\n\
    sec-websocket-key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n";

/// What comes of pieces: the head, or an error, and how many pieces that took.
fn read<H: Head>(
    limits: HeadLimits,
    pieces: &[&[u8]],
) -> (Result<Option<Received<H>>, HeadError>, usize) {
    let mut reader = HeadReader::new(limits);
    for (count, piece) in pieces.iter().enumerate() {
        let taken = reader.take(piece);
        if !matches!(taken, Ok(None)) {
            return (taken, count + 1);
        }
    }
    (Ok(None), pieces.len())
}

fn whole<H: Head>(pieces: &[&[u8]]) -> Received<H> {
    read(HeadLimits::default(), pieces).0.unwrap().unwrap()
}

fn error<H: Head + Debug>(input: &str) -> String {
    read::<H>(HeadLimits::default(), &[input.as_bytes()]).0.unwrap_err().to_string()
}

fn bytes_of(input: &[u8]) -> Vec<&[u8]> {
    input.chunks(1).collect()
}

#[test]
fn a_request_is_the_same_however_it_is_cut() {
    for start in ["", "\n", "\r\n\r\n"] {
        let input = format!("{start}{REQUEST}frames");
        for cut in 1..input.len() {
            let (first, second) = input.as_bytes().split_at(cut);
            let Received { head, bytes, rest } = whole::<Request<()>>(&[first, second]);
            assert_eq!((head.method(), head.version()), (&Method::GET, Version::HTTP_11));
            assert_eq!(head.uri(), "/chat?room=1");
            assert_eq!(head.headers().len(), 3);
            assert_eq!(head.headers()["x-empty"], "");
            assert_eq!(head.headers()["sec-websocket-key"], "dGhlIHNhbXBsZSBub25jZQ==");
            assert_eq!(bytes, REQUEST);
            // What is cut off may not have come yet.
            assert!(b"frames".starts_with(&rest[..]));
            assert!(cut >= start.len() + REQUEST.len() || rest == "frames", "{cut}");
        }
        let Received { rest, .. } = whole::<Request<()>>(&bytes_of(input.as_bytes()));
        assert_eq!(rest, "");
    }
}

#[test]
fn lines_may_end_in_a_line_feed_alone() {
    let input = REQUEST.replace("\r\n", "\n");
    for pieces in [vec![input.as_bytes()], bytes_of(input.as_bytes())] {
        assert_eq!(whole::<Request<()>>(&pieces).bytes, input);
    }
}

thread_local! {
    static PARSED: Cell<usize> = const { Cell::new(0) };
}

/// A request that counts how often it is looked at.
struct Counted;

impl Head for Counted {
    const KIND: Kind = Kind::Request;

    fn parse<'b>(
        input: &'b [u8],
        fields: &mut [MaybeUninit<Header<'b>>],
    ) -> Result<Option<Parsed<Self>>, Fault> {
        PARSED.set(PARSED.get() + 1);
        let parsed = Request::parse(input, fields)?;
        Ok(parsed.map(|Parsed { bytes, .. }| Parsed { head: Self, bytes }))
    }
}

#[test]
fn a_head_that_comes_byte_by_byte_is_parsed_three_times() {
    let long = REQUEST.replace("X-Empty:", &format!("X-Long: {}", "y".repeat(15_000)));
    let lines = "\r\n".repeat(500) + REQUEST;
    for input in [REQUEST, &long, &lines] {
        PARSED.set(0);
        whole::<Counted>(&bytes_of(input.as_bytes()));
        assert_eq!(PARSED.get(), 3);
    }
}

#[test]
fn a_head_may_be_as_long_as_the_limit() {
    let max_len = REQUEST.len();
    let piece = |len: usize| -> Vec<&[u8]> { vec![&REQUEST.as_bytes()[..len]] };
    let limits = HeadLimits { max_len, ..HeadLimits::default() };
    let inputs = [piece(max_len), bytes_of(REQUEST.as_bytes())];
    for pieces in &inputs {
        assert!(read::<Request<()>>(limits, pieces).0.unwrap().is_some());
    }
    let limits = HeadLimits { max_len: max_len - 1, ..limits };
    for (pieces, count) in inputs.iter().zip([1, max_len - 1]) {
        let (read, after) = read::<Request<()>>(limits, pieces);
        assert_eq!((read.unwrap_err().fault, after), (Fault::TooLong(max_len - 1), count));
    }
    let (read, after) = read::<Request<()>>(limits, &bytes_of("\r\n".repeat(99).as_bytes()));
    assert_eq!((read.unwrap_err().fault, after), (Fault::TooLong(max_len - 1), max_len - 1));
}

#[test]
fn a_head_may_have_as_many_fields_as_the_limit() {
    for (count, max_fields) in [(3, 3), (100, 100), (150, 150), (3, 1000)] {
        let fields: String = (3..count).map(|i| format!("X-{i}: y\r\n")).collect();
        let input = REQUEST.replace("\r\n\r\n", &format!("\r\n{fields}\r\n"));
        let limits = HeadLimits { max_fields, ..HeadLimits::default() };
        let (found, _) = read::<Request<()>>(limits, &[input.as_bytes()]);
        assert_eq!(found.unwrap().unwrap().head.headers().len(), count);
        if count == max_fields {
            let limits = HeadLimits { max_fields: max_fields - 1, ..limits };
            let (found, _) = read::<Request<()>>(limits, &[input.as_bytes()]);
            let fault = Fault::TooManyFields(max_fields - 1);
            assert_eq!(found.unwrap_err().fault, fault);
        }
    }
}

/// Those who speak something else are not made to wait for an end that never comes.
#[test]
fn what_is_not_http_is_noticed_at_its_beginning() {
    for (input, after) in [
        (&b"\x16\x03\x01\x02\x00\x01"[..], 2),
        (b"SSH-2.0-OpenSSH_9.7\r\n", 21),
        (b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", 16),
        (b"\0\0\x0c\x04\0\0\0\0\0", 1),
    ] {
        let (read, count) = read::<Request<()>>(HeadLimits::default(), &bytes_of(input));
        assert!(matches!(read.unwrap_err().fault, Fault::NotHttp(_)), "{input:?}");
        assert_eq!(count, after, "{input:?}");
    }
}

#[test]
fn an_error_says_what_came_instead_of_a_response() {
    for (input, message) in [
        (
            "\u{15}\u{3}\u{1}\0\u{2}\u{2}\u{28}",
            "the response is not HTTP/1.1: it begins with 15 03 01 00 02 02, \
             which is TLS; try a wss: URL, or https: for a proxy",
        ),
        (
            "SSH-2.0-OpenSSH_9.7\r\n",
            "the response is not HTTP/1.1: it begins with \"SSH-2.0-Open\", \
             which is SSH; check the port",
        ),
        (
            "\0\0\u{12}\u{4}\0\0\0\0\0\0",
            "the response is not HTTP/1.1: it begins with 00 00 12 04 00 00, \
             which is HTTP/2, which is not supported here",
        ),
        (
            "HTTP/2 200 OK\r\n",
            "the response is not HTTP/1.1: it begins with \"HTTP/2 200 O\", \
             which is an unsupported version of HTTP; WebSocket needs HTTP/1.1",
        ),
        ("220 mail\r\n", "the response is not HTTP/1.1: it begins with \"220 mail\\r\\n\""),
        (
            "HTTP/1.1 20x OK\r\n",
            "the head of the response is malformed: the status line is invalid",
        ),
        (
            "HTTP/1.1 200 OK\r\nbad name: x\r\n\r\n",
            "the head of the response is malformed: \
             a header field name contains an invalid character",
        ),
    ] {
        assert_eq!(error::<Response<()>>(input), message);
    }
}

/// What is nearly a request may have a secret in its query.
#[test]
fn an_error_says_what_came_instead_of_a_request_but_no_secrets() {
    const LINE: &str = "the head of the request is malformed: \
        the request line is invalid, or not of HTTP/1.1";
    for (input, message) in [
        (
            "\u{16}\u{3}\u{1}\0\u{2}\u{2}\u{28}",
            "the request is not HTTP/1.1: it begins with 16 03 01 00 02 02, \
             which is TLS, which this listener does not speak; clients need a ws: URL",
        ),
        ("GET /?t=s3cret\u{1} HTTP/1.1\r\n", LINE),
        ("GET /a b HTTP/1.1\r\n", LINE),
        ("GET / HTTP/3.0\r\n", LINE),
        ("HTTP/1.1 200 OK\r\n", LINE),
    ] {
        assert_eq!(error::<Request<()>>(input), message);
    }
    let long = format!("GET /{} HTTP/1.1\r\n\r\n", "x".repeat(65_534));
    let limits = HeadLimits { max_len: 1 << 20, ..HeadLimits::default() };
    let error = read::<Request<()>>(limits, &[long.as_bytes()]).0.unwrap_err();
    assert_eq!((error.fault, error.status().as_u16()), (Fault::TargetTooLong, 414));
}

/// What would let a proxy and us see different requests.
#[test]
fn malformed_fields_are_errors() {
    for line in ["A: b\rc", " A: b", "A : b", "A: b\0", "A\u{e9}: b", "A: b\r\n folded", ": b", "A"]
    {
        let input = REQUEST.replace("X-Empty:", line);
        let found = read::<Request<()>>(HeadLimits::default(), &[input.as_bytes()]).0;
        assert!(matches!(found.unwrap_err().fault, Fault::Malformed(_)), "{line:?}");
    }
}

#[test]
fn a_response_is_read_with_what_follows() {
    let input = b"HTTP/1.0 101 \r\nUpgrade: websocket\r\n\r\n\x81\x02hi";
    let Received { head, rest, .. } = whole::<Response<()>>(&[input]);
    assert_eq!((head.status().as_u16(), head.version()), (101, Version::HTTP_10));
    assert_eq!(head.headers()["upgrade"], "websocket");
    assert_eq!(rest, &b"\x81\x02hi"[..]);
}

#[test]
fn debug_shows_no_secrets() {
    let secrets = "Authorization: s3cret\r\nCookie: s3cret\r\nSec-WebSocket-Protocol: s3cret\r\n\
        Proxy-Authorization: s3cret\r\nSet-Cookie: s3cret\r\n\r\n";
    let input = REQUEST.replace("\r\n\r\n", &format!("\r\n{secrets}"));
    let request = whole::<Request<()>>(&[input.as_bytes()]).head;
    let shown = format!("{request:?}");
    assert!(shown.contains("example.com") && !shown.contains("s3cret"), "{shown}");
    assert_eq!(request.headers()["cookie"], "s3cret");
}
