//! A proxy in front of a server.

use std::{
    fs,
    net::{SocketAddr, TcpListener},
    path::{Path, PathBuf},
    process,
    sync::{
        Arc, Mutex,
        atomic::{AtomicU32, Ordering},
    },
    time::Duration,
};

use bowsprit::{
    ConnectionConfig, Error, Server, WebSocket,
    config::Heartbeat,
    error::BoxError,
    http::Request,
    server::{BoundServer, Health, Listener, RequestExt, TrustedProxies},
};
use bowsprit_proto::handshake::asks_for_websocket;
use tokio::{
    net::{TcpSocket, TcpStream},
    process::{Child, Command},
    task::JoinHandle,
    time::sleep,
};

const PAGE: &str = include_str!("../../../../docs/deployment.md");

/// Where clients come from: not the proxies' own address.
pub(super) const CLIENT: &str = "127.0.0.2";

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Program {
    Nginx,
    HaProxy,
}

impl Program {
    pub(super) const ALL: [Self; 2] = [Self::Nginx, Self::HaProxy];

    /// The page's configuration. What is under /smuggled is what nobody may have.
    fn configuration(self, ports: [u16; 2], server: SocketAddr, dir: &Path) -> String {
        let [plain, tls] = ports.map(|port| format!("127.0.0.1:{port}"));
        let language = match self {
            Self::Nginx => "nginx",
            Self::HaProxy => "haproxy",
        };
        let differing = match self {
            Self::Nginx => [
                ("listen 80;", format!("listen {plain};")),
                ("listen 443 ssl;", format!("listen {tls} ssl;")),
                ("location / {", "location /smuggled { return 403; }\n    location / {".into()),
            ],
            Self::HaProxy => [
                ("bind :80\n", format!("bind {plain}\n")),
                ("bind :443 ", format!("bind {tls} ")),
                (
                    "default_backend",
                    "http-request deny if { path_beg /smuggled }\n    default_backend".into(),
                ),
            ],
        };
        let dir = dir.display();
        let (_, page) = PAGE.split_once(&format!("```{language}\n")).unwrap();
        let (page, _) = page.split_once("```").unwrap();
        let common = [
            ("127.0.0.1:8080", server.to_string()),
            ("127.0.0.1:8081", server.to_string()),
            ("60s", "2s".into()),
            ("/etc/ssl/", format!("{dir}/")),
        ];
        let mut page = page.to_owned();
        for (printed, ours) in differing.into_iter().chain(common) {
            assert!(page.contains(printed), "{printed}");
            page = page.replace(printed, &ours);
        }
        match self {
            Self::HaProxy => page,
            Self::Nginx => format!(
                "daemon off;\nmaster_process off;\npid {dir}/pid;\nerror_log {dir}/error.log;\n\
                 events {{}}\nhttp {{\naccess_log off;\nclient_body_temp_path {dir}/body;\n\
                 proxy_temp_path {dir}/proxy;\nfastcgi_temp_path {dir}/fastcgi;\n\
                 uwsgi_temp_path {dir}/uwsgi;\nscgi_temp_path {dir}/scgi;\n{page}\n}}\n"
            ),
        }
    }

    fn command(self, dir: &Path, configuration: &Path) -> Command {
        let mut command = match self {
            Self::Nginx => Command::new("nginx"),
            Self::HaProxy => Command::new("haproxy"),
        };
        match self {
            Self::Nginx => command.arg("-p").arg(dir).arg("-c").arg(configuration),
            Self::HaProxy => command.arg("-db").arg("-f").arg(configuration),
        };
        let path = std::env::var("PATH").unwrap_or_default();
        command.env("PATH", format!("{path}:/usr/sbin")).kill_on_drop(true);
        command
    }
}

/// A server behind a proxy. Both end when it is dropped.
pub(super) struct Proxied {
    addr: SocketAddr,
    /// Where it speaks TLS.
    tls_addr: SocketAddr,
    /// The certificate for that.
    pub(super) certificate: String,
    /// The path of every request that the server has seen.
    pub(super) seen: Arc<Mutex<Vec<String>>>,
    serving: JoinHandle<Result<(), Error>>,
    _proxy: Child,
    dir: PathBuf,
}

impl Drop for Proxied {
    fn drop(&mut self) {
        self.serving.abort();
        let _gone = fs::remove_dir_all(&self.dir);
    }
}

impl Proxied {
    pub(super) async fn start(program: Program) -> Self {
        Self::start_with(program, |text| text, listener().await, lively()).await
    }

    /// The same with a changed configuration, a listener for it, and another configuration.
    pub(super) async fn start_with(
        program: Program,
        change: impl Fn(String) -> String,
        listener: Listener,
        config: ConnectionConfig,
    ) -> Self {
        let seen = Arc::new(Mutex::new(Vec::new()));
        let server = server(&seen, listener, config);
        let server_addr = server.local_addr().unwrap();
        let serving = tokio::spawn(server.serve(tell_client_and_echo));
        // A port that is free may be taken a moment later.
        for _ in 0..3 {
            let free = [(); 2].map(|()| TcpListener::bind("127.0.0.1:0").unwrap());
            let [addr, tls_addr] = free.map(|listener| listener.local_addr().unwrap());
            let dir = new_dir();
            let certificate = write_certificate(&dir);
            let configuration = dir.join("configuration");
            let ports = [addr.port(), tls_addr.port()];
            let text = change(program.configuration(ports, server_addr, &dir));
            fs::write(&configuration, text).unwrap();
            let mut proxy = program.command(&dir, &configuration).spawn().unwrap();
            if listens(addr, &mut proxy).await && listens(tls_addr, &mut proxy).await {
                return Self { addr, tls_addr, certificate, seen, serving, _proxy: proxy, dir };
            }
        }
        panic!("{program:?} does not start");
    }

    pub(super) fn authority(&self) -> String {
        self.addr.to_string()
    }

    pub(super) fn tls_authority(&self) -> String {
        self.tls_addr.to_string()
    }

    /// A connection to the proxy.
    pub(super) async fn dial(&self) -> TcpStream {
        let socket = TcpSocket::new_v4().unwrap();
        socket.bind(format!("{CLIENT}:0").parse().unwrap()).unwrap();
        socket.connect(self.addr).await.unwrap()
    }
}

pub(super) async fn listener() -> Listener {
    Listener::bind("127.0.0.1:0").await.unwrap()
}

/// ConnectionConfig with a heartbeat that is as fast as the proxies' time-outs are short here.
pub(super) fn lively() -> ConnectionConfig {
    let mut config = ConnectionConfig::server();
    config.heartbeat = Some(Heartbeat::new(Duration::from_millis(500), Duration::from_secs(5)));
    config
}

fn server(
    seen: &Arc<Mutex<Vec<String>>>,
    listener: Listener,
    config: ConnectionConfig,
) -> BoundServer {
    let (plain, upgrades) = (Arc::clone(seen), Arc::clone(seen));
    Server::builder()
        .config(config)
        .health(Health::new())
        .trusted_proxies(TrustedProxies::x_forwarded(["127.0.0.1/32".parse().unwrap()]))
        .fallback(move |request| {
            plain.lock().unwrap().push(request.uri().path().to_owned());
            None
        })
        .should_handle(move |request| {
            // The rest the fallback has seen.
            if asks_for_websocket(request) {
                upgrades.lock().unwrap().push(request.uri().path().to_owned());
            }
            true
        })
        .listen_on(listener)
}

async fn tell_client_and_echo(mut ws: WebSocket, request: Request<()>) -> Result<(), BoxError> {
    let client = request.client_addr().ok_or("no address")?;
    let encryption = if request.is_encrypted() { "encrypted" } else { "plain" };
    ws.send(format!("{client} {encryption}")).await?;
    while let Some(message) = ws.recv().await? {
        ws.send(message).await?;
    }
    Ok(())
}

/// Writes a certificate and its key as the page has them; returns the certificate.
fn write_certificate(dir: &Path) -> String {
    let signed = rcgen::generate_simple_self_signed(["127.0.0.1".to_owned()]).unwrap();
    let (certificate, key) = (signed.cert.pem(), signed.signing_key.serialize_pem());
    fs::write(dir.join("site.pem"), format!("{certificate}{key}")).unwrap();
    fs::write(dir.join("site.key"), key).unwrap();
    certificate
}

fn new_dir() -> PathBuf {
    static NUMBER: AtomicU32 = AtomicU32::new(0);
    let number = NUMBER.fetch_add(1, Ordering::Relaxed);
    let dir = std::env::temp_dir().join(format!("bowsprit-proxy-{}-{number}", process::id()));
    fs::create_dir_all(&dir).unwrap();
    dir
}

/// Waits until a proxy accepts connections; `false` if it ends instead.
async fn listens(addr: SocketAddr, proxy: &mut Child) -> bool {
    for _ in 0..200 {
        if TcpStream::connect(addr).await.is_ok() {
            return true;
        }
        if proxy.try_wait().unwrap().is_some() {
            return false;
        }
        sleep(Duration::from_millis(50)).await;
    }
    false
}
