//! What the program does not print, and what need not be on its command line.

use std::{env, fs, path::PathBuf, process};

use super::program::{Answering, Ended, Server, run, run_with};

const REFUSAL: &[u8] = b"HTTP/1.1 403 Forbidden\r\nContent-Length: 0\r\n\r\n";

/// A file, gone when dropped.
struct File(PathBuf);

impl File {
    fn new(name: &str, text: &str) -> Self {
        let path = env::temp_dir().join(format!("bowsprit-cli-{name}-{}", process::id()));
        fs::write(&path, text).unwrap();
        Self(path)
    }

    /// As an argument that stands for what is in it.
    fn argument(&self) -> String {
        format!("@{}", self.0.display())
    }
}

impl Drop for File {
    fn drop(&mut self) {
        let _gone = fs::remove_file(&self.0);
    }
}

#[track_caller]
fn assert_keeps_quiet(ended: &Ended) {
    let printed = format!("{}{}", ended.stderr, String::from_utf8_lossy(&ended.stdout));
    assert!(!printed.contains("s3cret"), "{printed}");
}

#[test]
fn a_url_that_is_none_is_not_shown() {
    for (url, why) in [
        ("ws://user:s3cret#pw@h/", "fragment"),
        ("ws://user:s3cret/pw@h/", "not well-formed"),
        ("ws://user:s3cret@h:80x/", "not well-formed"),
        ("ws://user:s3cret@h:99999/", "not well-formed"),
        ("ws://user:s3 cret s3cret@h/", "password"),
        ("wws://user:s3cret@h/", "scheme"),
        ("ws:/user:s3cret@h/", "not well-formed"),
        ("user:s3cret@h", "not well-formed"),
        ("ws://user:s3cret@/", "no host"),
        ("ws://user:s3cret@a b/", "not well-formed"),
        ("ws://user:s3cret@h/\nx", "line break"),
    ] {
        let ended = run(&["connect", url], b"");
        assert_keeps_quiet(&ended);
        assert_eq!((ended.code, ended.stderr.lines().count()), (Some(2), 1), "{}", ended.stderr);
        assert!(ended.stderr.contains(why), "{url}: {}", ended.stderr);
    }
}

#[test]
fn wrong_arguments_are_not_repeated() {
    let url = "ws://localhost/";
    for (args, named) in [
        (&["connect", "--proxy", "ftp://u:s3cret@p", url][..], "--proxy"),
        (&["connect", "--proxy", "http://u:s3cret@p:x", url], "--proxy"),
        (&["connect", "--header", "s3cret", url], "--header"),
        (&["connect", "-H", "bad name: s3cret", url], "--header"),
        (&["connect", "--header=x: s3cret\ny", url], "--header"),
        (&["connect", "--expand-header", "s3cret", url], "--expand-header"),
        (&["connect", "--expand-header", "x: s3cret {{NOWHERE}}", url], "no such variable"),
        (&["connect", "--expand-header", "x: s3cret {{", url], "--expand-header"),
        (&["connect", url, "Authorization: s3cret"], "unexpected argument"),
        (&["connect", url, "ws://u:s3cret@h/"], "unexpected argument"),
        (&["connect", "--headers", "x: s3cret", url], "--headers"),
        (&["connect", "--headers=x: s3cret", url], "--headers"),
        (&["connect", "--no-proxy=http://u:s3cret@p", url], "--no-proxy"),
        (&["ws://u:s3cret@h/"], "unrecognized subcommand"),
        (&["serve", "ws://u:s3cret@h/"], "unexpected argument"),
    ] {
        let ended = run(args, b"");
        assert_keeps_quiet(&ended);
        assert_eq!((ended.code, &*ended.stdout), (Some(2), &b""[..]), "{args:?}");
        assert!(ended.stderr.contains(named), "{args:?}: {}", ended.stderr);
    }
}

#[test]
fn header_fields_come_from_files_and_from_the_environment() {
    let file = File::new("fields", "Cookie: s3cret=1\r\n\n  X-Key :s3cret 2\nx-last: 3");
    let server = Answering::start(REFUSAL);
    let url = server.url();
    let headers = ["-H", &file.argument(), "-H", "x-plain: 4"];
    let expanded = ["--expand-header", "Authorization: Bearer {{TOKEN}}, {{OTHER}}."];
    let variables = [("TOKEN", "s3cret"), ("OTHER", "{{TOKEN}}")];
    let ended =
        run_with(&variables, &[&["-v", "connect"][..], &headers, &expanded, &[&url]].concat());
    assert_eq!(ended.code, Some(3), "{}", ended.stderr);
    assert_keeps_quiet(&ended);
    let request = server.request().to_lowercase();
    for header in [
        "cookie: s3cret=1",
        "x-key: s3cret 2",
        "x-last: 3",
        "x-plain: 4",
        "authorization: bearer s3cret, {{token}}.",
    ] {
        assert!(request.contains(&format!("\r\n{header}\r\n")), "{header}: {request}");
    }
}

#[test]
fn subprotocols_come_from_files() {
    let file = File::new("subprotocols", "s3cret\n\nb\n");
    let server = Answering::start(REFUSAL);
    let url = server.url();
    let args = ["connect", "--subprotocol", "a", "--subprotocol", &file.argument(), &url];
    let ended = run(&args, b"");
    assert_keeps_quiet(&ended);
    let request = server.request().to_lowercase();
    assert!(request.contains("\r\nsec-websocket-protocol: a, s3cret, b\r\n"), "{request}");
    let file = File::new("no-token", "a\ns3cret=\n");
    let ended = run(&["connect", "--subprotocol", &file.argument(), "ws://127.0.0.1:1/"], b"");
    assert_keeps_quiet(&ended);
}

#[test]
fn what_is_wrong_in_a_file_is_told_with_its_line() {
    let file = File::new("no-field", "a: b\n\ns3cret\n");
    let ended = run(&["connect", "-H", &file.argument(), "ws://127.0.0.1:1/"], b"");
    assert_keeps_quiet(&ended);
    let expected = format!("bowsprit: line 3 of {}: there is no colon\n", file.0.display());
    assert_eq!((ended.code, &*ended.stderr), (Some(1), &*expected));
    let ended = run(&["connect", "-H", "@/nowhere/fields", "ws://127.0.0.1:1/"], b"");
    assert!(ended.stderr.contains("cannot read /nowhere/fields"), "{}", ended.stderr);
    assert_eq!(ended.code, Some(1));
}

#[test]
fn subprotocols_follow_a_redirect_elsewhere_only_when_told() {
    let server = Server::start(&[]);
    for (args, code) in [(&[][..], 1), (&["--subprotocols-cross-origin"], 0)] {
        let answer = format!(
            "HTTP/1.1 302 Found\r\nLocation: {}\r\nContent-Length: 0\r\n\r\n",
            server.url("/echo")
        );
        let first = Answering::start(answer.as_bytes());
        let url = first.url();
        let connect = ["connect", "-n1", "--max-redirects", "1", "--subprotocol", "a"];
        let ended = run(&[&connect, args, &[&*url]].concat(), b"hello\n");
        assert_eq!(ended.code, Some(code), "{}", ended.stderr);
        let refused = ended.stderr.contains("subprotocols_cross_origin allows it");
        assert_eq!((refused, ended.lines()), (code == 1, vec!["hello"; usize::from(code == 0)]));
        first.request();
    }
}
