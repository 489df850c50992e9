//! Encryption together with the rest of a server: several listeners, Unix sockets, the PROXY
//! protocol, routes, origins, limits and time-outs.

use std::{
    net::SocketAddr,
    sync::{Arc, Mutex},
    time::Duration,
};

use bowsprit::{
    Client, ConnectError, Server, WebSocket,
    http::{Request, StatusCode},
    server::{BoundServer, Listener, Rejection, RequestExt, Route, ServerBuilder, TrustedProxies},
    tls::{ClientCertificates, PeerCertificates, TlsServerConfig},
};
use rustls::pki_types::{CertificateDer, pem::PemObject};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
    time::{sleep, timeout},
};

use super::authority::{Authority, connect};

/// Long against what loopback takes.
const LONG: Duration = Duration::from_secs(5);

/// Tells each client where it is.
fn tell(server: BoundServer) -> SocketAddr {
    let addr = server.local_addr().unwrap();
    tokio::spawn(server.serve(|mut ws, request| async move {
        assert_eq!(ws.peer_addr(), request.peer_addr());
        assert_eq!(request.client_addr(), request.peer_addr().map(|addr| addr.ip()));
        Ok(ws.send(format!("{:?}", request.peer_addr())).await?)
    }));
    addr
}

async fn told(ws: &mut WebSocket) -> String {
    ws.recv().await.unwrap().unwrap().as_text().unwrap().to_owned()
}

fn encrypting(authority: &Authority) -> ServerBuilder {
    Server::builder().tls(authority.server("localhost").tls())
}

/// Connects over a socket that is there already.
async fn connect_over(authority: &Authority, stream: TcpStream) -> Result<WebSocket, ConnectError> {
    let stream = Arc::new(Mutex::new(Some(stream)));
    let connector = move |_| {
        let stream = stream.lock().unwrap().take().unwrap();
        async move { Ok(stream) }
    };
    let client = Client::new().tls(authority.trusting()).connector(connector);
    client.connect("wss://localhost/").await
}

#[tokio::test]
async fn the_address_of_an_encrypted_peer_is_known() {
    let authority = Authority::new();
    let addr = tell(encrypting(&authority).bind("127.0.0.1:0").await.unwrap());
    let stream = TcpStream::connect(addr).await.unwrap();
    let near = stream.local_addr().unwrap();
    let mut ws = connect_over(&authority, stream).await.unwrap();
    assert_eq!(told(&mut ws).await, format!("{:?}", Some(near)));
}

#[cfg(unix)]
#[tokio::test]
async fn each_listener_encrypts_as_it_is_told() {
    let (one, other) = (Authority::new(), Authority::new());
    let path = std::env::temp_dir().join(format!("bowsprit-tls-{}.sock", std::process::id()));
    let bind = || Listener::bind("127.0.0.1:0");
    let server = encrypting(&one)
        .bind("127.0.0.1:0")
        .await
        .unwrap()
        .add_listener(bind().await.unwrap())
        .add_listener(bind().await.unwrap().tls(other.server("localhost").tls()))
        .add_listener(bind().await.unwrap().plain())
        .add_listener(Listener::bind_unix(&path).unwrap());
    let addrs: Vec<_> = server.listeners().iter().map(Listener::local_addr).collect();
    let addr = |i: usize| *addrs[i].as_ref().unwrap();
    tell(server);
    for (i, authority) in [(0, &one), (1, &one), (2, &other)] {
        told(&mut connect(authority.trusting(), "localhost", addr(i)).await.unwrap()).await;
        bowsprit::connect(&format!("ws://{}/", addr(i))).await.unwrap_err();
    }
    connect(one.trusting(), "localhost", addr(2)).await.unwrap_err();
    told(&mut bowsprit::connect(&format!("ws://{}/", addr(3))).await.unwrap()).await;

    let socket = path.clone();
    let connector = move |_| tokio::net::UnixStream::connect(socket.clone());
    let client = Client::new().tls(one.trusting()).connector(connector);
    let connected = client.connect("wss://localhost/").await;
    std::fs::remove_file(&path).unwrap();
    assert_eq!(told(&mut connected.unwrap()).await, "None");
}

#[cfg(feature = "proxy-protocol")]
#[tokio::test]
async fn a_proxy_tells_where_the_client_is_before_encryption() {
    use tokio::io::AsyncWriteExt;

    let authority = Authority::new();
    let networks = ["127.0.0.0/8".parse().unwrap()];
    let listener = Listener::bind("127.0.0.1:0").await.unwrap().proxy_protocol(networks);
    let addr = tell(encrypting(&authority).listen_on(listener));
    let mut stream = TcpStream::connect(addr).await.unwrap();
    stream.write_all(b"PROXY TCP4 192.0.2.1 192.0.2.2 4444 443\r\n").await.unwrap();
    let mut ws = connect_over(&authority, stream).await.unwrap();
    assert_eq!(told(&mut ws).await, "Some(192.0.2.1:4444)");

    let without = TcpStream::connect(addr).await.unwrap();
    connect_over(&authority, without).await.unwrap_err();
}

/// Whom `authorize` has let in: the owner of a certificate.
#[derive(Clone)]
struct Owner(Vec<u8>);

async fn by_certificate(request: Request<()>) -> Result<Owner, Rejection> {
    let shown = request.extensions().get::<PeerCertificates>();
    let own = shown.map(|shown| Owner(shown.as_slice()[0].to_vec()));
    own.ok_or(StatusCode::FORBIDDEN.into())
}

#[tokio::test]
async fn a_route_and_its_authorization_see_the_certificate_of_a_client() {
    let authority = Authority::new();
    let (signed, roots) = (authority.server("localhost"), authority.pem());
    let tls = TlsServerConfig::from_pem_with_clients(
        signed.chain.as_bytes(),
        signed.key.as_bytes(),
        roots.as_bytes(),
        ClientCertificates::Optional,
    );
    let route = Route::new(|mut ws, request| async move {
        let shown = request.extensions().get::<PeerCertificates>().unwrap().as_slice()[0].to_vec();
        assert_eq!(shown, request.extensions().get::<Owner>().unwrap().0);
        assert_eq!(request.param("room"), Some("7"));
        Ok(ws.send(shown).await?)
    });
    let server =
        Server::builder().tls(tls.unwrap()).route("/{room}", route.authorize(by_certificate));
    let server = server.bind("127.0.0.1:0").await.unwrap();
    let url = format!("wss://localhost:{}/7", server.local_addr().unwrap().port());
    tokio::spawn(server.run());

    let own = authority.client("someone");
    let tls = authority.trusting();
    let tls = tls.client_certificate(own.chain.as_bytes(), own.key.as_bytes()).unwrap();
    let mut ws = Client::new().tls(tls).connect(&url).await.unwrap();
    let own = CertificateDer::from_pem_slice(own.chain.as_bytes()).unwrap();
    assert_eq!(ws.recv().await.unwrap().unwrap().as_bytes(), &own[..]);

    let refused = Client::new().tls(authority.trusting()).connect(&url).await;
    let Err(ConnectError::Rejected(refused)) = refused else { panic!("{refused:?}") };
    assert_eq!(refused.status(), 403);
}

#[tokio::test]
async fn pages_have_to_be_encrypted_as_well() {
    let authority = Authority::new();
    let server = encrypting(&authority)
        .trusted_proxies(TrustedProxies::x_forwarded(["127.0.0.2/32".parse().unwrap()]));
    let addr = tell(server.bind("127.0.0.1:0").await.unwrap());
    let (url, other) = (format!("wss://localhost:{}/", addr.port()), "example.com");
    let (own, mixed) = (format!("https://localhost:{}", addr.port()), "http://example.com");
    for (host, origin, status) in [
        (None, &*own, 101),
        (Some(other), "https://example.com", 101),
        (Some(other), "https://example.com:443", 101),
        (Some("example.com:443"), "https://example.com", 101),
        (Some(other), mixed, 403),
        (Some("example.com:80"), mixed, 403),
        (Some("example.com:443"), "http://example.com:443", 403),
        (None, &own.replace("https", "http"), 403),
    ] {
        // Nobody trusts this client to say that it has encrypted nothing.
        let mut client = Client::new().tls(authority.trusting()).origin(origin);
        client = client.header("x-forwarded-proto", "http");
        if let Some(host) = host {
            client = client.header("host", host);
        }
        let answered = match client.connect(&url).await {
            Ok(_) => 101,
            Err(ConnectError::Rejected(refused)) => refused.status().as_u16(),
            Err(error) => panic!("{error}"),
        };
        assert_eq!(answered, status, "{origin} to {host:?}");
    }
}

#[tokio::test]
async fn requests_tell_whether_they_were_encrypted() {
    let authority = Authority::new();
    let server = encrypting(&authority)
        .bind("127.0.0.1:0")
        .await
        .unwrap()
        .add_listener(Listener::bind("127.0.0.1:0").await.unwrap().plain());
    let plain = server.listeners()[1].local_addr().unwrap();
    let addr = server.local_addr().unwrap();
    tokio::spawn(server.serve(|mut ws, request| async move {
        Ok(ws.send(request.is_encrypted().to_string()).await?)
    }));
    let mut ws = connect(authority.trusting(), "localhost", addr).await.unwrap();
    assert_eq!(told(&mut ws).await, "true");
    let mut ws = bowsprit::connect(&format!("ws://{plain}/")).await.unwrap();
    assert_eq!(told(&mut ws).await, "false");
}

#[tokio::test]
async fn a_decision_has_its_own_time_after_that_of_both_handshakes() {
    let authority = Authority::new();
    let server = encrypting(&authority)
        .handshake_timeout(Duration::from_millis(500))
        .authorize(|_| async {
            sleep(Duration::from_secs(1)).await;
            Ok::<_, Rejection>(())
        })
        .bind("127.0.0.1:0")
        .await
        .unwrap();
    connect(authority.trusting(), "localhost", tell(server)).await.unwrap();
}

#[tokio::test]
async fn handshakes_of_tls_count_as_pending_and_their_failures_are_told() {
    let authority = Authority::new();
    let failed = Arc::new(Mutex::new(Vec::new()));
    let noted = Arc::clone(&failed);
    let server = encrypting(&authority)
        .max_pending_handshakes(1)
        .handshake_timeout(Duration::from_secs(1))
        .on_handshake_error(move |error| noted.lock().unwrap().push(error.to_string()))
        .bind("127.0.0.1:0")
        .await
        .unwrap();
    let addr = tell(server);
    let mut slow = TcpStream::connect(addr).await.unwrap();
    slow.write_all(b"\x16").await.unwrap();
    sleep(Duration::from_millis(50)).await;
    let mut next = Box::pin(connect(authority.trusting(), "localhost", addr));
    let waiting = timeout(Duration::from_millis(300), &mut next).await;
    assert!(waiting.is_err(), "the slow one has the only place: {waiting:?}");
    assert_eq!(timeout(LONG, slow.read_to_end(&mut Vec::new())).await.unwrap().unwrap(), 0);
    told(&mut next.await.unwrap()).await;
    assert!(failed.lock().unwrap()[0].contains("too long"), "{failed:?}");

    bowsprit::connect(&format!("ws://{addr}/")).await.unwrap_err();
    assert_eq!(failed.lock().unwrap().len(), 2, "{failed:?}");
}
