//! Exit codes.

use std::{
    io::{BufRead, BufReader, Read},
    process::Stdio,
};

use bowsprit::{CloseCode, WebSocket, error::BoxError};

use super::program::{Answering, Handling, command, run, wait};

/// Closes with the code that is the path, sends without end, or cuts the connection.
async fn handle(mut ws: WebSocket) -> Result<(), BoxError> {
    match ws.path().trim_start_matches('/') {
        "feed" => loop {
            ws.send("more").await?;
        },
        "cut" => ws.terminate(),
        code => {
            let code = CloseCode::new(code.parse()?);
            ws.close(code).await?;
        }
    }
    Ok(())
}

#[test]
fn the_code_of_the_peers_close_frame_decides() {
    let server = Handling::start(handle);
    // 1005 stands for a close frame without a code.
    for (code, expected) in
        [(1000, 0), (1001, 0), (1005, 0), (1008, 4), (1009, 4), (1011, 4), (3000, 4), (4001, 4)]
    {
        let url = server.url(&format!("/{code}"));
        let ended = run(&["connect", "--wait", "forever", &url], b"");
        assert_eq!(ended.code, Some(expected), "{code}: {}", ended.stderr);
        assert!(ended.stderr.contains(&format!("closed: {code}")), "{}", ended.stderr);
    }
}

#[test]
fn a_connection_that_is_lost_is_a_failure() {
    let server = Handling::start(handle);
    let ended = run(&["connect", "--wait", "forever", &server.url("/cut")], b"");
    assert_eq!(ended.code, Some(1));
    let told = "bowsprit: the peer went away without a close frame\n";
    assert!(ended.stderr.ends_with(told), "{}", ended.stderr);
}

#[test]
fn who_refuses_the_handshake_is_told_apart_from_who_is_not_there() {
    let refusing = Answering::start(b"HTTP/1.1 403 Forbidden\r\nContent-Length: 0\r\n\r\n");
    assert_eq!(run(&["connect", &refusing.url()], b"").code, Some(3));
    refusing.request();
    assert_eq!(run(&["connect", "ws://127.0.0.1:1/"], b"").code, Some(1));
}

#[test]
fn what_cannot_be_asked_for_is_wrong_usage() {
    let server = Handling::start(handle);
    let url = &*server.url("/1000");
    for args in [
        &["ftp://localhost/"][..],
        &["--subprotocol", "no token", url],
        &["-H", "Sec-WebSocket-Key: mine", url],
    ] {
        let ended = run(&[&["connect"], args].concat(), b"");
        assert_eq!(ended.code, Some(2), "{args:?}: {}", ended.stderr);
    }
}

#[test]
fn a_reader_of_stdout_that_goes_away_ends_it_quietly() {
    let server = Handling::start(handle);
    let mut process = command(&["connect", &server.url("/feed")]).spawn().unwrap();
    let mut stdout = BufReader::new(process.stdout.take().unwrap());
    let mut line = String::new();
    stdout.read_line(&mut line).unwrap();
    assert_eq!(line, "more\n");
    drop(stdout);
    let mut stderr = String::new();
    process.stderr.take().unwrap().read_to_string(&mut stderr).unwrap();
    assert_eq!((wait(&mut process).code(), stderr.contains("bowsprit:")), (Some(0), false));
}

#[cfg(target_os = "linux")]
#[test]
fn output_that_cannot_be_written_is_a_failure() {
    let server = Handling::start(handle);
    let full = std::fs::File::options().write(true).open("/dev/full").unwrap();
    let mut command = command(&["connect", &server.url("/feed")]);
    let mut process = command.stdout(full).spawn().unwrap();
    let mut stderr = String::new();
    process.stderr.take().unwrap().read_to_string(&mut stderr).unwrap();
    assert_eq!(wait(&mut process).code(), Some(1), "{stderr}");
    assert!(stderr.contains("bowsprit: cannot write to stdout: "), "{stderr}");
}

#[test]
fn nobody_has_to_read_stderr() {
    let server = Handling::start(handle);
    let mut command = command(&["connect", &server.url("/1011")]);
    let mut process = command.stderr(Stdio::piped()).spawn().unwrap();
    drop(process.stderr.take());
    assert_eq!(wait(&mut process).code(), Some(4));
}
