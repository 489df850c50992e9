//! `bowsprit connect`.

use std::net::TcpListener;

use super::program::{Answering, Handling, Server, run, run_with};

#[test]
fn lines_are_sent_and_messages_printed_until_as_many_have_come_as_wanted() {
    let server = Server::start(&[]);
    let input = "one\n\nthree €😀\nwithout an end";
    let ended = run(&["connect", "-n", "4", &server.url("/echo")], input.as_bytes());
    assert_eq!((ended.code, ended.lines()), (Some(0), input.lines().collect()));
    assert!(ended.stderr.contains("connected to ws://"), "{}", ended.stderr);
    assert!(ended.stderr.contains("closed: 1000"), "{}", ended.stderr);
}

#[test]
fn a_lot_of_input_comes_back_complete() {
    let server = Server::start(&[]);
    let input: String = (0..20_000).map(|i| format!("line {i}\n")).collect();
    let ended = run(&["connect", "-n", "20000", &server.url("/echo")], input.as_bytes());
    assert_eq!(ended.code, Some(0), "{}", ended.stderr);
    assert!(ended.stdout == input.as_bytes(), "{} of {}", ended.stdout.len(), input.len());
}

#[test]
fn lines_that_are_no_text_can_be_sent_as_binary() {
    let server = Server::start(&[]);
    let input = b"\xff\xfe\0\nmore\n";
    let ended = run(&["connect", "-n2", "--binary", &server.url("/echo")], input);
    assert_eq!((ended.code, &*ended.stdout), (Some(0), &input[..]), "{}", ended.stderr);
    let ended = run(&["connect", &server.url("/echo")], input);
    assert_eq!((ended.code, &*ended.stdout), (Some(1), &b""[..]));
    assert!(ended.stderr.contains("stdin is not UTF-8; try --binary"), "{}", ended.stderr);
}

#[test]
fn a_refusal_is_shown_with_status_headers_and_the_start_of_the_body() {
    let body = "b".repeat(5000);
    let answer = format!(
        "HTTP/1.1 401 Unauthorized\r\nX-Why: test\r\nContent-Length: {}\r\n\r\n{body}",
        body.len()
    );
    let server = Answering::start(answer.as_bytes());
    let ended = run(&["connect", &server.url()], b"");
    server.request();
    assert_eq!((ended.code, &*ended.stdout), (Some(3), &b""[..]));
    let expected = format!(
        "bowsprit: the server rejected the connection: 401 Unauthorized\n  x-why: test\n  \
         content-length: 5000\n\n{}\n",
        &body[..1024]
    );
    assert_eq!(ended.stderr, expected);
}

#[test]
fn control_characters_in_a_refusal_are_escaped() {
    let answer = b"HTTP/1.1 400 Bad Request\r\nX-Color: \xc2\x9b31m\r\nContent-Length: 14\r\n\r\n\
        \x1b[2Jgone\r\xe2\x80\xaexx";
    let server = Answering::start(answer);
    let ended = run(&["connect", &server.url()], b"");
    server.request();
    assert_eq!(ended.code, Some(3));
    let controls: Vec<char> =
        ended.stderr.chars().filter(|c| c.is_control() && *c != '\n').collect();
    assert!(controls.is_empty(), "{controls:?}");
    assert!(ended.stderr.contains("\\u{9b}31m"), "{}", ended.stderr);
    assert!(ended.stderr.contains("\\u{1b}[2Jgone\\u{d}\\u{202e}xx"), "{}", ended.stderr);
}

#[test]
fn control_characters_in_a_close_reason_are_escaped() {
    let server = Handling::start(|mut ws| async move {
        ws.close((bowsprit::CloseCode::GOING_AWAY, "\u{1b}[31mred\u{7}")).await?;
        Ok(())
    });
    let ended = run(&["connect", &server.url("/")], b"");
    assert_eq!(ended.code, Some(0));
    assert!(ended.stderr.contains("closed: 1001"), "{}", ended.stderr);
    assert!(ended.stderr.contains("\\u{1b}[31mred\\u{7}"), "{}", ended.stderr);
}

#[test]
fn header_fields_are_sent_as_given() {
    let server = Answering::start(b"HTTP/1.1 403 Forbidden\r\nContent-Length: 0\r\n\r\n");
    let args =
        ["--header", "X-Test: some: value", "--header", "cookie:a=b", "--origin", "http://o"];
    let url = server.url();
    let ended = run(&[&["connect"], &args[..], &[&url]].concat(), b"");
    assert_eq!(ended.code, Some(3));
    let request = server.request().to_lowercase();
    for header in ["x-test: some: value", "cookie: a=b", "origin: http://o"] {
        assert!(request.contains(&format!("\r\n{header}\r\n")), "{header}: {request}");
    }
}

#[test]
fn subprotocols_are_asked_for_in_order() {
    let server = Answering::start(b"HTTP/1.1 403 Forbidden\r\nContent-Length: 0\r\n\r\n");
    let url = server.url();
    run(&["connect", "-s", "b", "--subprotocol", "a", &url], b"");
    let request = server.request().to_lowercase();
    assert!(request.contains("\r\nsec-websocket-protocol: b, a\r\n"), "{request}");
}

#[test]
fn the_scheme_can_be_left_out() {
    let server = Server::start(&[]);
    let address = server.address().to_owned();
    let named = address.replace("127.0.0.1", "localhost");
    for text in [address.clone(), format!("{address}/echo"), named] {
        let ended = run(&["connect", "-n1", &text], b"hello\n");
        assert_eq!((ended.code, ended.lines()), (Some(0), vec!["hello"]), "{}", ended.stderr);
        assert!(ended.stderr.contains(&format!("connected to ws://{text}")), "{}", ended.stderr);
    }
}

#[test]
fn a_server_that_is_not_there_is_an_error_in_one_line() {
    // Bound, so that nobody else gets the port, and not listening any more.
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("ws://{}/", listener.local_addr().unwrap());
    drop(listener);
    let ended = run(&["connect", &url], b"");
    assert_eq!((ended.code, &*ended.stdout), (Some(1), &b""[..]));
    assert_eq!(ended.stderr.lines().count(), 1, "{}", ended.stderr);
    let start = format!("bowsprit: cannot connect to {url}: ");
    assert!(ended.stderr.starts_with(&start), "{}", ended.stderr);
    assert!(ended.stderr.to_lowercase().contains("refused"), "{}", ended.stderr);
}

#[test]
fn proxies_come_from_the_command_line_and_from_the_environment() {
    let refusal = b"HTTP/1.1 407 Who are you\r\nContent-Length: 0\r\n\r\n";
    let connect = ["connect", "ws://chat.invalid/"];
    let named = |proxy: &Answering| proxy.url().trim_end_matches('/').replace("ws", "http");
    for by_environment in [false, true] {
        let proxy = Answering::start(refusal);
        let url = named(&proxy);
        let ended = if by_environment {
            run_with(&[("http_proxy", &url), ("no_proxy", "other.invalid")], &connect)
        } else {
            run(&["connect", "--proxy", &url, connect[1]], b"")
        };
        let told = format!("proxy {url}: refused to connect: 407");
        assert!(ended.code == Some(1) && ended.stderr.contains(&told), "{}", ended.stderr);
        assert!(proxy.request().starts_with("CONNECT chat.invalid:80 HTTP/1.1\r\n"));
    }
    // No name server has to be asked about such a name.
    let name = "n".repeat(64);
    let ended = run_with(&[("http_proxy", &name)], &connect);
    let told = format!("cannot resolve {name}: ");
    assert!(ended.stderr.contains(&told), "{}", ended.stderr);
    assert!(ended.stderr.contains("--no-proxy connects without a proxy"), "{}", ended.stderr);
    let server = Server::start(&[]);
    for (variable, args) in [("no_proxy", &[][..]), ("unused", &["--no-proxy"])] {
        let variables = [("all_proxy", "http://127.0.0.1:1"), (variable, "127.0.0.0/8")];
        let url = server.url("/");
        let ended = run_with(&variables, &[&["connect", "--wait=0"], args, &[&*url]].concat());
        assert_eq!(ended.code, Some(0), "{}", ended.stderr);
    }
    let ended = run_with(&[("ALL_PROXY", "quic://secret@p")], &connect);
    assert!(ended.stderr.contains("the proxy cannot be used"), "{}", ended.stderr);
    assert!(ended.stderr.contains("--no-proxy leaves it out"), "{}", ended.stderr);
    assert!(!ended.stderr.contains("secret"), "{}", ended.stderr);
}

#[test]
fn redirects_are_followed_when_told_and_passwords_are_not_shown() {
    let server = Server::start(&[]);
    let redirect = format!(
        "HTTP/1.1 302 Found\r\nLocation: {}\r\nContent-Length: 0\r\n\r\n",
        server.url("/echo")
    );
    let secret = |first: &Answering| first.url().replace("ws://", "ws://user:s3cret@");
    let first = Answering::start(redirect.as_bytes());
    let ended = run(&["connect", "-n1", "--max-redirects", "1", &secret(&first)], b"hello\n");
    assert_eq!((ended.code, ended.lines()), (Some(0), vec!["hello"]), "{}", ended.stderr);
    let told = format!("connected to {}", server.url("/echo"));
    assert!(ended.stderr.contains(&told), "{}", ended.stderr);
    first.request();
    let first = Answering::start(redirect.as_bytes());
    let ended = run(&["connect", &secret(&first)], b"");
    assert!(ended.code == Some(3) && ended.stderr.contains("302 Found"), "{}", ended.stderr);
    let ended = run(&["connect", "ws://user:s3cret@127.0.0.1:1/"], b"");
    assert!(ended.stderr.contains("ws://127.0.0.1:1/"), "{}", ended.stderr);
    assert!(!ended.stderr.contains("s3cret"), "{}", ended.stderr);
}

#[test]
fn a_server_that_does_not_speak_http_is_an_error() {
    let server = Answering::start(b"220 mail.example ESMTP\r\n");
    let ended = run(&["connect", &server.url()], b"");
    server.request();
    assert_eq!(ended.code, Some(1));
    assert_eq!(ended.stderr.lines().count(), 1, "{}", ended.stderr);
}

#[test]
fn a_url_that_is_none_is_an_error_in_one_line() {
    for url in ["not a url", "ftp://localhost/", "ws://localhost/#part"] {
        let ended = run(&["connect", url], b"");
        assert_eq!(ended.code, Some(2), "{url}: {}", ended.stderr);
        assert_eq!(ended.stderr.lines().count(), 1, "{url}: {}", ended.stderr);
    }
}

#[test]
fn wrong_arguments_of_connect_are_a_usage_error() {
    for args in [
        &["connect"][..],
        &["connect", "ws://localhost/", "extra"],
        &["connect", "--header", "no colon", "ws://localhost/"],
        &["connect", "--header", "bad name: x", "ws://localhost/"],
        &["connect", "--header", "x: bad\nvalue", "ws://localhost/"],
        &["connect", "--protocol-version", "7", "ws://localhost/"],
        &["connect", "--ca", "ca.pem", "--insecure", "wss://localhost/"],
        &["connect", "--cert", "cert.pem", "wss://localhost/"],
        &["connect", "--proxy", "ftp://localhost", "ws://localhost/"],
        &["connect", "--proxy", "localhost", "--no-proxy", "ws://localhost/"],
        &["connect", "--proxy-ca", "ca.pem", "--proxy-insecure", "ws://localhost/"],
        &["connect", "--wait", "soon", "ws://localhost/"],
        &["connect", "--wait", "5d", "ws://localhost/"],
        &["connect", "--wait", "1e99", "ws://localhost/"],
        &["connect", "-n", "0", "ws://localhost/"],
    ] {
        let ended = run(args, b"");
        assert_eq!((ended.code, &*ended.stdout), (Some(2), &b""[..]), "{args:?}");
        assert!(!ended.stderr.is_empty(), "{args:?}");
    }
}

#[test]
fn verbose_tells_what_was_negotiated_and_how_long_messages_are_on_the_wire() {
    let server = Server::start(&["--deflate=chunk=1000"]);
    let input = "sail ".repeat(1000);
    let ended = run(&["--verbose", "connect", "-n1", &server.url("/echo")], input.as_bytes());
    assert_eq!(ended.code, Some(0), "{}", ended.stderr);
    assert!(ended.stderr.contains("agreed on permessage-deflate"), "{}", ended.stderr);
    for message in ["message sent", "message received"] {
        let line = ended.stderr.lines().find(|line| line.contains(message)).expect(&ended.stderr);
        let wire_len = line.split_once("wire_len=").expect(line).1;
        let wire_len: usize = wire_len.split_whitespace().next().unwrap().parse().expect(line);
        assert!(line.contains(" len=5000 ") && (1..100).contains(&wire_len), "{line}");
    }
    let ended =
        run(&["-v", "connect", "-n1", "--no-deflate", &server.url("/echo")], input.as_bytes());
    assert!(ended.stderr.contains("wire_len=5000"), "{}", ended.stderr);
    assert!(!ended.stderr.contains("agreed on"), "{}", ended.stderr);
}

#[test]
fn the_backend_can_be_chosen() {
    let ended = run(&["serve", "--deflate=backend=zlib-ng"], b"");
    assert_eq!(ended.code, Some(2));
    assert!(ended.stderr.contains("there is no backend \"zlib-ng\""), "{}", ended.stderr);
    #[cfg(not(feature = "zlib"))]
    {
        let ended = run(&["serve", "--deflate=backend=zlib"], b"");
        assert_eq!(ended.code, Some(2));
        assert!(ended.stderr.contains("without the feature zlib"), "{}", ended.stderr);
    }
    for backend in ["zlib-rs", if cfg!(feature = "zlib") { "zlib" } else { "zlib-rs" }] {
        let server = Server::start(&[&format!("--deflate=backend={backend}")]);
        let input = "sail ".repeat(1000);
        let ended = run(&["connect", "-n1", &server.url("/echo")], input.as_bytes());
        assert_eq!((ended.code, ended.stdout.len()), (Some(0), 5001), "{}", ended.stderr);
    }
}

#[test]
fn the_environment_chooses_what_is_logged() {
    let server = Server::start(&[]);
    let url = server.url("/echo");
    let connect = ["connect", "--wait=0", &url];
    for (filter, told) in [
        ("", false),
        ("debug", true),
        ("bowsprit::trace=debug", true),
        ("bowsprit::client=debug", false),
        ("off", false),
    ] {
        let log = run_with(&[("RUST_LOG", filter)], &connect).stderr;
        assert_eq!(log.contains(" DEBUG "), told, "{filter:?}: {log}");
    }
    let verbose = [&["-v"], &connect[..]].concat();
    let log = run_with(&[("RUST_LOG", "off")], &verbose).stderr;
    assert!(log.contains(" DEBUG "), "{log}");
    let ended = run_with(&[("RUST_LOG", "bowsprit=loud")], &connect);
    assert_eq!(ended.code, Some(0));
    assert!(ended.stderr.contains("RUST_LOG is ignored: "), "{}", ended.stderr);
}
