//! Certificates of clients.

use bowsprit::{
    Client, CloseCode, ConnectError, Server,
    tls::{ClientCertificates, PeerCertificates, TlsServerConfig},
};
use rustls::pki_types::{CertificateDer, pem::PemObject};

use super::{
    authority::{Authority, connect, echo},
    servers::redirecting,
};

/// A server that tells its clients what certificate they have shown.
async fn telling(authority: &Authority, clients: ClientCertificates) -> std::net::SocketAddr {
    let (signed, roots) = (authority.server("localhost"), authority.pem());
    let (chain, key) = (signed.chain.as_bytes(), signed.key.as_bytes());
    let tls =
        TlsServerConfig::from_pem_with_clients(chain, key, roots.as_bytes(), clients).unwrap();
    let server = Server::builder().tls(tls).bind("127.0.0.1:0").await.unwrap();
    let addr = server.local_addr().unwrap();
    tokio::spawn(server.serve(|mut ws, request| async move {
        let shown = request.extensions().get::<PeerCertificates>();
        let shown = shown.map(|shown| shown.as_slice()[0].to_vec());
        ws.send(shown.unwrap_or_default()).await?;
        ws.close(CloseCode::NORMAL).await?;
        Ok(())
    }));
    addr
}

#[tokio::test]
async fn the_handler_sees_the_certificate_of_a_client() {
    let authority = Authority::new();
    let client = authority.client("someone");
    let own = CertificateDer::from_pem_slice(client.chain.as_bytes()).unwrap();
    for clients in [ClientCertificates::Required, ClientCertificates::Optional] {
        let addr = telling(&authority, clients).await;
        let tls = authority.trusting();
        let tls = tls.client_certificate(client.chain.as_bytes(), client.key.as_bytes()).unwrap();
        let mut ws = connect(tls, "localhost", addr).await.unwrap();
        assert_eq!(ws.recv().await.unwrap().unwrap().as_bytes(), &own[..]);
        assert!(ws.recv().await.unwrap().is_none());
    }
}

#[tokio::test]
async fn a_client_without_a_certificate_is_let_in_where_it_needs_none() {
    let authority = Authority::new();
    let addr = telling(&authority, ClientCertificates::Optional).await;
    let mut ws = connect(authority.trusting(), "localhost", addr).await.unwrap();
    assert!(ws.recv().await.unwrap().unwrap().as_bytes().is_empty());
    let addr = telling(&authority, ClientCertificates::Required).await;
    let refused = connect(authority.trusting(), "localhost", addr).await;
    assert!(refused.is_err(), "{refused:?}");
}

#[tokio::test]
async fn a_certificate_of_a_stranger_is_refused() {
    let authority = Authority::new();
    let client = Authority::new().client("someone");
    for clients in [ClientCertificates::Required, ClientCertificates::Optional] {
        let addr = telling(&authority, clients).await;
        let tls = authority.trusting();
        let tls = tls.client_certificate(client.chain.as_bytes(), client.key.as_bytes()).unwrap();
        let refused = connect(tls, "localhost", addr).await;
        let hidden = |error: &ConnectError| {
            !matches!(error, ConnectError::Rejected(_) | ConnectError::Handshake(_))
        };
        assert!(refused.as_ref().is_err_and(hidden), "{refused:?}");
    }
}

#[tokio::test]
async fn a_certificate_is_not_shown_to_whom_a_redirect_leads_elsewhere() {
    let authority = Authority::new();
    let client = authority.client("someone");
    let addr = telling(&authority, ClientCertificates::Optional).await;
    let elsewhere = format!("wss://localhost:{}/", addr.port());
    let first = redirecting(&authority, elsewhere.clone()).await;
    let tls = authority.trusting();
    let tls = tls.client_certificate(client.chain.as_bytes(), client.key.as_bytes()).unwrap();
    let client = Client::new().tls(tls).max_redirects(1);
    let mut shown = client.connect(&elsewhere).await.unwrap();
    assert!(!shown.recv().await.unwrap().unwrap().as_bytes().is_empty());
    let mut ws = client.connect(&format!("wss://localhost:{}/", first.port())).await.unwrap();
    assert_eq!(ws.url().unwrap().to_string(), elsewhere);
    assert!(ws.recv().await.unwrap().unwrap().as_bytes().is_empty());
}

#[tokio::test]
async fn a_client_knows_the_servers_certificate_and_its_own_address() {
    let authority = Authority::new();
    let signed = authority.server("localhost");
    let own = CertificateDer::from_pem_slice(signed.chain.as_bytes()).unwrap();
    let addr = echo(signed.tls()).await;
    let mut ws = connect(authority.trusting(), "localhost", addr).await.unwrap();
    assert_eq!(ws.peer_certificates().unwrap().as_slice(), [own]);
    let local = ws.local_addr().unwrap();
    assert!(local.ip().is_loopback() && local.port() != addr.port(), "{local}");
    assert_eq!(ws.handle().local_addr(), Some(local));
    ws.close(CloseCode::NORMAL).await.unwrap();
    assert!(ws.peer_certificates().is_none() && ws.local_addr().is_none());
}

#[tokio::test]
async fn a_server_knows_them_as_well() {
    let authority = Authority::new();
    let client = authority.client("someone");
    let (signed, roots) = (authority.server("localhost"), authority.pem());
    let (chain, key) = (signed.chain.as_bytes(), signed.key.as_bytes());
    let required = ClientCertificates::Required;
    let tls =
        TlsServerConfig::from_pem_with_clients(chain, key, roots.as_bytes(), required).unwrap();
    let server = Server::builder().tls(tls).bind("127.0.0.1:0").await.unwrap();
    let addr = server.local_addr().unwrap();
    tokio::spawn(server.serve(move |mut ws, _| async move {
        assert_eq!(ws.local_addr(), Some(addr));
        let shown = ws.peer_certificates().ok_or("none")?;
        ws.send(shown.as_slice()[0].to_vec()).await?;
        Ok(())
    }));
    let tls = authority.trusting();
    let tls = tls.client_certificate(client.chain.as_bytes(), client.key.as_bytes()).unwrap();
    let mut ws = connect(tls, "localhost", addr).await.unwrap();
    let own = CertificateDer::from_pem_slice(client.chain.as_bytes()).unwrap();
    assert_eq!(ws.recv().await.unwrap().unwrap(), &own[..]);
}
