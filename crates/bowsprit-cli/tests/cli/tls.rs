//! Encryption on the command line.

use std::{env, fs, path::PathBuf, process};

use super::program::{Server, run, run_with};

/// A certificate that has signed itself, in files.
struct Files {
    folder: PathBuf,
    cert: String,
    key: String,
}

impl Files {
    fn new(name: &str) -> Self {
        let folder = env::temp_dir().join(format!("bowsprit-cli-{name}-{}", process::id()));
        fs::create_dir_all(&folder).unwrap();
        let path = |file: &str| folder.join(file).to_str().unwrap().to_owned();
        let (cert, key) = (path("cert.pem"), path("key.pem"));
        let made = rcgen::generate_simple_self_signed(["localhost".to_owned()]).unwrap();
        fs::write(&cert, made.cert.pem()).unwrap();
        fs::write(&key, made.signing_key.serialize_pem()).unwrap();
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
