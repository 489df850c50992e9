//! Client certificates that are revoked while a server runs, and TLS sessions that began before.

use std::{net::SocketAddr, sync::Arc};

use bowsprit::tls::ReloadableTls;
use rustls::{
    ClientConfig, HandshakeKind, RootCertStore, SupportedProtocolVersion,
    pki_types::{CertificateDer, PrivateKeyDer, ServerName, pem::PemObject},
    version::{TLS12, TLS13},
};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
};

use super::{
    authority::{Authority, Signed, connect, echo},
    files::Files,
};

const REQUEST: &[u8] = b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n";

/// A client that keeps its sessions.
fn client(
    authority: &Authority,
    own: &Signed,
    version: &'static SupportedProtocolVersion,
) -> Arc<ClientConfig> {
    #[cfg(feature = "rustls-aws-lc-rs")]
    let provider = rustls::crypto::aws_lc_rs::default_provider();
    #[cfg(not(feature = "rustls-aws-lc-rs"))]
    let provider = rustls::crypto::ring::default_provider();
    let mut roots = RootCertStore::empty();
    roots.add(CertificateDer::from_pem_slice(authority.pem().as_bytes()).unwrap()).unwrap();
    let chain = vec![CertificateDer::from_pem_slice(own.chain.as_bytes()).unwrap()];
    let config = ClientConfig::builder_with_provider(Arc::new(provider))
        .with_protocol_versions(&[version])
        .unwrap()
        .with_root_certificates(roots)
        .with_client_auth_cert(chain, PrivateKeyDer::from_pem_slice(own.key.as_bytes()).unwrap());
    Arc::new(config.unwrap())
}

/// Connects, has a request answered, and tells whether a session was resumed.
async fn ask(config: &Arc<ClientConfig>, addr: SocketAddr) -> std::io::Result<HandshakeKind> {
    let stream = TcpStream::connect(addr).await.unwrap();
    let name = ServerName::try_from("localhost").unwrap();
    let connector = tokio_rustls::TlsConnector::from(Arc::clone(config));
    let mut stream = connector.connect(name, stream).await?;
    stream.write_all(REQUEST).await?;
    // In TLS 1.3, that the certificate was rejected comes with the first thing that is read.
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer).await?;
    assert!(answer.starts_with(b"HTTP/1.1 426 "), "{}", String::from_utf8_lossy(&answer));
    Ok(stream.get_ref().1.handshake_kind().unwrap())
}

async fn with_clients(authority: &Authority) -> (Files, ReloadableTls, SocketAddr) {
    let files = Files::new(&authority.server("localhost"));
    files.put("roots.pem", &authority.pem());
    files.put("crl.pem", &authority.crl(&[]));
    let tls = files.tls_with_clients().load().unwrap();
    let addr = echo(&tls).await;
    (files, tls, addr)
}

#[tokio::test]
async fn a_client_that_is_revoked_does_not_get_in_by_a_session_it_has() {
    for version in [&TLS12, &TLS13] {
        let authority = Authority::new();
        let (files, tls, addr) = with_clients(&authority).await;
        let revoked = client(&authority, &authority.client_number(7, "mallory"), version);
        let other = client(&authority, &authority.client_number(8, "alice"), version);
        for client in [&revoked, &other] {
            assert_eq!(ask(client, addr).await.unwrap(), HandshakeKind::Full);
            assert_eq!(ask(client, addr).await.unwrap(), HandshakeKind::Resumed);
        }
        // Nothing has changed, so sessions go on.
        tls.reload().unwrap();
        assert_eq!(ask(&revoked, addr).await.unwrap(), HandshakeKind::Resumed);

        files.put("crl.pem", &authority.crl(&[7]));
        assert_eq!(tls.reload().unwrap().changed, [files.path("crl.pem")]);
        let error = ask(&revoked, addr).await.unwrap_err();
        assert!(error.to_string().contains("CertificateRevoked"), "{version:?}: {error}");
        assert_eq!(ask(&other, addr).await.unwrap(), HandshakeKind::Full);
        assert_eq!(ask(&other, addr).await.unwrap(), HandshakeKind::Resumed);
    }
}

#[tokio::test]
async fn roots_of_clients_are_reloaded() {
    let (authority, clients) = (Authority::new(), Authority::new());
    let (files, tls, addr) = with_clients(&authority).await;
    let identified = |by: &Authority| {
        let own = by.client("alice");
        authority.trusting().client_certificate(own.chain.as_bytes(), own.key.as_bytes()).unwrap()
    };
    connect(identified(&authority), "localhost", addr).await.unwrap();
    files.put("roots.pem", &clients.pem());
    files.put("crl.pem", &clients.crl(&[]));
    tls.reload().unwrap();
    connect(identified(&authority), "localhost", addr).await.unwrap_err();
    connect(identified(&clients), "localhost", addr).await.unwrap();
    connect(authority.trusting(), "localhost", addr).await.unwrap_err();
}

/// As long as it is not known whether it is revoked.
#[tokio::test]
async fn a_client_of_an_authority_without_a_list_is_rejected() {
    let (authority, clients) = (Authority::new(), Authority::new());
    let (files, tls, addr) = with_clients(&authority).await;
    files.put("roots.pem", &format!("{}{}", authority.pem(), clients.pem()));
    tls.reload().unwrap();
    let own = clients.client("alice");
    let identified = || {
        authority.trusting().client_certificate(own.chain.as_bytes(), own.key.as_bytes()).unwrap()
    };
    connect(identified(), "localhost", addr).await.unwrap_err();
    files.put("crl.pem", &format!("{}{}", authority.crl(&[]), clients.crl(&[])));
    tls.reload().unwrap();
    connect(identified(), "localhost", addr).await.unwrap();
}
