//! `bowsprit serve`.

use std::{
    collections::BTreeSet,
    io::{Read, Write},
};

use super::program::{Program, Server, ask, run};

#[test]
fn serve_prints_one_line_with_its_address() {
    let server = Server::start(&[]);
    assert!(server.address().starts_with("127.0.0.1:"), "{}", server.address());
    assert!(!server.address().ends_with(":0"), "{}", server.address());
    assert_eq!(run(&["connect", "-n1", &server.url("/")], b"hello\n").code, Some(0));
    assert_eq!(server.stop(), b"");
}

#[test]
fn a_port_alone_is_listened_on_at_this_machine() {
    let mut server = Program::start(&["serve", "--listen", "0", "--metrics", "0"]);
    let address = server.wait_for_rest("listening on ws://");
    assert!(address.starts_with("127.0.0.1:"), "{address}");
    assert!(server.wait_for_rest("metrics at ").starts_with("http://127.0.0.1:"));
    let ended = run(&["serve", "--listen", address.strip_prefix("127.0.0.1:").unwrap()], b"");
    let start = format!("bowsprit: cannot listen on {address}: ");
    assert!(ended.stderr.starts_with(&start), "{}", ended.stderr);
}

#[test]
fn serve_says_in_one_line_that_the_address_is_in_use() {
    let server = Server::start(&[]);
    let ended = run(&["serve", "--listen", server.address()], b"");
    assert_eq!((ended.code, &*ended.stdout), (Some(1), &b""[..]));
    assert_eq!(ended.stderr.lines().count(), 1, "{}", ended.stderr);
    let start = format!("bowsprit: cannot listen on {}: ", server.address());
    assert!(ended.stderr.starts_with(&start), "{}", ended.stderr);
    assert!(ended.stderr.to_lowercase().contains("in use"), "{}", ended.stderr);
}

#[test]
fn prometheus_finds_the_numbers_at_an_address_of_their_own() {
    let (_server, [listen, address]) = serve_with_metrics(&[]);
    let (url, address) = (format!("ws://{listen}/echo"), &*address);
    assert_eq!(run(&["connect", "-n2", &url], b"four\nsix..\n").code, Some(0));
    ask(&listen, "localhost", "GET", "/no");
    let answer = ask(address, "localhost", "GET", "/metrics");
    let (head, body) = answer.split_once("\r\n\r\n").unwrap();
    assert!(head.starts_with("HTTP/1.1 200 "), "{head}");
    assert!(head.to_lowercase().contains("content-type: text/plain; version=0.0.4"), "{head}");
    for line in [
        "# HELP bowsprit_connections Open connections",
        "# TYPE bowsprit_connections gauge",
        "bowsprit_connections{role=\"server\"} 0",
        "bowsprit_handshakes_total{role=\"server\",status=\"101\"} 1",
        "bowsprit_handshakes_total{role=\"server\",status=\"404\"} 1",
        "bowsprit_closes_total{role=\"server\",by=\"peer\",code=\"1000\"} 1",
        "bowsprit_messages_total{role=\"server\",dir=\"received\",kind=\"text\"} 2",
        "bowsprit_messages_total{role=\"server\",dir=\"sent\",kind=\"ping\"} 0",
        "bowsprit_payload_bytes_total{role=\"server\",dir=\"sent\"} 9",
        // Two frames and the answer to the close frame.
        "bowsprit_wire_bytes_total{role=\"server\",dir=\"sent\"} 17",
        "bowsprit_slow_closes_total{role=\"server\"} 0",
        "# TYPE bowsprit_connection_seconds histogram",
        "bowsprit_connection_seconds_bucket{role=\"server\",le=\"+Inf\"} 1",
    ] {
        assert!(body.lines().any(|found| found == line), "{line:?} in\n{body}");
    }
    for (host, method, path, status) in [
        ("localhost", "GET", "/", 404),
        ("localhost", "POST", "/metrics", 404),
        ("rebound.example", "GET", "/metrics", 421),
    ] {
        let answer = ask(address, host, method, path);
        assert!(answer.starts_with(&format!("HTTP/1.1 {status} ")), "{path}: {answer}");
    }
}

/// The names of metrics in a dashboard or in rules, without the suffixes of histograms.
fn named_metrics(text: &str) -> BTreeSet<&str> {
    let words = text.split(|c: char| !c.is_ascii_alphanumeric() && c != '_');
    let named = words.filter(|word| word.starts_with("bowsprit_") || word.starts_with("process_"));
    named.map(|name| name.strip_suffix("_bucket").unwrap_or(name)).collect()
}

#[cfg(target_os = "linux")]
#[test]
fn what_dashboard_and_alerts_name_is_served() {
    let (_server, [listen, metrics]) = serve_with_metrics(&[]);
    assert_eq!(run(&["connect", "-n1", &listen], b"one to be closed\n").code, Some(0));
    let served = ask(&metrics, "localhost", "GET", "/metrics");
    for (text, count) in [
        (include_str!("../../../../deploy/grafana-dashboard.json"), 16),
        (include_str!("../../../../deploy/prometheus-rules.yml"), 5),
    ] {
        let names = named_metrics(text);
        assert_eq!(names.len(), count, "{names:?}");
        for name in names {
            assert!(served.contains(&format!("# TYPE {name} ")), "{name}");
        }
    }
}

/// `serve` with a port for operators, and the addresses of both.
fn serve_with_metrics(args: &[&str]) -> (Program, [String; 2]) {
    let addresses = ["serve", "--listen", "127.0.0.1:0", "--metrics", "127.0.0.1:0"];
    let mut server = Program::start(&[&addresses, args].concat());
    let address = server.wait_for_rest("listening on ws://");
    let metrics = server.wait_for_rest("metrics at http://");
    let metrics = metrics.strip_suffix("/metrics").unwrap().to_owned();
    (server, [address, metrics])
}

#[test]
fn probes_are_answered_at_both_addresses() {
    let (_server, addresses) = serve_with_metrics(&[]);
    for address in addresses {
        for path in ["/livez", "/readyz"] {
            let answer = ask(&address, "10.0.0.7", "GET", path);
            assert!(answer.starts_with("HTTP/1.1 200 "), "{answer}");
            assert!(answer.ends_with("\r\n\r\nok\n"), "{answer}");
        }
    }
}

#[cfg(unix)]
#[test]
fn serve_goes_on_for_the_delay_and_says_that_it_is_not_ready() {
    let (mut server, addresses) = serve_with_metrics(&["--drain-delay", "3600"]);
    server.signal("TERM");
    server.wait_for_log("shutting down");
    for address in &addresses {
        let answer = ask(address, "10.0.0.7", "GET", "/readyz");
        assert!(answer.starts_with("HTTP/1.1 503 "), "{answer}");
        assert!(answer.ends_with("\r\n\r\nshutting down\n"), "{answer}");
    }
    let url = format!("ws://{}/echo", addresses[0]);
    assert_eq!(run(&["connect", "-n1", &url], b"still there?\n").lines(), ["still there?"]);
    server.signal("TERM");
    assert_eq!(server.wait().code, Some(0));
}

#[test]
fn an_address_for_metrics_that_is_in_use_is_an_error() {
    let other = Server::start(&[]);
    let ended = run(&["serve", "--listen", "127.0.0.1:0", "--metrics", other.address()], b"");
    // Nor does it say that it listens.
    assert_eq!((ended.code, &*ended.stdout), (Some(1), &b""[..]));
    let start = format!("bowsprit: cannot listen on {} for --metrics: ", other.address());
    assert!(ended.stderr.starts_with(&start), "{}", ended.stderr);
}

#[test]
fn wrong_arguments_of_serve_are_a_usage_error() {
    for args in [
        &["serve", "--no-such-option"][..],
        &["serve", "--max-message-len", "many"],
        &["serve", "--max-message-len", "-1"],
        &["serve", "--max-fragments"],
        &["serve", "extra"],
        &["nonsense"],
        &[],
    ] {
        let ended = run(args, b"");
        assert_eq!((ended.code, &*ended.stdout), (Some(2), &b""[..]), "{args:?}");
        assert!(!ended.stderr.is_empty(), "{args:?}");
    }
}

#[test]
fn a_browser_gets_a_page_at_the_root_only() {
    let server = Server::start(&[]);
    let page = server.ask("GET", "/");
    assert!(page.starts_with("HTTP/1.1 200 "), "{page}");
    let (head, body) = page.split_once("\r\n\r\n").unwrap();
    let head = head.to_lowercase();
    assert!(head.contains("content-type: text/html; charset=utf-8"), "{head}");
    assert!(head.contains("x-frame-options: deny"), "{head}");
    for field in [
        "content-security-policy: default-src 'none'; script-src 'self'; ",
        "x-content-type-options: nosniff\r\n",
        "referrer-policy: no-referrer\r\n",
    ] {
        assert!(head.contains(field), "{field}: {head}");
    }
    assert!(body.starts_with("<!doctype html>") && body.trim_end().ends_with("</html>"), "{body}");
    for (path, content_type) in [("/page.js", "text/javascript"), ("/page.css", "text/css")] {
        let part = server.ask("GET", path).to_lowercase();
        assert!(part.contains(&format!("content-type: {content_type}; charset=utf-8")), "{part}");
        assert!(part.contains("x-content-type-options: nosniff\r\n"), "{part}");
    }
    for (method, path, status) in
        [("GET", "/echo", 426), ("GET", "/chat", 426), ("GET", "/no", 404), ("GET", "/echo/", 404)]
    {
        let response = server.ask(method, path);
        assert!(response.starts_with(&format!("HTTP/1.1 {status} ")), "{path}: {response}");
    }
    let head = server.ask("HEAD", "/");
    assert!(head.starts_with("HTTP/1.1 200 ") && head.ends_with("\r\n\r\n"), "{head}");
    let post = server.ask("POST", "/");
    assert!(post.starts_with("HTTP/1.1 405 "), "{post}");
}

#[test]
fn a_chat_message_reaches_everyone() {
    let server = Server::start(&[]);
    let url = server.url("/chat");
    let mut members = [(); 3].map(|()| Program::start(&["connect", "--wait=0", &url]));
    // Who comes later does not see what was said before, so all have to be there first.
    for (i, member) in members.iter_mut().enumerate() {
        member.type_line(&format!("member {i} is here"));
        member.wait_for(&format!("member {i} is here"));
    }
    members[1].type_line("hello everyone");
    for member in &mut members {
        member.wait_for("hello everyone");
    }
    for member in members {
        let ended = member.end();
        assert_eq!(ended.code, Some(0), "{}", ended.stderr);
        let lines = ended.lines();
        assert!(lines.ends_with(&["member 2 is here", "hello everyone"]), "{lines:?}");
    }
}

#[cfg(unix)]
#[test]
fn a_signal_closes_everybody_with_1001() {
    for signal in ["TERM", "INT"] {
        let server = Server::start(&[]);
        let mut client = Program::start(&["--verbose", "connect", &server.url("/echo")]);
        client.type_line("are you there?");
        client.wait_for("are you there?");
        server.signal(signal);
        assert_eq!(server.wait().code(), Some(0));
        let ended = client.end();
        assert!(ended.stderr.contains("1001"), "{}", ended.stderr);
    }
}

#[test]
fn refusals_and_abnormal_ends_are_logged() {
    let mut server = Program::start(&["serve", "--listen", "127.0.0.1:0"]);
    let url = server.wait_for_rest("listening on ");
    let (echo, origin) = (format!("{url}/echo"), "http://evil.example");
    assert_eq!(run(&["connect", "--origin", origin, &echo], b"").code, Some(3));
    assert_eq!(run(&["connect", "-n1", &echo], b"clean\n").code, Some(0));
    let mut client = Program::start(&["connect", &echo]);
    client.type_line("are you there?");
    client.wait_for("are you there?");
    client.kill();
    server.wait_for_log("a connection ended without a clean close");
    let log = server.kill().stderr;
    let lines: Vec<&str> = log.lines().filter(|line| line.contains(" INFO ")).collect();
    assert_eq!(lines.len(), 3, "{log}");
    assert!(lines[0].contains("limiting connections to"), "{log}");
    assert!(lines[1].contains("a request was refused") && lines[1].contains("status=403"), "{log}");
    assert!(lines[2].contains("path=\"/echo\" error=the peer went away"), "{log}");
}

#[cfg(target_os = "linux")]
#[test]
fn a_terminal_that_is_gone_closes_everybody_with_1001() {
    let mut server = Program::start_on_terminal(&["serve", "--listen", "127.0.0.1:0"]);
    let url = server.wait_for_rest("listening on ");
    let mut client = Program::start(&["connect", &format!("{}/echo", url.trim())]);
    client.type_line("are you there?");
    client.wait_for("are you there?");
    // With it goes the terminal.
    server.kill();
    let ended = client.wait();
    assert!(ended.stderr.contains("closed: 1001"), "{}", ended.stderr);
}

#[cfg(target_os = "linux")]
#[test]
fn what_nohup_has_started_stays() {
    let server = Server::start_by("nohup", &[]);
    server.signal("HUP");
    let ended = run(&["connect", "-n1", &server.url("/echo")], b"still there\n");
    assert_eq!(ended.lines(), ["still there"], "{}", ended.stderr);
    server.signal("HUP");
    let ended = run(&["connect", "-n1", &server.url("/echo")], b"still there\n");
    assert_eq!(ended.lines(), ["still there"], "{}", ended.stderr);
}

#[cfg(unix)]
#[test]
fn a_second_signal_waits_for_nobody() {
    let server = Server::start(&["--shutdown-timeout", "3600"]);
    // It never answers the close frame.
    let mut deaf = std::net::TcpStream::connect(server.address()).unwrap();
    let request = "GET /echo HTTP/1.1\r\nHost: localhost\r\nUpgrade: websocket\r\n\
        Connection: Upgrade\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\
        Sec-WebSocket-Version: 13\r\n\r\n";
    deaf.write_all(request.as_bytes()).unwrap();
    let mut answer = [0; 12];
    deaf.read_exact(&mut answer).unwrap();
    assert_eq!(&answer, b"HTTP/1.1 101");
    server.signal("TERM");
    // Until the close frame is there.
    let mut received = Vec::new();
    while !received.ends_with(&[0x88, 2, 3, 0xe9]) {
        let mut byte = [0];
        deaf.read_exact(&mut byte).unwrap();
        received.push(byte[0]);
    }
    server.signal("TERM");
    assert_eq!(server.wait().code(), Some(0));
}

#[test]
fn version_8_is_spoken_if_serve_is_told_to() {
    let connect = |server: &Server| {
        run(&["connect", "-n1", "--protocol-version", "8", &server.url("/echo")], b"eight\n")
    };
    let ended = connect(&Server::start(&["--protocol-version-8"]));
    assert_eq!((ended.code, ended.lines()), (Some(0), vec!["eight"]), "{}", ended.stderr);
    let ended = connect(&Server::start(&[]));
    assert_eq!(ended.code, Some(3));
    assert!(ended.stderr.contains("426"), "{}", ended.stderr);
    assert!(ended.stderr.contains("sec-websocket-version: 13\n"), "{}", ended.stderr);
}

#[test]
fn a_foreign_origin_is_refused_unless_serve_lets_in_all() {
    let connect = |server: &Server, origin: &str| {
        run(&["connect", "-n1", "--origin", origin, &server.url("/echo")], b"hello\n")
    };
    let server = Server::start(&[]);
    let ended = connect(&server, "http://evil.example");
    assert_eq!((ended.code, &*ended.stdout), (Some(3), &b""[..]));
    assert!(ended.stderr.contains("403"), "{}", ended.stderr);
    assert!(ended.stderr.contains("serve --any-origin allows it"), "{}", ended.stderr);
    let own = format!("http://{}", server.address());
    assert_eq!(connect(&server, &own).lines(), ["hello"]);
    let server = Server::start(&["--any-origin"]);
    assert_eq!(connect(&server, "http://evil.example").lines(), ["hello"]);
}

#[test]
fn serve_chooses_among_its_subprotocols_or_takes_the_first() {
    let connect = |server: &Server, names: [&str; 2]| {
        let url = server.url("/echo");
        let args = ["connect", "-n1", "--subprotocol", names[0], "--subprotocol", names[1], &url];
        run(&args, b"hello\n")
    };
    let server = Server::start(&["--subprotocol", "chat.v1"]);
    let ended = connect(&server, ["chat.v2", "chat.v1"]);
    assert!(ended.stderr.contains("subprotocol chat.v1\n"), "{}", ended.stderr);
    let ended = connect(&server, ["chat.v2", "chat.v3"]);
    assert_eq!(ended.code, Some(1), "{}", ended.stderr);
    let ended = connect(&Server::start(&[]), ["chat.v2", "chat.v1"]);
    assert!(ended.stderr.contains("subprotocol chat.v2\n"), "{}", ended.stderr);
}

#[test]
fn messages_beyond_the_limits_of_serve_end_the_connection() {
    let server = Server::start(&["--max-message-len", "10"]);
    let ended = run(&["connect", &server.url("/echo")], b"0123456789\n01234567890\n");
    assert_eq!((ended.code, ended.lines()), (Some(4), vec!["0123456789"]));
    assert!(ended.stderr.contains("1009"), "{}", ended.stderr);
}

#[test]
fn a_page_that_gives_its_own_name_the_address_of_this_machine_gets_nothing() {
    let server = Server::start(&[]);
    assert!(server.ask_as("evil.example", "GET", "/").starts_with("HTTP/1.1 421 "));
    assert!(server.ask_as("localhost:8080", "GET", "/").starts_with("HTTP/1.1 200 "));
    let server = Server::start(&["--host", "box.example", "--host", "localhost"]);
    for (host, status) in [("box.example", 200), ("localhost", 200), ("127.0.0.1", 421)] {
        let response = server.ask_as(host, "GET", "/");
        assert!(response.starts_with(&format!("HTTP/1.1 {status} ")), "{host}: {response}");
    }
}

/// As behind a reverse proxy that nobody has told the server of.
#[test]
fn a_refusal_for_the_host_names_the_option_to_the_client_and_in_the_log() {
    let mut server = Program::start(&["serve", "--listen", "127.0.0.1:0"]);
    let url = server.wait_for_rest("listening on ");
    let address = url.strip_prefix("ws://").unwrap();
    for _ in 0..3 {
        let answer = ask(address, "chat.example.com", "GET", "/");
        assert!(answer.starts_with("HTTP/1.1 421 "), "{answer}");
        let body = "host \"chat.example.com\" is not served here; bowsprit serve --host NAME can \
            allow it\n";
        assert!(answer.ends_with(body), "{answer}");
    }
    let log = server.kill().stderr;
    let count = |text| log.lines().filter(|line| line.contains(text)).count();
    assert_eq!(count("with --host NAME"), 1, "{log}");
    assert_eq!(count("a request was refused"), 1, "{log}");
    assert_eq!(count("status=421"), 1, "{log}");
    assert!(!log.contains("chat.example.com"), "{log}");
}
