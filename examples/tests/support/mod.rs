//! Runs examples, and talks to them.

#![allow(dead_code, reason = "not every test needs all of it")]

use std::{
    fs,
    io::{BufRead, BufReader},
    path::{Path, PathBuf},
    process::{Child, ChildStdout, Command, Stdio},
    sync::{
        Arc,
        atomic::{AtomicU32, Ordering},
    },
    time::Duration,
};

use bowsprit::{Client, Message, WebSocket};
use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, IsCa, KeyPair};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
    time::timeout,
};
use tokio_rustls::rustls::{ServerConfig, pki_types::PrivateKeyDer};

/// A server example, stopped when dropped.
pub(crate) struct Running {
    pub(crate) process: Child,
    pub(crate) stdout: BufReader<ChildStdout>,
    pub(crate) url: String,
}

impl Running {
    pub(crate) fn start(program: &str) -> Self {
        Self::start_with(program, &[])
    }

    pub(crate) fn start_with(program: &str, args: &[&str]) -> Self {
        Self::start_in(Path::new("."), program, args)
    }

    /// Starts a program with this working directory.
    pub(crate) fn start_in(dir: &Path, program: &str, args: &[&str]) -> Self {
        let mut process = Command::new(program)
            .args(args)
            .current_dir(dir)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .expect("it starts");
        let mut line = String::new();
        let mut stdout = BufReader::new(process.stdout.take().expect("it is piped"));
        stdout.read_line(&mut line).expect("it prints a line");
        let url = line.trim().strip_prefix("listening on ").expect("it tells its address");
        Self { process, stdout, url: url.to_owned() }
    }

    pub(crate) async fn connect(&self, path: &str) -> WebSocket {
        let url = format!("{}{path}", self.url);
        bowsprit::connect(&url).await.expect("it lets us in")
    }

    /// The next line that it prints.
    pub(crate) fn line(&mut self) -> String {
        let mut line = String::new();
        self.stdout.read_line(&mut line).expect("it prints a line");
        line
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        self.process.kill().expect("it runs");
        self.process.wait().expect("it ends");
    }
}

/// The response to a plain request with this header field.
pub(crate) async fn ask(url: &str, request: &str, field: &str) -> String {
    let (_, addr) = url.split_once("://").unwrap();
    let mut stream = TcpStream::connect(addr).await.unwrap();
    let request = format!("{request} HTTP/1.1\r\nHost: localhost\r\n{field}\r\n\r\n");
    stream.write_all(request.as_bytes()).await.unwrap();
    let mut response = String::new();
    stream.read_to_string(&mut response).await.unwrap();
    response
}

/// The status that a client is refused with.
pub(crate) async fn refusal(client: &Client, url: &str) -> u16 {
    let refused = client.connect(url).await.expect_err("nobody is let in");
    let bowsprit::ConnectError::Rejected(response) = refused else { panic!("{refused}") };
    response.status().as_u16()
}

pub(crate) async fn recv(ws: &mut WebSocket) -> Message {
    let message = timeout(Duration::from_secs(10), ws.recv()).await.expect("no message in time");
    message.expect("no error").expect("no close")
}

/// A directory for one test, removed when dropped.
pub(crate) struct Dir(pub(crate) PathBuf);

impl Dir {
    pub(crate) fn new() -> Self {
        static NUMBER: AtomicU32 = AtomicU32::new(0);
        let number = NUMBER.fetch_add(1, Ordering::Relaxed);
        let name = format!("bowsprit-examples-{}-{number}", std::process::id());
        let dir = std::env::temp_dir().join(name);
        fs::create_dir_all(&dir).unwrap();
        Self(dir)
    }

    /// Runs the first commands of a page.
    pub(crate) fn run_first_block(&self, page: &str) {
        let (_, block) = page.split_once("```sh\n").unwrap();
        let (commands, _) = block.split_once("```").unwrap();
        let mut shell = Command::new("sh");
        let status = shell.args(["-ec", commands]).current_dir(&self.0).status().unwrap();
        assert!(status.success(), "{commands}");
    }

    pub(crate) fn path(&self, name: &str) -> String {
        self.0.join(name).into_os_string().into_string().unwrap()
    }
}

impl Drop for Dir {
    fn drop(&mut self) {
        let _gone = fs::remove_dir_all(&self.0);
    }
}

/// Signs certificates. Its own is `ca.pem` in a directory.
pub(crate) struct Authority(CertifiedIssuer<'static, KeyPair>);

impl Authority {
    pub(crate) fn new(dir: &Dir) -> Self {
        let mut params = CertificateParams::new([]).unwrap();
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let issuer = CertifiedIssuer::self_signed(params, KeyPair::generate().unwrap()).unwrap();
        fs::write(dir.path("ca.pem"), issuer.pem()).unwrap();
        Self(issuer)
    }

    /// Writes `cert.pem` and `key.pem` for this host.
    pub(crate) fn write_server(&self, dir: &Dir, host: &str) {
        let (key, params) = host_key(host);
        let certificate = params.signed_by(&key, &self.0).unwrap();
        fs::write(dir.path("cert.pem"), certificate.pem()).unwrap();
        fs::write(dir.path("key.pem"), key.serialize_pem()).unwrap();
    }

    /// The configuration of a server with this name.
    pub(crate) fn server_config(&self, host: &str) -> Arc<ServerConfig> {
        let (key, params) = host_key(host);
        let certificate = params.signed_by(&key, &self.0).unwrap();
        let key = PrivateKeyDer::Pkcs8(key.serialize_der().into());
        let config = ServerConfig::builder().with_no_client_auth();
        Arc::new(config.with_single_cert(vec![certificate.der().clone()], key).unwrap())
    }
}

fn host_key(host: &str) -> (KeyPair, CertificateParams) {
    (KeyPair::generate().unwrap(), CertificateParams::new([host.to_owned()]).unwrap())
}
