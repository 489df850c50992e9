//! Attacks on the opening handshake: what a client can do before it is let in.

use std::{
    io::{Read, Write},
    net::TcpStream,
    thread::sleep,
    time::{Duration, Instant},
};

use bowsprit::{
    Deflate, Server,
    http::{HeaderName, HeaderValue, StatusCode, header},
    server::{Basic, Bearer, Rejection, RequestExt},
};

use super::{Attacked, KIB, REQUEST, TIMEOUT, flood, status};

/// What half a request of up to 1 KiB may take.
const MAX_EACH: usize = 4 * KIB;

#[test]
fn a_header_line_of_32_mib() {
    let server = Attacked::start(Server::builder());
    let begun = Instant::now();
    let mut stream = server.connect();
    stream.write_all(b"GET /chat HTTP/1.1\r\nX-Long: ").unwrap();
    flood(&mut stream, &[b'x'; 4096], 32 << 20);
    // The answer may be lost where the attacker goes on: a socket with unread bytes resets.
    assert!([431, 0].contains(&status(&mut stream)));
    assert!(begun.elapsed() < 5 * TIMEOUT, "{:?}", begun.elapsed());
    assert!(server.growth() <= 64 * KIB, "{} bytes", server.growth());
    server.expect_recovery();
}

#[test]
fn a_million_header_fields() {
    let server = Attacked::start(Server::builder());
    let mut stream = server.connect();
    stream.write_all(b"GET /chat HTTP/1.1\r\n").unwrap();
    flood(&mut stream, b"X-Many: y\r\n", 11_000_000);
    assert!([431, 0].contains(&status(&mut stream)));
    assert!(server.growth() <= 64 * KIB, "{} bytes", server.growth());
    server.expect_recovery();
}

#[test]
fn a_request_target_of_32_mib() {
    let server = Attacked::start(Server::builder());
    let mut stream = server.connect();
    stream.write_all(b"GET /").unwrap();
    flood(&mut stream, &[b'x'; 4096], 32 << 20);
    assert!([414, 431, 0].contains(&status(&mut stream)));
    assert!(server.growth() <= 64 * KIB, "{} bytes", server.growth());
    server.expect_recovery();
}

#[test]
fn handshakes_that_come_byte_by_byte() {
    let server = Attacked::start(Server::builder());
    let begun = Instant::now();
    let mut streams: Vec<TcpStream> = (0..100).map(|_| server.connect()).collect();
    let own = streams.capacity() * size_of::<TcpStream>();
    for byte in REQUEST.as_bytes() {
        for stream in &mut streams {
            let _cut = stream.write_all(&[*byte]);
        }
        sleep(Duration::from_millis(20));
        if begun.elapsed() > 3 * TIMEOUT / 2 {
            break;
        }
    }
    for stream in &mut streams {
        assert_eq!(status(stream), 0, "bytes extend no time-out");
    }
    assert!(begun.elapsed() < 6 * TIMEOUT, "{:?}", begun.elapsed());
    let each = server.growth().saturating_sub(own) / 100;
    assert!(each <= MAX_EACH, "{each} bytes each");
    drop(streams);
    server.expect_recovery();
}

#[test]
fn connections_that_say_nothing() {
    let server = Attacked::start(Server::builder());
    let begun = Instant::now();
    let mut streams: Vec<TcpStream> = (0..300).map(|_| server.connect()).collect();
    let own = streams.capacity() * size_of::<TcpStream>();
    for stream in &mut streams {
        assert_eq!(status(stream), 0);
    }
    assert!((TIMEOUT..5 * TIMEOUT).contains(&begun.elapsed()), "{:?}", begun.elapsed());
    let each = server.growth().saturating_sub(own) / 300;
    assert!(each <= 4 * KIB, "{each} bytes each");
    drop(streams);
    server.expect_recovery();
}

/// Clients that say nothing, and those of one address that begin a handshake, lock nobody out.
#[test]
fn honest_clients_beside_a_thousand_silent_connections() {
    let server = Attacked::start(Server::builder().max_pending_handshakes(20));
    let silent: Vec<TcpStream> = (0..2100).map(|_| server.connect()).collect();
    let begun = Instant::now();
    for _ in 0..4 {
        assert_eq!(server.status(format!("{REQUEST}\r\n").as_bytes()), 101);
    }
    assert!(begun.elapsed() < TIMEOUT, "{:?}", begun.elapsed());
    drop(silent);
    let mut half: Vec<TcpStream> = (0..100).map(|_| server.connect()).collect();
    for stream in &mut half {
        stream.write_all(&REQUEST.as_bytes()[..30]).unwrap();
    }
    let begun = Instant::now();
    let mut honest = server.connect_from([127, 0, 0, 2].into());
    honest.write_all(format!("{REQUEST}\r\n").as_bytes()).unwrap();
    assert_eq!(status(&mut honest), 101);
    assert!(begun.elapsed() < TIMEOUT / 2, "{:?}", begun.elapsed());
    drop(half);
    server.expect_recovery();
}

#[test]
fn the_oldest_silent_connections_make_room() {
    let server = Attacked::start(Server::builder().max_silent_connections(50));
    let connect = |_| {
        sleep(Duration::from_millis(2));
        server.connect()
    };
    let mut silent: Vec<TcpStream> = (0..60).map(connect).collect();
    let begun = Instant::now();
    for stream in &mut silent[..10] {
        assert_eq!(status(stream), 0);
    }
    assert!(begun.elapsed() < TIMEOUT / 2, "{:?}", begun.elapsed());
    let last = silent.last_mut().unwrap();
    last.write_all(format!("{REQUEST}\r\n").as_bytes()).unwrap();
    assert_eq!(status(last), 101);
}

#[test]
fn more_half_handshakes_than_may_be_under_way() {
    let server = Attacked::start(Server::builder().max_pending_handshakes(50));
    let mut streams: Vec<TcpStream> = (0..200).map(|_| server.connect()).collect();
    let own = streams.capacity() * size_of::<TcpStream>();
    for stream in &mut streams {
        stream.write_all(&REQUEST.as_bytes()[..30]).unwrap();
    }
    sleep(TIMEOUT / 2);
    assert!(server.growth().saturating_sub(own) <= 200 * MAX_EACH, "{} bytes", server.growth());
    drop(streams);
    server.expect_recovery();
}

#[test]
fn a_body_on_the_upgrade() {
    let server = Attacked::start(Server::builder());
    for body in ["Content-Length: 33554432", "Transfer-Encoding: chunked"] {
        let mut stream = server.connect();
        stream.write_all(format!("{REQUEST}{body}\r\n\r\n").as_bytes()).unwrap();
        assert_eq!(status(&mut stream), 400, "{body}");
        flood(&mut stream, &[b'x'; 4096], 32 << 20);
    }
    assert!(server.growth() <= 96 * KIB, "{} bytes", server.growth());
    server.expect_recovery();
}

#[test]
fn requests_that_break_a_rule_a_thousand_times() {
    // Without an extension switched on, offers are not read.
    let server = Attacked::start(Server::builder().deflate(Deflate::server()));
    let key = "Sec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n";
    for (field, refused) in [
        (key, 400),
        ("Origin: http://evil.example\r\n", 403),
        ("Origin: null\r\n", 403),
        ("Sec-WebSocket-Protocol: a,,b c\r\n", 400),
        ("Sec-WebSocket-Extensions: \"\r\n", 400),
    ] {
        let request = format!("{REQUEST}{field}\r\n");
        for _ in 0..200 {
            assert_eq!(server.status(request.as_bytes()), refused, "{field}");
        }
    }
    assert!(server.growth() <= 256 * KIB, "{} bytes", server.growth());
    server.expect_recovery();
}

/// Everything that an application or a client can have us write, with what could end a line.
#[test]
fn line_ends_in_whatever_is_written() {
    const EVIL: [&str; 5] = ["\r\nX-Evil: 1", "\nX-Evil: 1", "\rX-Evil: 1", "\0", "\u{7f}\u{e9}"];
    for evil in EVIL {
        let text = format!("a{evil}");
        assert_eq!(HeaderValue::from_str(&text).is_ok(), evil == "never");
        assert!(HeaderName::from_bytes(text.as_bytes()).is_err());
        for challenge in [Basic::challenge(&text), Bearer::challenge(&text)] {
            let value = challenge.response().headers().get(header::WWW_AUTHENTICATE);
            let bytes = value.unwrap().as_bytes();
            assert!(!bytes.iter().any(|byte| byte.is_ascii_control()), "{bytes:?}");
        }
    }
    let server = Attacked::start(
        Server::builder()
            .choose_subprotocol(|request, _| {
                let index: usize = request.query("evil")?.parse().ok()?;
                Some(format!("chat{}", EVIL[index]))
            })
            .authorize(|request| async move {
                match request.query("body") {
                    Some(body) => Err(Rejection::new(StatusCode::FORBIDDEN).body(body)),
                    None => Ok(()),
                }
            }),
    );
    let ask = |target: &str, field: &str| {
        let request = REQUEST.replace("/chat", target);
        let mut stream = server.connect();
        stream.write_all(format!("{request}{field}\r\n").as_bytes()).unwrap();
        let mut answer = Vec::new();
        stream.read_to_end(&mut answer).unwrap();
        let answer = String::from_utf8(answer).unwrap();
        let (head, _) = answer.split_once("\r\n\r\n").unwrap();
        assert!(!head.to_lowercase().contains("x-evil"), "{answer}");
        answer
    };
    for evil in 0..EVIL.len() {
        let answer = ask(&format!("/?evil={evil}"), "Sec-WebSocket-Protocol: chat\r\n");
        assert!(answer.starts_with("HTTP/1.1 500 "), "{answer}");
    }
    // A body is no part of the head, whatever is in it.
    let answer = ask("/?body=%0d%0aX-Evil:%201%0d%0a%0d%0a", "");
    assert!(answer.starts_with("HTTP/1.1 403 "), "{answer}");
    // What clients send is quoted where it is told again, in bodies alone.
    for field in ["Origin: http://evil\u{e9}\r\n", "Origin: x\u{9}X-Evil: 1\r\n"] {
        assert!(ask("/", field).starts_with("HTTP/1.1 40"));
    }
    assert!(server.growth() <= 64 * KIB, "{} bytes", server.growth());
    server.expect_recovery();
}
