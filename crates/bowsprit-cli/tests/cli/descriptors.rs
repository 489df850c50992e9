//! `bowsprit serve` with few file descriptors.

use std::{io::Write, net::TcpStream, process::Command, time::Instant};

use bowsprit::{ConnectError, blocking};

use super::program::{Program, ask};

/// A server with 100 descriptors, of which 68 are for open connections.
struct Limited {
    program: Program,
    address: String,
    metrics: String,
    begun: Instant,
}

impl Limited {
    fn start() -> Self {
        let args = ["serve", "--listen", "127.0.0.1:0", "--metrics", "127.0.0.1:0"];
        let mut program = Program::start_with_descriptors(100, &args);
        let address = program.wait_for_rest("listening on ws://");
        let metrics = program.wait_for_rest("metrics at http://");
        let metrics = metrics.strip_suffix("/metrics").unwrap().to_owned();
        Self { program, address, metrics, begun: Instant::now() }
    }

    fn connect(&self) -> Result<blocking::WebSocket, ConnectError> {
        blocking::connect(&format!("ws://{}/echo", self.address))
    }

    /// Fails unless a message comes back.
    fn expect_echo(&self) {
        let mut ws = self.connect().unwrap();
        ws.send("still there?").unwrap();
        assert_eq!(ws.recv().unwrap().unwrap().into_text().unwrap(), "still there?");
    }

    /// As many connections as a client opens that has not sent more than this on any.
    fn dial(&self, count: usize, sent: &str) -> Vec<TcpStream> {
        let dial = |_| {
            let mut stream = TcpStream::connect(&self.address).unwrap();
            stream.write_all(sent.as_bytes()).unwrap();
            stream
        };
        (0..count).map(dial).collect()
    }

    fn expect_metrics(&self) {
        let answer = ask(&self.metrics, "localhost", "GET", "/metrics");
        assert!(answer.starts_with("HTTP/1.1 200 "), "{answer}");
    }

    /// What it has logged. Fails if it has told more often than once in ten seconds that it cannot
    /// accept connections.
    fn end(self) -> String {
        let log = self.program.kill().stderr;
        let is_about_accepting = |line: &&str| line.contains(" WARN ") && line.contains("accept");
        let told = log.lines().filter(is_about_accepting).count();
        let intervals = self.begun.elapsed().as_secs() / 10 + 1;
        assert!(told as u64 <= intervals, "{log}");
        log
    }
}

#[test]
fn connections_are_limited_to_what_the_descriptors_allow() {
    let server = Limited::start();
    let mut open = Vec::new();
    let mut rejected = 0;
    for _ in 0..200 {
        match server.connect() {
            Ok(ws) => open.push(ws),
            Err(ConnectError::Rejected(response)) if response.status() == 503 => rejected += 1,
            Err(error) => panic!("{error} after {}", open.len()),
        }
    }
    assert_eq!((open.len(), rejected), (68, 132));
    server.expect_metrics();
    let page = ask(&server.address, "localhost", "GET", "/");
    assert!(page.starts_with("HTTP/1.1 200 "), "{page}");
    for mut ws in open {
        ws.close(bowsprit::CloseCode::NORMAL).unwrap();
    }
    server.expect_echo();
    let log = server.end();
    let told = "limiting connections to what the limit on file descriptors allows \
                max_connections=68 descriptors=100";
    assert_eq!(log.matches(told).count(), 1, "{log}");
}

#[test]
fn silent_connections_make_room() {
    let server = Limited::start();
    let silent = server.dial(200, "");
    server.expect_metrics();
    server.expect_echo();
    drop(silent);
    server.expect_echo();
    server.end();
}

#[test]
fn connections_wait_while_all_descriptors_are_in_use() {
    let server = Limited::start();
    let begun = server.dial(200, "GET /echo HTTP/1.1\r\n");
    server.expect_metrics();
    drop(begun);
    server.expect_echo();
    let log = server.end();
    assert!(log.contains("the limit on file descriptors is reached"), "{log}");
}

#[test]
fn accepting_goes_on_after_the_system_has_refused_it() {
    let server = Limited::start();
    // Fewer than it has shared out.
    let limit = ["--nofile=30", "--pid", &server.program.id().to_string()];
    assert!(Command::new("prlimit").args(limit).status().unwrap().success());
    let begun = server.dial(100, "GET /echo HTTP/1.1\r\n");
    let mut server = server;
    server.program.wait_for_log("cannot accept connections error=");
    drop(begun);
    server.expect_echo();
    let log = server.end();
    assert!(log.contains(" skipped=0"), "{log}");
}
