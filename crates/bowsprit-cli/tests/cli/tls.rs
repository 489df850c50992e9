//! Encryption on the command line.

use std::{env, fs, path::PathBuf, process};

use rcgen::{BasicConstraints, CertificateParams, IsCa};

use super::program::{Server, run, run_with};

/// A certificate that has signed itself, in files.
struct Files {
    folder: PathBuf,
    cert: String,
    key: String,
}

impl Files {
    fn new(name: &str) -> Self {
        Self::with(name, |_| ())
    }

    /// With changes to the certificate.
    fn with(name: &str, change: impl FnOnce(&mut CertificateParams)) -> Self {
        let folder = env::temp_dir().join(format!("bowsprit-cli-{name}-{}", process::id()));
        fs::create_dir_all(&folder).unwrap();
        let path = |file: &str| folder.join(file).to_str().unwrap().to_owned();
        let (cert, key) = (path("cert.pem"), path("key.pem"));
        let signing_key = rcgen::KeyPair::generate().unwrap();
        let mut params = CertificateParams::new(["localhost".to_owned()]).unwrap();
        change(&mut params);
        fs::write(&cert, params.self_signed(&signing_key).unwrap().pem()).unwrap();
        fs::write(&key, signing_key.serialize_pem()).unwrap();
        Self { folder, cert, key }
    }
}

impl Drop for Files {
    fn drop(&mut self) {
        let _gone = fs::remove_dir_all(&self.folder);
    }
}

#[test]
fn serve_encrypts_and_connect_trusts_whom_it_is_told_to() {
    let files = Files::new("serve");
    let server = Server::start(&["--cert", &files.cert, "--key", &files.key]);
    let port = server.address().rsplit_once(':').unwrap().1;
    let url = format!("wss://localhost:{port}/echo");
    for trust in [&["--ca", &files.cert][..], &["--insecure"], &["-k"]] {
        let ended = run(&[&["connect", "-n2"], trust, &[&url]].concat(), b"one\ntwo\n");
        assert_eq!((ended.code, ended.lines()), (Some(0), vec!["one", "two"]), "{}", ended.stderr);
    }
    let ended = run(&["connect", &url], b"");
    assert_eq!(ended.code, Some(1));
    assert!(ended.stderr.contains("TLS failed: invalid peer certificate"), "{}", ended.stderr);
    let ended = run(&["connect", "--insecure", &url.replace("wss", "ws")], b"");
    assert_eq!(ended.code, Some(1), "{}", ended.stderr);
}

/// What `connect` prints about a server with this certificate at this host.
fn told(files: &Files, host: &str) -> String {
    let server = Server::start(&["--cert", &files.cert, "--key", &files.key]);
    let port = server.address().rsplit_once(':').unwrap().1;
    let ended = run(&["connect", "--ca", &files.cert, &format!("wss://{host}:{port}")], b"");
    assert_eq!((ended.code, ended.stderr.lines().count()), (Some(1), 1), "{}", ended.stderr);
    ended.stderr
}

#[test]
fn what_is_wrong_with_a_certificate_is_told_in_words() {
    let files = Files::new("other-name");
    let text = told(&files, "127.0.0.1");
    assert!(text.contains("certificate: it is not for 127.0.0.1; --insecure accepts"), "{text}");
    let files =
        Files::with("expired", |params| params.not_after = rcgen::date_time_ymd(2021, 1, 1));
    let text = told(&files, "localhost");
    assert!(text.contains("certificate: it has expired; --insecure accepts"), "{text}");
    let files =
        Files::with("future", |params| params.not_before = rcgen::date_time_ymd(4000, 1, 1));
    let text = told(&files, "localhost");
    assert!(text.contains("certificate: it is not valid yet; --insecure accepts"), "{text}");
    let authority = IsCa::Ca(BasicConstraints::Unconstrained);
    let files = Files::with("authority", |params| params.is_ca = authority);
    let text = told(&files, "localhost");
    assert!(text.contains("it is one of an authority, not of a server; --insecure"), "{text}");
}

#[test]
fn a_certificate_that_is_not_trusted_leads_to_the_options() {
    let files = Files::new("untrusted");
    let server = Server::start(&["--cert", &files.cert, "--key", &files.key]);
    let url = format!("wss://localhost:{}", server.address().rsplit_once(':').unwrap().1);
    let ended = run(&["connect", &url], b"");
    let told = "--ca FILE trusts the one in FILE, --insecure accepts any certificate\n";
    assert!(ended.stderr.ends_with(told), "{}", ended.stderr);
    let proxy = url.replace("wss", "https");
    let ended = run(&["connect", "--proxy", &proxy, &url], b"");
    let told = "--proxy-ca FILE trusts the one in FILE, --proxy-insecure accepts any certificate\n";
    assert!(ended.stderr.ends_with(told), "{}", ended.stderr);
}

#[test]
fn a_scheme_that_the_server_does_not_speak_is_told_in_words() {
    let files = Files::new("schemes");
    let server = Server::start(&["--cert", &files.cert, "--key", &files.key]);
    let ended = run(&["connect", server.address()], b"");
    let told = ": the server speaks TLS there; try a wss: URL\n";
    assert!(ended.stderr.ends_with(told), "{}", ended.stderr);
    let server = Server::start(&[]);
    let ended = run(&["connect", &server.url("/").replace("ws", "wss")], b"");
    let told = ": TLS failed: the server does not speak TLS there; try a URL with ws:\n";
    assert!(ended.stderr.ends_with(told), "{}", ended.stderr);
    let proxy = server.url("").replace("ws", "https");
    let ended = run(&["connect", "--proxy", &proxy, "ws://a.invalid"], b"");
    let told = format!(
        ": proxy {proxy}: TLS failed: the proxy does not speak TLS there; try a URL with http:\n"
    );
    assert!(ended.stderr.ends_with(&told), "{}", ended.stderr);
}

/// The server is no proxy, but says so only once its certificate was taken.
#[test]
fn what_is_skipped_for_the_server_counts_for_a_proxy_no_more() {
    let files = Files::new("proxy");
    let server = Server::start(&["--cert", &files.cert, "--key", &files.key]);
    let port = server.address().rsplit_once(':').unwrap().1;
    let proxy = format!("https://localhost:{port}");
    let named = format!("https://user:s3cret@localhost:{port}");
    for (args, told) in [
        (&[][..], "TLS failed: invalid peer certificate"),
        (&["--insecure"], "TLS failed: invalid peer certificate"),
        (&["--ca", &*files.cert], "TLS failed: invalid peer certificate"),
        (&["--proxy-insecure"], "refused to connect: 4"),
        (&["--proxy-ca", &*files.cert], "refused to connect: 4"),
    ] {
        let connect = [&["connect"], args, &["wss://a.invalid/"]].concat();
        let explicit = [&["connect", "--proxy", &named], args, &["wss://a.invalid/"]].concat();
        let by_environment = run_with(&[("wss_proxy", &*named)], &connect);
        for ended in [by_environment, run(&explicit, b"")] {
            let told = format!("proxy {proxy}: {told}");
            assert!(ended.stderr.contains(&told), "{args:?}: {}", ended.stderr);
            assert!(!ended.stderr.contains("s3cret"), "{}", ended.stderr);
        }
    }
}

#[test]
fn files_that_are_not_there_or_no_certificates_are_errors() {
    let files = Files::new("broken");
    for args in [
        &["connect", "--ca", "/nowhere/ca.pem", "wss://localhost:1/"][..],
        &["connect", "--ca", &files.key, "wss://localhost:1/"],
        &["serve", "--listen", "127.0.0.1:0", "--cert", &files.key, "--key", &files.key],
        &["serve", "--listen", "127.0.0.1:0", "--cert", "/nowhere/cert.pem", "--key", &files.key],
    ] {
        let ended = run(args, b"");
        assert_eq!((ended.code, ended.stderr.lines().count()), (Some(1), 1), "{}", ended.stderr);
        let named = ended.stderr.contains("/nowhere/") || ended.stderr.contains("certificate");
        assert!(named, "{}", ended.stderr);
    }
}
