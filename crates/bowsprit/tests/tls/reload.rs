//! Certificates that are renewed while a server runs, by call.

use std::{
    fs,
    net::SocketAddr,
    sync::{Arc, Mutex},
};

use bowsprit::{
    AcceptError, Server,
    server::Listener,
    tls::{ReloadableTls, TlsFiles, TlsServerConfig},
};
use rcgen::date_time_ymd;

use super::{
    authority::{Authority, Signed, check_echo, connect, echo},
    files::Files,
};

/// The text of the error with which a reload fails.
fn failure(tls: &ReloadableTls) -> String {
    let Err(AcceptError::Tls(error)) = tls.reload() else { panic!("it was reloaded") };
    error.to_string()
}

/// Checks that only this authority's certificate is shown.
async fn check_shown(addr: SocketAddr, shown: &Authority, other: &Authority) {
    check_echo(&mut connect(shown.trusting(), "localhost", addr).await.unwrap()).await;
    connect(other.trusting(), "localhost", addr).await.unwrap_err();
}

#[tokio::test]
async fn after_a_reload_new_connections_see_the_new_certificate_and_open_ones_go_on() {
    let (old, new) = (Authority::new(), Authority::new());
    let files = Files::new(&old.server("localhost"));
    let tls = files.tls().load().unwrap();
    let addr = echo(&tls).await;
    let mut open = connect(old.trusting(), "localhost", addr).await.unwrap();
    assert!(tls.reload().unwrap().changed.is_empty());
    assert_eq!(tls.reload().unwrap().to_string(), "no file has changed");

    files.renew(&new.server("localhost"));
    check_shown(addr, &old, &new).await;
    let reload = tls.reload().unwrap();
    let (cert, key) = (files.path("cert.pem"), files.path("key.pem"));
    assert_eq!(reload.changed, [cert.clone(), key.clone()]);
    assert_eq!(reload.to_string(), format!("reloaded {}, {}", cert.display(), key.display()));
    check_shown(addr, &new, &old).await;
    check_echo(&mut open).await;
}

#[tokio::test]
async fn the_listeners_of_several_servers_can_share_what_is_reloaded() {
    let (old, new) = (Authority::new(), Authority::new());
    let files = Files::new(&old.server("localhost"));
    let tls = files.tls().load().unwrap();
    let listener = Listener::bind("127.0.0.1:0").await.unwrap().tls(&tls);
    let own = listener.local_addr().unwrap();
    let server = Server::builder().tls(old.server("localhost").tls());
    let server = server.bind("127.0.0.1:0").await.unwrap().add_listener(listener);
    let fixed = server.local_addr().unwrap();
    tokio::spawn(server.serve(|mut ws, _| async move {
        while let Some(message) = ws.recv().await? {
            ws.send(message).await?;
        }
        Ok(())
    }));
    let another = echo(tls.clone()).await;
    files.renew(&new.server("localhost"));
    tls.reload().unwrap();
    check_shown(own, &new, &old).await;
    check_shown(another, &new, &old).await;
    check_shown(fixed, &old, &new).await;
}

#[tokio::test]
async fn a_key_of_another_certificate_changes_nothing() {
    let (old, new) = (Authority::new(), Authority::new());
    let files = Files::new(&old.server("localhost"));
    let tls = files.tls().load().unwrap();
    let addr = echo(&tls).await;
    let renewed = new.server("localhost");
    files.put("cert.pem", &renewed.chain);
    let (cert, key) = (files.path("cert.pem"), files.path("key.pem"));
    let text =
        format!("{} and {}: the key is not that of the certificate", cert.display(), key.display());
    assert_eq!(failure(&tls), text);
    check_shown(addr, &old, &new).await;
    files.put("key.pem", &renewed.key);
    tls.reload().unwrap();
    check_shown(addr, &new, &old).await;
}

#[tokio::test]
async fn files_that_are_missing_half_written_or_something_else_change_nothing() {
    let authority = Authority::new();
    let (old, new) = (authority.server("localhost"), authority.server("localhost"));
    let files = Files::new(&old);
    let tls = files.tls().load().unwrap();
    let addr = echo(&tls).await;
    let bad_base64 = new.chain.replace("MII", "M!I");
    let not_der = "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n";
    let with_garbage = format!("{}{not_der}", new.chain);
    for (name, contents) in [
        ("cert.pem", ""),
        ("cert.pem", &new.chain[..new.chain.len() / 2]),
        ("cert.pem", &new.chain[..new.chain.len() - 3]),
        ("cert.pem", &format!("{}{}", old.chain, &new.chain[..200])),
        ("cert.pem", &new.key),
        ("cert.pem", &bad_base64),
        ("cert.pem", not_der),
        ("cert.pem", &with_garbage),
        ("key.pem", ""),
        ("key.pem", &new.key[..new.key.len() / 2]),
        ("key.pem", &new.chain),
    ] {
        files.renew(&old);
        files.put(name, contents);
        let failure = failure(&tls);
        assert!(failure.contains(files.path(name).to_str().unwrap()), "{contents:?}: {failure}");
    }
    for name in ["cert.pem", "key.pem"] {
        files.renew(&old);
        fs::remove_file(files.path(name)).unwrap();
        let expected = format!("cannot read {}: ", files.path(name).display());
        assert!(failure(&tls).starts_with(&expected), "{}", failure(&tls));
    }
    check_echo(&mut connect(authority.trusting(), "localhost", addr).await.unwrap()).await;
    files.renew(&new);
    assert_eq!(tls.reload().unwrap().changed.len(), 2);
}

#[tokio::test]
async fn a_certificate_that_is_not_valid_now_does_not_replace_another() {
    let authority = Authority::new();
    let good = authority.server("localhost");
    let expired =
        authority.sign("localhost", |params| params.not_after = date_time_ymd(2024, 1, 1));
    let early = authority.sign("localhost", |params| params.not_before = date_time_ymd(2095, 1, 1));
    let files = Files::new(&good);
    let tls = files.tls().load().unwrap();
    for (signed, text) in
        [(&expired, "the certificate has expired"), (&early, "the certificate is not valid yet")]
    {
        files.renew(signed);
        assert_eq!(failure(&tls), format!("{}: {text}", files.path("cert.pem").display()));
        // At the start there is nothing better.
        files.tls().load().unwrap();
    }
    // Clients decide for themselves whom they trust.
    files.renew(&Signed::by_itself("localhost"));
    tls.reload().unwrap();
}

#[tokio::test]
async fn an_expired_certificate_in_use_does_not_hold_up_a_new_crl() {
    let authority = Authority::new();
    let expired =
        authority.sign("localhost", |params| params.not_after = date_time_ymd(2024, 1, 1));
    let files = Files::new(&expired);
    files.put("roots.pem", &authority.pem());
    files.put("crl.pem", &authority.crl(&[]));
    let tls = files.tls_with_clients().load().unwrap();
    files.put("crl.pem", &authority.crl(&[7]));
    assert_eq!(tls.reload().unwrap().changed, [files.path("crl.pem")]);
}

#[test]
fn what_cannot_be_loaded_at_the_start_is_named() {
    let files = Files::new(&Authority::new().server("localhost"));
    let text = |tls: TlsFiles| tls.load().unwrap_err().to_string();
    let missing = files.path("missing.pem");
    let expected = format!("TLS failed: cannot read {}: ", missing.display());
    assert!(text(TlsFiles::new(&missing, files.path("key.pem"))).starts_with(&expected));
    let fixed = TlsServerConfig::from_pem_files(files.path("key.pem"), files.path("key.pem"));
    let expected = format!("{}: there is no certificate", files.path("key.pem").display());
    assert!(fixed.unwrap_err().to_string().ends_with(&expected));
    files.put("crl.pem", "");
    let crls = files.tls().client_crls(files.path("crl.pem"));
    assert!(text(crls).ends_with("crl.pem: a CRL needs TlsFiles::client_roots"));
    files.put("roots.pem", &Authority::new().pem());
    assert!(text(files.tls_with_clients()).ends_with("crl.pem: there is no CRL in PEM"));
    let not_der = "-----BEGIN X509 CRL-----\nAAAA\n-----END X509 CRL-----\n";
    files.put("crl.pem", not_der);
    let malformed = text(files.tls_with_clients());
    assert!(malformed.contains("crl.pem: "), "{malformed}");
}

#[tokio::test]
async fn the_hook_sees_what_changes_and_what_fails() {
    let authority = Authority::new();
    let files = Files::new(&authority.server("localhost"));
    let seen = Arc::new(Mutex::new(Vec::new()));
    let tls = files.tls().on_reload({
        let seen = Arc::clone(&seen);
        move |outcome| seen.lock().unwrap().push(outcome.as_ref().map(|_| ()).map_err(drop))
    });
    let tls = tls.load().unwrap();
    tls.reload().unwrap();
    files.put("cert.pem", "");
    failure(&tls);
    failure(&tls);
    files.renew(&authority.server("localhost"));
    tls.reload().unwrap();
    tls.reload().unwrap();
    assert_eq!(*seen.lock().unwrap(), [Err(()), Err(()), Ok(())]);
}
