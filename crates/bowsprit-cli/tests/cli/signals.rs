//! `bowsprit connect` that is told to stop, by signals and on a terminal.

use std::{
    io::{BufRead, BufReader, Write},
    net::{TcpListener, TcpStream},
    time::{Duration, Instant},
};

use bowsprit_proto::handshake::accept_for;

use super::{
    foreign::with_each,
    program::{Program, Server},
};

const SIGNALS: [(&str, i32); 2] = [("INT", 130), ("TERM", 143)];

/// `bowsprit connect` that has had a line echoed.
fn connected(url: &str) -> Program {
    let mut client = Program::start(&["connect", url]);
    client.type_line("are you there?");
    client.wait_for("are you there?");
    client
}

/// `bowsprit connect` that is greeted by a server which reads nothing after the handshake; and the
/// connection, which is to be kept.
fn unheard() -> (Program, TcpStream) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let mut client = Program::start(&["connect", &listener.local_addr().unwrap().to_string()]);
    let mut stream = listener.accept().unwrap().0;
    let mut lines = BufReader::new(&stream).lines().map_while(Result::ok);
    let key = lines.find_map(|line| Some(line.strip_prefix("Sec-WebSocket-Key: ")?.to_owned()));
    let head = "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n";
    let accept = accept_for(&key.unwrap());
    write!(stream, "{head}Sec-WebSocket-Accept: {accept}\r\n\r\n").unwrap();
    stream.write_all(b"\x81\x05hello").unwrap();
    client.wait_for("hello");
    (client, stream)
}

#[test]
fn a_signal_closes_with_1000() {
    let server = Server::start(&[]);
    for (signal, code) in SIGNALS {
        let client = connected(&server.url("/echo"));
        client.signal(signal);
        let ended = client.wait();
        assert_eq!(ended.code, Some(code), "{}", ended.stderr);
        // The server answers with the code it gets.
        assert!(ended.stderr.ends_with("\nclosed: 1000\n"), "{}", ended.stderr);
    }
}

#[test]
#[ignore = "needs scripts/setup-interop"]
fn a_signal_closes_foreign_servers_with_1000() {
    with_each(|server| {
        let client = connected(&server.url("/"));
        client.signal("INT");
        let ended = client.wait();
        assert_eq!(ended.code, Some(130), "{}", ended.stderr);
        assert!(ended.stderr.contains("closed: 1000"), "{}", ended.stderr);
    });
}

#[test]
fn a_server_that_does_not_answer_is_waited_for_no_longer_than_a_second() {
    let (client, _stream) = unheard();
    client.signal("INT");
    let start = Instant::now();
    let ended = client.wait();
    assert!(start.elapsed() < Duration::from_secs(5), "{:?}", start.elapsed());
    assert_eq!(ended.code, Some(130), "{}", ended.stderr);
}

#[test]
fn a_second_signal_waits_for_nothing() {
    let (mut client, _stream) = unheard();
    client.signal("INT");
    client.wait_for_log("closing; the next signal waits for nothing");
    client.signal("TERM");
    assert_eq!(client.wait().code, Some(143));
}

#[test]
fn a_signal_ends_an_opening_handshake() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("ws://{}/", listener.local_addr().unwrap());
    for (signal, code) in SIGNALS {
        let client = Program::start(&["connect", &url]);
        let _unanswered = listener.accept().unwrap();
        client.signal(signal);
        let ended = client.wait();
        assert_eq!((ended.code, &*ended.stderr), (Some(code), ""));
    }
}

#[cfg(target_os = "linux")]
#[test]
fn the_end_of_typed_input_closes_at_once() {
    let server = Server::start(&[]);
    let mut client = Program::start_on_terminal(&["connect", &server.url("/echo")]);
    client.type_line("typed");
    let ended = client.end();
    assert_eq!(ended.code, Some(0), "{ended:?}");
    let shown = String::from_utf8(ended.stdout).unwrap();
    assert!(shown.contains("closed: 1000") && !shown.contains("nothing came"), "{shown}");
    // By the terminal, and by the server.
    assert_eq!(shown.matches("typed").count(), 2, "{shown}");
}
