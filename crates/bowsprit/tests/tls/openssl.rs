//! Against OpenSSL: `openssl s_server`, which answers requests with a page.

use std::{path::PathBuf, process::Stdio, time::Duration};

use bowsprit::{ConnectError, tls::TlsClientConfig};
use tokio::{
    io::{AsyncBufReadExt, BufReader},
    process::{Child, Command},
    time::timeout,
};

use super::authority::{Authority, connect};

struct OpenSsl {
    _process: Child,
    addr: std::net::SocketAddr,
    folder: PathBuf,
}

impl OpenSsl {
    async fn start(authority: &Authority, name: &str, args: &[&str]) -> Self {
        let folder = std::env::temp_dir().join(format!("bowsprit-{name}-{}", std::process::id()));
        std::fs::create_dir_all(&folder).unwrap();
        let signed = authority.server("localhost");
        std::fs::write(folder.join("cert.pem"), &signed.chain).unwrap();
        std::fs::write(folder.join("key.pem"), &signed.key).unwrap();
        let mut process = Command::new("openssl")
            .args(["s_server", "-accept", "127.0.0.1:0", "-www"])
            .args(["-cert", "cert.pem", "-key", "key.pem"])
            .args(args)
            .current_dir(&folder)
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .kill_on_drop(true)
            .spawn()
            .expect("openssl is not installed");
        let mut lines = BufReader::new(process.stdout.take().unwrap()).lines();
        let addr = timeout(Duration::from_secs(10), async {
            loop {
                let line = lines.next_line().await.unwrap().expect("openssl has ended");
                if let Some(addr) = line.strip_prefix("ACCEPT ") {
                    return addr.parse().unwrap();
                }
            }
        });
        let addr = addr.await.unwrap();
        Self { _process: process, addr, folder }
    }
}

impl Drop for OpenSsl {
    fn drop(&mut self) {
        let _gone = std::fs::remove_dir_all(&self.folder);
    }
}

#[tokio::test]
#[ignore = "needs openssl"]
async fn openssl_is_understood_in_tls_1_2_and_1_3() {
    let authority = Authority::new();
    for version in ["-tls1_2", "-tls1_3"] {
        let server = OpenSsl::start(&authority, version, &[version]).await;
        let answered = connect(authority.trusting(), "localhost", server.addr).await;
        let Err(ConnectError::Rejected(page)) = answered else { panic!("{version}: {answered:?}") };
        let text = String::from_utf8_lossy(page.body());
        assert!(page.status().is_success() && text.contains("s_server"), "{text}");
    }
}

#[tokio::test]
#[ignore = "needs openssl"]
async fn tls_1_1_is_refused_even_if_every_certificate_is_accepted() {
    let args = ["-tls1_1", "-cipher", "ALL:@SECLEVEL=0"];
    let server = OpenSsl::start(&Authority::new(), "tls1_1", &args).await;
    let tls = TlsClientConfig::new().dangerous_accept_any_certificate();
    let refused = connect(tls, "localhost", server.addr).await;
    let Err(ConnectError::Tls(error)) = refused else { panic!("{refused:?}") };
    let told = matches!(
        error.downcast_ref::<rustls::Error>(),
        Some(rustls::Error::AlertReceived(_) | rustls::Error::PeerIncompatible(_))
    );
    assert!(told, "{error:?}");
}
