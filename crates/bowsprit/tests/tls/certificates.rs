//! Which certificates a client lets pass.

use bowsprit::{AcceptError, CloseCode, ConnectError, tls::TlsClientConfig};
use rcgen::{CertificateParams, ExtendedKeyUsagePurpose, date_time_ymd};
use rustls::CertificateError;

use super::authority::{Authority, Signed, check_echo, connect, echo};

/// What is wrong with a certificate, according to a client that expects `host`.
async fn verdict(tls: TlsClientConfig, host: &str, signed: &Signed) -> CertificateError {
    match connect(tls, host, echo(signed.tls()).await).await {
        Err(ConnectError::Tls(error)) => match error.downcast_ref::<rustls::Error>() {
            Some(rustls::Error::InvalidCertificate(error)) => error.clone(),
            other => panic!("{other:?}"),
        },
        other => panic!("{other:?}"),
    }
}

/// RFC: 4.1-10, 4.1-12, 10.6-1
#[tokio::test]
async fn a_good_certificate_opens_an_encrypted_connection() {
    let authority = Authority::new();
    for host in ["localhost", "127.0.0.1"] {
        let addr = echo(authority.server(host).tls()).await;
        let mut ws = connect(authority.trusting(), host, addr).await.unwrap();
        assert_eq!(ws.peer_addr(), Some(addr));
        assert_eq!(ws.url().unwrap().to_string(), format!("wss://{host}:{}/", addr.port()));
        check_echo(&mut ws).await;
        ws.close(CloseCode::NORMAL).await.unwrap();
    }
}

/// RFC: 4.1-11
#[tokio::test]
async fn bad_certificates_are_refused_each_for_its_reason() {
    use CertificateError as C;
    let authority = Authority::new();
    let expired = |params: &mut CertificateParams| {
        params.not_before = date_time_ymd(2020, 1, 1);
        params.not_after = date_time_ymd(2021, 1, 1);
    };
    let early = |params: &mut CertificateParams| params.not_before = date_time_ymd(2090, 1, 1);
    let usage = |params: &mut CertificateParams| {
        params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ClientAuth];
    };
    let check = async |signed: &Signed, host: &str, good: fn(&C) -> bool| {
        let error = verdict(authority.trusting(), host, signed).await;
        assert!(good(&error), "{error:?}");
    };
    let sign = |change: &dyn Fn(&mut CertificateParams)| authority.sign("localhost", change);
    check(&sign(&expired), "localhost", |error| matches!(error, C::ExpiredContext { .. })).await;
    check(&sign(&early), "localhost", |error| matches!(error, C::NotValidYetContext { .. })).await;
    check(&sign(&usage), "localhost", |error| matches!(error, C::InvalidPurposeContext { .. }))
        .await;
    let wrong_name: fn(&C) -> bool = |error| matches!(error, C::NotValidForNameContext { .. });
    check(&authority.server("other.example"), "localhost", wrong_name).await;
    check(&authority.server("localhost"), "127.0.0.1", wrong_name).await;
    check(&authority.server("127.0.0.2"), "127.0.0.1", wrong_name).await;
    let unknown: fn(&C) -> bool = |error| matches!(error, C::UnknownIssuer);
    check(&Authority::new().server("localhost"), "localhost", unknown).await;
    check(&Signed::by_itself("localhost"), "localhost", unknown).await;
}

#[tokio::test]
async fn by_default_the_system_is_trusted_and_our_authority_is_not() {
    let authority = Authority::new();
    let signed = authority.server("localhost");
    assert_eq!(
        verdict(TlsClientConfig::new(), "localhost", &signed).await,
        CertificateError::UnknownIssuer
    );
    let addr = echo(signed.tls()).await;
    let url = format!("https://localhost:{}/", addr.port());
    let refused = bowsprit::connect(&url).await;
    assert!(matches!(refused, Err(ConnectError::Tls(_))), "{refused:?}");
    let tls = TlsClientConfig::new().root_certificates(authority.pem().as_bytes()).unwrap();
    check_echo(&mut connect(tls, "localhost", addr).await.unwrap()).await;
}

#[cfg(feature = "rustls-webpki-roots")]
#[tokio::test]
async fn compiled_in_roots_can_be_extended() {
    let authority = Authority::new();
    let signed = authority.server("localhost");
    let error = verdict(TlsClientConfig::webpki_roots(), "localhost", &signed).await;
    assert_eq!(error, CertificateError::UnknownIssuer);
    let tls =
        TlsClientConfig::webpki_roots().root_certificates(authority.pem().as_bytes()).unwrap();
    let addr = echo(signed.tls()).await;
    check_echo(&mut connect(tls, "localhost", addr).await.unwrap()).await;
}

#[tokio::test]
async fn only_what_is_called_dangerous_lets_a_bad_certificate_pass() {
    let signed = Signed::by_itself("other.example");
    let addr = echo(signed.tls()).await;
    let any = TlsClientConfig::new().dangerous_accept_any_certificate();
    check_echo(&mut connect(any, "localhost", addr).await.unwrap()).await;
    let pinned = TlsClientConfig::new().dangerous_pin(signed.chain.as_bytes()).unwrap();
    check_echo(&mut connect(pinned, "localhost", addr).await.unwrap()).await;
    let other = Signed::by_itself("localhost");
    let pinned = TlsClientConfig::new().dangerous_pin(signed.chain.as_bytes()).unwrap();
    let error = verdict(pinned, "localhost", &other).await;
    assert_eq!(error, CertificateError::ApplicationVerificationFailure);
}

#[test]
fn texts_that_are_no_certificates_are_errors() {
    let signed = Signed::by_itself("localhost");
    let (chain, key) = (signed.chain.as_bytes(), signed.key.as_bytes());
    let broken = signed.chain.replacen("MII", "!!!", 1);
    for pem in [&b""[..], b"no PEM", key, broken.as_bytes()] {
        let refused = TlsClientConfig::new().root_certificates(pem);
        assert!(matches!(refused, Err(ConnectError::Tls(_))), "{refused:?}");
        let refused = bowsprit::tls::TlsServerConfig::from_pem(pem, key);
        assert!(matches!(refused, Err(AcceptError::Tls(_))), "{refused:?}");
    }
    for pem in [&b""[..], chain, Signed::by_itself("localhost").key.as_bytes()] {
        let refused = bowsprit::tls::TlsServerConfig::from_pem(chain, pem);
        assert!(matches!(refused, Err(AcceptError::Tls(_))), "{refused:?}");
    }
    let error =
        bowsprit::tls::TlsServerConfig::from_pem_files("/nowhere/cert.pem", "key.pem").unwrap_err();
    assert!(error.to_string().contains("/nowhere/cert.pem"), "{error}");
    let shown = format!("{:?}", TlsClientConfig::new().client_certificate(chain, key).unwrap());
    assert!(!shown.contains("PRIVATE") && !shown.contains("Pkcs8"), "{shown}");
}

#[cfg(feature = "native-tls")]
#[tokio::test]
async fn the_systems_own_tls_can_be_used() {
    use bowsprit::{Client, tls::TlsConnector};
    let authority = Authority::new();
    let addr = echo(authority.server("localhost").tls()).await;
    let url = format!("wss://localhost:{}/", addr.port());
    let refused = Client::new().tls(TlsConnector::native()).connect(&url).await;
    assert!(matches!(refused, Err(ConnectError::Tls(_))), "{refused:?}");
    let root = native_tls::Certificate::from_pem(authority.pem().as_bytes()).unwrap();
    let connector = native_tls::TlsConnector::builder().add_root_certificate(root).build().unwrap();
    let ws = Client::new().tls(connector.clone()).connect(&url).await.unwrap();
    assert_eq!(ws.peer_certificates().unwrap().as_slice().len(), 1);
    assert!(ws.local_addr().is_some_and(|addr| addr.ip().is_loopback()));
    let client = Client::new().tls(connector);
    check_echo(&mut client.connect(&url).await.unwrap()).await;
    let away = super::servers::redirecting(&authority, url.clone()).await;
    let away = format!("wss://localhost:{}/", away.port());
    let shy = client.clone().max_redirects(1).connect(&away).await;
    assert!(matches!(shy, Err(ConnectError::Tls(_))), "{shy:?}");
    let misnamed = format!("wss://127.0.0.1:{}/", addr.port());
    let refused = client.connect(&misnamed).await;
    assert!(matches!(refused, Err(ConnectError::Tls(_))), "{refused:?}");
}
