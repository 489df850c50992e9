//! Runs the example that has everything an operator needs.

#![cfg(target_os = "linux")]
#![expect(clippy::unwrap_used, reason = "a test that cannot go on fails")]

use std::{
    fs,
    io::{BufRead, BufReader, Read, Write},
    net::TcpStream,
    path::PathBuf,
    process::{self, Child, Command, Stdio},
};

use bowsprit::{Client, Message, tls::TlsClientConfig};

struct Production {
    process: Child,
    url: String,
    private: String,
    dir: PathBuf,
}

impl Production {
    /// Starts it with a new certificate, which this returns as well.
    fn start() -> (Self, String) {
        let dir = std::env::temp_dir().join(format!("bowsprit-production-{}", process::id()));
        fs::create_dir_all(&dir).unwrap();
        let certificate = renew_certificate(&dir);
        let mut process = Command::new(env!("CARGO_BIN_EXE_production"))
            .args([dir.join("cert.pem"), dir.join("key.pem")])
            .args(["127.0.0.1:0", "127.0.0.1:0"])
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let mut lines = BufReader::new(process.stdout.take().unwrap()).lines();
        let mut next = || lines.next().unwrap().unwrap();
        let url = next().strip_prefix("listening on ").unwrap().to_owned() + "/echo";
        let private = next().strip_prefix("metrics at http://").unwrap().to_owned();
        let private = private.strip_suffix("/metrics").unwrap().to_owned();
        (Self { process, url, private, dir }, certificate)
    }

    fn signal(&self, name: &str) {
        let id = self.process.id().to_string();
        assert!(Command::new("kill").args(["-s", name, &id]).status().unwrap().success());
    }

    /// The response at the private address.
    fn ask(&self, path: &str) -> String {
        let mut stream = TcpStream::connect(&self.private).unwrap();
        write!(stream, "GET {path} HTTP/1.1\r\nHost: 10.0.0.7\r\n\r\n").unwrap();
        let mut response = String::new();
        stream.read_to_string(&mut response).unwrap();
        response
    }
}

impl Drop for Production {
    fn drop(&mut self) {
        let _ended = self.process.kill();
        let _ended = self.process.wait();
        let _gone = fs::remove_dir_all(&self.dir);
    }
}

fn renew_certificate(dir: &std::path::Path) -> String {
    let signed = rcgen::generate_simple_self_signed(["127.0.0.1".to_owned()]).unwrap();
    fs::write(dir.join("cert.pem"), signed.cert.pem()).unwrap();
    fs::write(dir.join("key.pem"), signed.signing_key.serialize_pem()).unwrap();
    signed.cert.pem()
}

fn client(certificate: &str) -> Client {
    let tls = TlsClientConfig::new().without_system_roots();
    Client::new().no_proxy().tls(tls.root_certificates(certificate.as_bytes()).unwrap())
}

#[tokio::test]
async fn the_production_server_has_what_an_operator_needs() {
    let (mut server, certificate) = Production::start();
    let mut ws = client(&certificate).connect(&server.url).await.unwrap();
    ws.send("echo").await.unwrap();
    assert_eq!(ws.recv().await.unwrap(), Some(Message::text("echo")));
    ws.send(vec![0; 70_000]).await.unwrap();
    ws.recv().await.unwrap();
    assert_eq!(ws.peer_close().unwrap().code, 1009);

    let metrics = server.ask("/metrics");
    let texts = "bowsprit_messages_total{role=\"server\",dir=\"received\",kind=\"text\"} 1\n";
    for expected in [texts, "\nprocess_open_fds ", "bowsprit_connection_seconds_bucket{"] {
        assert!(metrics.contains(expected), "{expected} in {metrics}");
    }
    assert!(server.ask("/readyz").starts_with("HTTP/1.1 200 "));

    let renewed = client(&renew_certificate(&server.dir));
    server.signal("HUP");
    while renewed.connect(&server.url).await.is_err() {}

    server.signal("TERM");
    while server.ask("/readyz").starts_with("HTTP/1.1 200 ") {}
    assert!(server.ask("/readyz").ends_with("\r\n\r\nshutting down\n"));
    renewed.connect(&server.url).await.unwrap();

    let log = server.process.stderr.take().unwrap();
    server.process.kill().unwrap();
    let lines = BufReader::new(log).lines().map(Result::unwrap);
    let lines: Vec<serde_json::Value> =
        lines.map(|line| serde_json::from_str(&line).unwrap()).collect();
    let limited = "limiting connections to what the limit on file descriptors allows";
    assert!(lines.iter().any(|line| line["fields"]["message"] == limited), "{lines:?}");
}
