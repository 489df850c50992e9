//! Against OpenSSL: `openssl s_client`, which tells what it is shown by a server that reloads.

use std::{net::SocketAddr, process::Stdio};

use tokio::process::Command;

use super::{
    authority::{Authority, echo},
    files::Files,
};

/// What `openssl s_client` with these arguments tells of a server.
async fn ask(files: &Files, addr: SocketAddr, args: &[&str]) -> String {
    let asked = Command::new("openssl")
        .args(["s_client", "-connect", &addr.to_string(), "-servername", "localhost"])
        .args(["-CAfile", "ca.pem", "-verify_return_error", "-ign_eof"])
        .args(args)
        .current_dir(files.folder())
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .kill_on_drop(true)
        .spawn();
    let mut process = asked.expect("openssl is not installed");
    // It reads until the server has answered and closed; in TLS 1.3, tickets come before that.
    let mut input = process.stdin.take().unwrap();
    let request = b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n";
    let _refused = tokio::io::AsyncWriteExt::write_all(&mut input, request).await;
    let output = process.wait_with_output().await.unwrap();
    drop(input);
    String::from_utf8_lossy(&output.stdout).into_owned() + &String::from_utf8_lossy(&output.stderr)
}

#[tokio::test]
#[ignore = "needs openssl"]
async fn openssl_sees_the_old_certificate_before_a_reload_and_the_new_one_after() {
    let (old, new) = (Authority::new(), Authority::new());
    let files = Files::new(&old.server("localhost"));
    let tls = files.tls().load().unwrap();
    let addr = echo(&tls).await;
    for (i, version) in ["-tls1_2", "-tls1_3"].into_iter().enumerate() {
        let (before, after) = if i == 0 { (&old, &new) } else { (&new, &old) };
        files.put("ca.pem", &before.pem());
        let told = ask(&files, addr, &[version, "-sess_out", "session"]).await;
        assert!(told.contains("HTTP/1.1 426 ") && told.contains("\nNew, "), "{told}");
        let told = ask(&files, addr, &[version, "-sess_in", "session"]).await;
        assert!(told.contains("\nReused, "), "{told}");
        files.renew(&after.server("localhost"));
        tls.reload().unwrap();
        let told = ask(&files, addr, &[version]).await;
        assert!(told.contains("Verify return code: 20") || told.contains("verify error"), "{told}");
        files.put("ca.pem", &after.pem());
        let told = ask(&files, addr, &[version, "-sess_in", "session"]).await;
        assert!(told.contains("HTTP/1.1 426 ") && told.contains("\nNew, "), "{told}");
    }
}

#[tokio::test]
#[ignore = "needs openssl"]
async fn openssl_with_a_certificate_that_is_revoked_gets_no_answer() {
    let authority = Authority::new();
    let files = Files::new(&authority.server("localhost"));
    files.put("ca.pem", &authority.pem());
    files.put("roots.pem", &authority.pem());
    files.put("crl.pem", &authority.crl(&[]));
    let client = authority.client_number(7, "mallory");
    files.put("client.pem", &client.chain);
    files.put("client.key", &client.key);
    let tls = files.tls_with_clients().load().unwrap();
    let addr = echo(&tls).await;
    for version in ["-tls1_2", "-tls1_3"] {
        files.put("crl.pem", &authority.crl(&[]));
        tls.reload().unwrap();
        let own = [version, "-cert", "client.pem", "-key", "client.key"];
        let told = ask(&files, addr, &[&own[..], &["-sess_out", "session"]].concat()).await;
        assert!(told.contains("HTTP/1.1 426 "), "{told}");
        let resuming = [&own[..], &["-sess_in", "session"]].concat();
        let told = ask(&files, addr, &resuming).await;
        assert!(told.contains("HTTP/1.1 426 ") && told.contains("\nReused, "), "{told}");
        files.put("crl.pem", &authority.crl(&[7]));
        tls.reload().unwrap();
        for args in [&own[..], &resuming] {
            let told = ask(&files, addr, args).await;
            assert!(!told.contains("HTTP/1.1") && told.contains("revoked"), "{told}");
        }
    }
}
