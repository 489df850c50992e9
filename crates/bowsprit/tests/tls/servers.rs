//! What goes over the wire around the opening handshake, and what breaks it.

use std::{
    net::SocketAddr,
    sync::{Arc, Mutex},
    time::Duration,
};

use bowsprit::{
    Client, CloseCode, ConnectError, Error, Server,
    error::{RedirectError, TimeoutKind},
    tls::TlsServerConfig,
};
use rustls::{
    ServerConfig,
    pki_types::{CertificateDer, PrivateKeyDer, pem::PemObject},
    server::{ClientHello, ResolvesServerCert},
    sign::CertifiedKey,
};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpStream},
    time::timeout,
};

use super::authority::{Authority, Signed, check_echo, connect, echo};

/// Notes what a client says of itself before it is encrypted.
#[derive(Debug)]
struct Listening {
    key: Arc<CertifiedKey>,
    heard: Mutex<Vec<Hello>>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
struct Hello {
    name: Option<String>,
    alpn: Vec<Vec<u8>>,
}

impl ResolvesServerCert for Listening {
    fn resolve(&self, hello: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        let alpn = hello.alpn().into_iter().flatten().map(<[u8]>::to_vec).collect();
        let name = hello.server_name().map(str::to_owned);
        self.heard.lock().unwrap().push(Hello { name, alpn });
        Some(Arc::clone(&self.key))
    }
}

fn parts(signed: &Signed) -> (Vec<CertificateDer<'static>>, PrivateKeyDer<'static>) {
    let chain = CertificateDer::pem_slice_iter(signed.chain.as_bytes());
    let key = PrivateKeyDer::from_pem_slice(signed.key.as_bytes()).unwrap();
    (chain.collect::<Result<_, _>>().unwrap(), key)
}

/// Explicitly one provider: two may be compiled in.
fn provider() -> Arc<rustls::crypto::CryptoProvider> {
    #[cfg(feature = "rustls-aws-lc-rs")]
    return Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    #[cfg(not(feature = "rustls-aws-lc-rs"))]
    return Arc::new(rustls::crypto::ring::default_provider());
}

/// RFC: 4.1-13
#[tokio::test]
async fn names_are_sent_ahead_and_addresses_are_not() {
    let authority = Authority::new();
    for (host, sent) in [("localhost", Some("localhost")), ("127.0.0.1", None)] {
        let (chain, key) = parts(&authority.server(host));
        let key = CertifiedKey::from_der(chain, key, &provider()).unwrap();
        let listening = Listening { key: Arc::new(key), heard: Mutex::default() };
        let listening = Arc::new(listening);
        let config = ServerConfig::builder_with_provider(provider())
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_no_client_auth()
            .with_cert_resolver(listening.clone());
        let addr = echo(Arc::new(config)).await;
        check_echo(&mut connect(authority.trusting(), host, addr).await.unwrap()).await;
        let heard = listening.heard.lock().unwrap().clone();
        let alpn = vec![b"http/1.1".to_vec()];
        assert_eq!(heard, [Hello { name: sent.map(str::to_owned), alpn }]);
    }
}

#[tokio::test]
async fn an_own_configuration_is_taken_as_it_is() {
    let authority = Authority::new();
    let mut roots = rustls::RootCertStore::empty();
    roots.add(CertificateDer::from_pem_slice(authority.pem().as_bytes()).unwrap()).unwrap();
    let config = rustls::ClientConfig::builder_with_provider(provider())
        .with_protocol_versions(&[&rustls::version::TLS12])
        .unwrap()
        .with_root_certificates(roots)
        .with_no_client_auth();
    let client = Client::new().tls(Arc::new(config));
    let addr = echo(authority.server("localhost").tls()).await;
    for _ in 0..2 {
        let url = format!("wss://localhost:{}/", addr.port());
        check_echo(&mut client.connect(&url).await.unwrap()).await;
    }
}

#[tokio::test]
async fn a_plain_answer_to_an_encrypted_hello_is_an_error_and_so_is_the_reverse() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let addr = listener.local_addr().unwrap();
    let authority = Authority::new();
    let (refused, ()) = tokio::join!(connect(authority.trusting(), "localhost", addr), async {
        let (mut stream, _) = listener.accept().await.unwrap();
        stream.write_all(b"HTTP/1.1 400 Bad Request\r\n\r\n").await.unwrap();
    });
    assert!(matches!(refused, Err(ConnectError::Tls(_))), "{refused:?}");
    let addr = echo(authority.server("localhost").tls()).await;
    let refused = bowsprit::connect(&format!("ws://{addr}/")).await;
    assert!(matches!(refused, Err(ConnectError::Http(_) | ConnectError::Io(_))), "{refused:?}");
}

#[tokio::test]
async fn a_transport_that_ends_in_the_middle_of_the_handshake_is_no_failure_of_tls() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let addr = listener.local_addr().unwrap();
    let tls = Authority::new().trusting();
    let (refused, ()) = tokio::join!(connect(tls, "localhost", addr), async {
        let (mut stream, _) = listener.accept().await.unwrap();
        stream.read_u8().await.unwrap();
    });
    assert!(matches!(refused, Err(ConnectError::Io(_))), "{refused:?}");
}

#[tokio::test]
async fn the_tls_handshake_is_part_of_the_time_of_the_opening_handshake() {
    let authority = Authority::new();
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("wss://{}/", listener.local_addr().unwrap());
    let client = Client::new().handshake_timeout(Duration::from_millis(200));
    let refused = client.connect(&url).await;
    assert!(matches!(refused, Err(ConnectError::TimedOut(TimeoutKind::Handshake))), "{refused:?}");

    let server = Server::builder()
        .tls(authority.server("localhost").tls())
        .handshake_timeout(Duration::from_millis(200))
        .bind("127.0.0.1:0")
        .await
        .unwrap();
    let mut silent = TcpStream::connect(server.local_addr().unwrap()).await.unwrap();
    tokio::spawn(server.serve(|_, _| async { Ok(()) }));
    let ended = timeout(Duration::from_secs(5), silent.read_to_end(&mut Vec::new())).await;
    assert_eq!(ended.expect("not cut").unwrap(), 0);
}

/// A server that makes its answer of the key, and ends the transport without a word of TLS.
pub(super) async fn answering(
    authority: &Authority,
    answer: impl FnOnce(&str) -> Vec<u8> + Send + 'static,
) -> SocketAddr {
    let (chain, key) = parts(&authority.server("localhost"));
    let config = ServerConfig::builder_with_provider(provider())
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(chain, key)
        .unwrap();
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let addr = listener.local_addr().unwrap();
    tokio::spawn(async move {
        let (stream, _) = listener.accept().await.unwrap();
        let acceptor = tokio_rustls::TlsAcceptor::from(Arc::new(config));
        let mut stream = acceptor.accept(stream).await.unwrap();
        let mut head = Vec::new();
        while !head.ends_with(b"\r\n\r\n") {
            head.push(stream.read_u8().await.unwrap());
        }
        let head = String::from_utf8(head).unwrap();
        let mut fields = head.lines().filter_map(|line| line.split_once(": "));
        let key = fields.find(|(name, _)| name.eq_ignore_ascii_case("sec-websocket-key"));
        let key = key.unwrap().1;
        stream.write_all(&answer(key)).await.unwrap();
        stream.flush().await.unwrap();
        stream.get_mut().0.shutdown().await.unwrap();
    });
    addr
}

/// Lets the client in, says `goodbye`, and ends the transport without a word of TLS.
async fn truncating(authority: &Authority, goodbye: &'static [u8]) -> SocketAddr {
    let answer = |key: &str| {
        let accept = bowsprit_proto::handshake::accept_for(key);
        let head = format!(
            "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\
             Sec-WebSocket-Accept: {accept}\r\n\r\n"
        );
        [head.as_bytes(), goodbye].concat()
    };
    answering(authority, answer).await
}

/// A server that redirects to `location`.
pub(super) async fn redirecting(authority: &Authority, location: String) -> SocketAddr {
    let answer = move |_: &str| {
        format!("HTTP/1.1 302 Found\r\nLocation: {location}\r\nContent-Length: 0\r\n\r\n").into()
    };
    answering(authority, answer).await
}

#[tokio::test]
async fn a_redirect_to_a_plain_connection_is_not_followed() {
    let authority = Authority::new();
    let addr = redirecting(&authority, "ws://127.0.0.1:1/".to_owned()).await;
    let client = Client::new().tls(authority.trusting()).max_redirects(3);
    let url = format!("wss://localhost:{}/", addr.port());
    let insecure = client.connect(&url).await;
    let expected =
        matches!(insecure, Err(ConnectError::Redirect { error: RedirectError::Insecure, .. }));
    assert!(expected, "{insecure:?}");
}

#[tokio::test]
async fn an_end_without_close_notify_counts_as_what_was_said_before() {
    let authority = Authority::new();
    let addr = truncating(&authority, b"\x81\x02hi").await;
    let mut ws = connect(authority.trusting(), "localhost", addr).await.unwrap();
    assert_eq!(ws.recv().await.unwrap().unwrap().as_text(), Some("hi"));
    let ended = ws.recv().await;
    assert!(matches!(ended, Err(Error::Disconnected)), "{ended:?}");

    let addr = truncating(&authority, b"\x88\x02\x03\xe8").await;
    let mut ws = connect(authority.trusting(), "localhost", addr).await.unwrap();
    assert!(ws.recv().await.unwrap().is_none());
    assert_eq!(ws.peer_close().unwrap().code, CloseCode::NORMAL);
}

#[tokio::test]
async fn a_certificate_and_its_key_are_read_from_files() {
    let authority = Authority::new();
    let signed = authority.server("localhost");
    let folder = std::env::temp_dir().join(format!("bowsprit-tls-{}", std::process::id()));
    std::fs::create_dir_all(&folder).unwrap();
    let (chain, key) = (folder.join("cert.pem"), folder.join("key.pem"));
    std::fs::write(&chain, &signed.chain).unwrap();
    std::fs::write(&key, &signed.key).unwrap();
    let tls = TlsServerConfig::from_pem_files(&chain, &key);
    std::fs::remove_dir_all(&folder).unwrap();
    let addr = echo(tls.unwrap()).await;
    check_echo(&mut connect(authority.trusting(), "localhost", addr).await.unwrap()).await;
}
