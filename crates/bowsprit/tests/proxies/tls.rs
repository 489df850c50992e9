//! TLS to a proxy, and through it.

use std::{net::SocketAddr, sync::Arc};

use bowsprit::{
    Client, ConnectError, Server, WebSocket,
    client::Proxy,
    error::ProxyError,
    tls::{TlsClientConfig, TlsServerConfig},
};
use rustls::pki_types::{CertificateDer, PrivateKeyDer, pem::PemObject};

use super::{
    fake::{Log, http, listen, logged},
    http::OPEN,
};

/// A certificate that has signed itself, and its key.
struct Certificate {
    pem: String,
    key: String,
}

impl Certificate {
    fn new(name: &str) -> Self {
        let made = rcgen::generate_simple_self_signed([name.to_owned()]).unwrap();
        Self { pem: made.cert.pem(), key: made.signing_key.serialize_pem() }
    }

    /// Trusts this one alone, for its name.
    fn trusted(&self) -> TlsClientConfig {
        TlsClientConfig::new()
            .without_system_roots()
            .root_certificates(self.pem.as_bytes())
            .unwrap()
    }

    fn pinned(&self) -> TlsClientConfig {
        TlsClientConfig::new().dangerous_pin(self.pem.as_bytes()).unwrap()
    }
}

/// A server for `wss://a.invalid/` that says `through`, and a proxy that leads there, both with
/// certificates that nobody has signed.
struct Way {
    server: Certificate,
    proxy: Certificate,
    to: SocketAddr,
    /// What proxies were told.
    log: Log,
}

impl Way {
    async fn new() -> Self {
        let server = Certificate::new("a.invalid");
        let tls = TlsServerConfig::from_pem(server.pem.as_bytes(), server.key.as_bytes()).unwrap();
        let bound = Server::builder().tls(tls).bind("127.0.0.1:0").await.unwrap();
        let to = bound.local_addr().unwrap();
        tokio::spawn(bound.serve(|mut ws, _| async move {
            ws.send("through").await?;
            Ok(())
        }));
        Self { server, proxy: Certificate::new("localhost"), to, log: Log::default() }
    }

    /// A proxy for one connection.
    async fn proxy(&self) -> Proxy {
        let config = rustls::ServerConfig::builder_with_provider(Arc::new(
            rustls::crypto::aws_lc_rs::default_provider(),
        ))
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(
            vec![CertificateDer::from_pem_slice(self.proxy.pem.as_bytes()).unwrap()],
            PrivateKeyDer::from_pem_slice(self.proxy.key.as_bytes()).unwrap(),
        )
        .unwrap();
        let (log, to) = (Arc::clone(&self.log), self.to);
        let proxy = listen(move |io| async move {
            let acceptor = tokio_rustls::TlsAcceptor::from(Arc::new(config));
            if let Ok(io) = acceptor.accept(io).await {
                http(io, log, OPEN, to).await;
            }
        })
        .await;
        format!("https://user:secret@localhost:{}", proxy.port()).parse().unwrap()
    }

    fn told(&self) -> String {
        String::from_utf8(logged(&self.log)).unwrap()
    }
}

async fn connect(client: &Client) -> Result<WebSocket, ConnectError> {
    client.connect("wss://a.invalid/").await
}

#[tokio::test]
async fn the_proxy_and_the_server_each_have_their_own_settings() {
    let way = Way::new().await;
    let client = |tls: TlsClientConfig, proxy: Proxy| Client::new().tls(tls).proxy(proxy);
    for connecting in [
        client(way.server.trusted(), way.proxy().await.tls(way.proxy.trusted())),
        client(way.server.pinned(), way.proxy().await.tls(way.proxy.trusted())),
        client(way.server.trusted(), way.proxy().await.tls(way.proxy.pinned())),
        client(way.server.trusted(), way.proxy().await).proxy_tls(way.proxy.trusted()),
        client(way.server.trusted(), way.proxy().await.tls(way.proxy.trusted()))
            .proxy_tls(way.server.trusted()),
    ] {
        way.log.lock().unwrap().clear();
        let mut ws = connect(&connecting).await.unwrap();
        assert_eq!(ws.recv().await.unwrap().unwrap().as_text(), Some("through"));
        assert_eq!(
            way.told(),
            "CONNECT a.invalid:443 HTTP/1.1\r\nHost: a.invalid:443\r\n\
             Proxy-Authorization: Basic dXNlcjpzZWNyZXQ=\r\n\r\n"
        );
    }
}

#[tokio::test]
async fn a_bad_certificate_of_a_proxy_is_its_fault_whatever_the_server_may_have() {
    let way = Way::new().await;
    let any = || TlsClientConfig::new().dangerous_accept_any_certificate();
    for tls in [any(), way.proxy.pinned(), way.proxy.trusted()] {
        let proxy = way.proxy().await;
        let name = proxy.to_string();
        let error = connect(&Client::new().tls(tls).proxy(proxy)).await.unwrap_err();
        let told = format!("proxy {name}: TLS failed: invalid peer certificate");
        assert!(error.to_string().starts_with(&told), "{error}");
        assert!(
            matches!(error, ConnectError::Proxy { error: ProxyError::Tls(_), .. }),
            "{error:?}"
        );
        assert_eq!(way.told(), "");
    }
    // And the other way round.
    let proxy = way.proxy().await.tls(any());
    let error = connect(&Client::new().proxy(proxy).proxy_tls(any())).await.unwrap_err();
    assert!(matches!(error, ConnectError::Tls(_)), "{error:?}");
}
