//! Through tinyproxy and dante, as `scripts/setup-proxies` installs them.

use std::{
    net::{Ipv4Addr, SocketAddr, TcpListener as StdListener},
    path::PathBuf,
    process::Stdio,
    time::Duration,
};

use bowsprit::{Client, ConnectError, Error, client::Proxy, error::ProxyError};
use tokio::{
    net::TcpStream,
    process::{Child, Command},
    time::{sleep, timeout},
};

use super::fake::origin;

/// A daemon in the foreground; stopped when dropped.
struct Daemon {
    _process: Child,
    addr: SocketAddr,
    config: PathBuf,
}

impl Daemon {
    /// Starts `program` with a configuration in which `PORT` is a free port.
    async fn start(program: &str, args: &[&str], config: &str) -> Self {
        let listener = StdListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
        let addr = listener.local_addr().unwrap();
        drop(listener);
        let name = format!("bowsprit-{program}-{}-{}.conf", std::process::id(), addr.port());
        let path = std::env::temp_dir().join(name);
        std::fs::write(&path, config.replace("PORT", &addr.port().to_string())).unwrap();
        let process = Command::new(program)
            .args(args)
            .arg(&path)
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .kill_on_drop(true)
            .spawn()
            .unwrap_or_else(|error| panic!("{program}: {error}; run scripts/setup-proxies"));
        let listening = async {
            while TcpStream::connect(addr).await.is_err() {
                sleep(Duration::from_millis(20)).await;
            }
        };
        timeout(Duration::from_secs(10), listening).await.expect("the daemon does not listen");
        Self { _process: process, addr, config: path }
    }

    async fn tinyproxy(more: &str) -> Self {
        let config = format!("Port PORT\nListen 127.0.0.1\nTimeout 60\n{more}\n");
        Self::start("tinyproxy", &["-d", "-c"], &config).await
    }

    async fn dante(port: u16) -> Self {
        let config = format!(
            "logoutput: /dev/null\ninternal: 127.0.0.1 port = PORT\nexternal: 127.0.0.1\n\
             clientmethod: none\nsocksmethod: none\nuser.privileged: root\nuser.unprivileged: nobody\n\
             client pass {{ from: 127.0.0.0/8 to: 0.0.0.0/0 }}\n\
             socks pass {{ from: 127.0.0.0/8 to: 0.0.0.0/0 port = {port} }}\n"
        );
        Self::start("danted", &["-f"], &config).await
    }
}

impl Drop for Daemon {
    fn drop(&mut self) {
        let _gone = std::fs::remove_file(&self.config);
    }
}

async fn through(proxy: &str, to: SocketAddr) -> Result<(), Error> {
    let client = Client::new().proxy(proxy.parse::<Proxy>().unwrap());
    let mut ws = client.connect(&format!("ws://localhost:{}/", to.port())).await?;
    let head = ws.recv().await?.unwrap();
    assert!(!head.as_text().unwrap().contains("proxy-authorization"), "{head:?}");
    let long = "0123456789".repeat(50_000);
    ws.send(&*long).await?;
    assert_eq!(ws.recv().await?.unwrap().as_text(), Some(&*long));
    ws.close(bowsprit::CloseCode::NORMAL).await
}

#[tokio::test]
#[ignore = "needs tinyproxy"]
async fn tinyproxy_makes_a_tunnel() {
    let to = origin().await;
    let daemon = Daemon::tinyproxy("").await;
    through(&format!("http://{}", daemon.addr), to).await.unwrap();
}

#[tokio::test]
#[ignore = "needs tinyproxy"]
async fn tinyproxy_wants_a_password() {
    let to = origin().await;
    let daemon = Daemon::tinyproxy("BasicAuth user secret").await;
    through(&format!("http://user:secret@{}", daemon.addr), to).await.unwrap();
    for wrong in ["", "user:wrong@"] {
        let refused = through(&format!("http://{wrong}{}", daemon.addr), to).await;
        let Err(Error::Connect(ConnectError::Proxy {
            error: ProxyError::Rejected(response), ..
        })) = refused
        else {
            panic!("{refused:?}")
        };
        assert!([401, 407].contains(&response.status().as_u16()), "{response:?}");
    }
}

#[tokio::test]
#[ignore = "needs tinyproxy"]
async fn tinyproxy_refuses_ports_that_it_may_not_reach() {
    let to = origin().await;
    let daemon = Daemon::tinyproxy("ConnectPort 443").await;
    let refused = through(&format!("http://{}", daemon.addr), to).await;
    let Err(Error::Connect(ConnectError::Proxy { error: ProxyError::Rejected(response), .. })) =
        refused
    else {
        panic!("{refused:?}")
    };
    assert_eq!(response.status(), 403);
}

#[tokio::test]
#[ignore = "needs dante"]
async fn dante_connects_in_socks_4_and_5() {
    let to = origin().await;
    let daemon = Daemon::dante(to.port()).await;
    // Dante does not know 4a.
    for scheme in ["socks4", "socks5", "socks5h"] {
        let went = through(&format!("{scheme}://{}", daemon.addr), to).await;
        went.unwrap_or_else(|error| panic!("{scheme}: {error}"));
    }
    for scheme in ["socks4", "socks5h"] {
        let other = origin().await;
        let refused = through(&format!("{scheme}://{}", daemon.addr), other).await;
        let told = matches!(
            refused,
            Err(Error::Connect(ConnectError::Proxy { error: ProxyError::Socks(_), .. }))
        );
        assert!(told, "{scheme}: {refused:?}");
    }
}
