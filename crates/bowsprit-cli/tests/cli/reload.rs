//! `bowsprit serve` that reloads certificates.

use std::{env, fs, path::PathBuf, process};

use rcgen::{
    BasicConstraints, CertificateParams, CertificateRevocationListParams, CertifiedIssuer, IsCa,
    KeyIdMethod, KeyPair, RevokedCertParams, SerialNumber, date_time_ymd,
};

use super::program::{Ended, Program, run};

/// An authority, and files with what it signs.
struct Files {
    folder: PathBuf,
    authority: CertifiedIssuer<'static, KeyPair>,
}

impl Files {
    fn new(name: &str) -> Self {
        let folder = env::temp_dir().join(format!("bowsprit-cli-{name}-{}", process::id()));
        fs::create_dir_all(&folder).unwrap();
        let mut params = CertificateParams::new([]).unwrap();
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let key = KeyPair::generate().unwrap();
        let authority = CertifiedIssuer::self_signed(params, key).unwrap();
        let files = Self { folder, authority };
        fs::write(files.path("ca.pem"), files.authority.pem()).unwrap();
        files
    }

    fn path(&self, name: &str) -> String {
        self.folder.join(name).to_str().unwrap().to_owned()
    }

    /// Writes a certificate with this serial number, and its key.
    fn sign(&self, number: u64, cert: &str, key: &str) {
        let mut params = CertificateParams::new(["localhost".to_owned()]).unwrap();
        params.serial_number = Some(number.into());
        let pair = KeyPair::generate().unwrap();
        let signed = params.signed_by(&pair, &self.authority).unwrap();
        fs::write(self.path(cert), signed.pem()).unwrap();
        fs::write(self.path(key), pair.serialize_pem()).unwrap();
    }

    fn revoke(&self, number: Option<u64>) {
        let list = CertificateRevocationListParams {
            this_update: date_time_ymd(2024, 1, 1),
            next_update: date_time_ymd(2096, 1, 1),
            crl_number: SerialNumber::from(1),
            issuing_distribution_point: None,
            revoked_certs: number.map(revoked).into_iter().collect(),
            key_identifier_method: KeyIdMethod::Sha256,
        };
        let list = list.signed_by(&self.authority).unwrap();
        fs::write(self.path("crl.pem"), list.pem().unwrap()).unwrap();
    }

    /// `bowsprit serve` with these files; and its URL for an echo.
    fn serve(&self, args: &[&str]) -> (Program, String) {
        let (cert, key) = (self.path("cert.pem"), self.path("key.pem"));
        let tls = ["serve", "--listen", "127.0.0.1:0", "--cert", &cert, "--key", &key];
        let mut server = Program::start_for_hang_up(&[&tls, args].concat());
        let port = server.wait_for_rest("listening on wss://127.0.0.1:");
        (server, format!("wss://localhost:{port}/echo"))
    }

    /// Has a line echoed.
    fn ask(&self, url: &str, args: &[&str]) -> Ended {
        let ca = self.path("ca.pem");
        run(&[&["connect", "-n1", "--ca", &ca], args, &[url]].concat(), b"hello\n")
    }
}

impl Drop for Files {
    fn drop(&mut self) {
        let _gone = fs::remove_dir_all(&self.folder);
    }
}

fn revoked(number: u64) -> RevokedCertParams {
    RevokedCertParams {
        serial_number: number.into(),
        revocation_time: date_time_ymd(2024, 1, 1),
        reason_code: None,
        invalidity_date: None,
    }
}

#[test]
fn a_hang_up_reloads_the_certificate_or_says_why_not() {
    let (files, renewed) = (Files::new("reload-old"), Files::new("reload-new"));
    files.sign(1, "cert.pem", "key.pem");
    let (mut server, url) = files.serve(&[]);
    let mut open = Program::start(&["connect", "--ca", &files.path("ca.pem"), &url]);
    open.type_line("before");
    open.wait_for("before");
    server.signal("HUP");
    server.wait_for_log("TLS: no file has changed");

    renewed.sign(2, "cert.pem", "key.pem");
    fs::copy(renewed.path("cert.pem"), files.path("cert.pem")).unwrap();
    server.forget_log();
    server.signal("HUP");
    let (cert, key) = (files.path("cert.pem"), files.path("key.pem"));
    server.wait_for_log(&format!("{cert} and {key}: the key is not that of the certificate"));
    assert_eq!(files.ask(&url, &[]).code, Some(0));

    fs::copy(renewed.path("key.pem"), files.path("key.pem")).unwrap();
    server.signal("HUP");
    server.wait_for_log(&format!("TLS: reloaded {cert}, {key}\n"));
    assert_eq!(files.ask(&url, &[]).code, Some(1));
    assert_eq!(renewed.ask(&url, &[]).lines(), ["hello"]);
    open.type_line("after");
    open.wait_for("after");
}

#[test]
fn clients_need_a_certificate_that_is_not_revoked() {
    let files = Files::new("revoked");
    files.sign(1, "cert.pem", "key.pem");
    files.sign(7, "client.pem", "client.key");
    files.revoke(None);
    let (ca, crl) = (files.path("ca.pem"), files.path("crl.pem"));
    let (mut server, url) = files.serve(&["--client-ca", &ca, "--crl", &crl]);
    let (cert, key) = (files.path("client.pem"), files.path("client.key"));
    let identified = ["--cert", &*cert, "--key", &*key];
    assert_eq!(files.ask(&url, &identified).lines(), ["hello"]);
    files.revoke(Some(7));
    server.signal("HUP");
    server.wait_for_log(&format!("TLS: reloaded {crl}\n"));
    assert_eq!(files.ask(&url, &identified).code, Some(1));
    server.wait_for_log("invalid peer certificate: Revoked");
    assert_eq!(files.ask(&url, &[]).code, Some(1));
    let log = server.kill().stderr;
    assert_eq!(
        log.matches("INFO bowsprit::server::rejection_log: a connection").count(),
        1,
        "{log}"
    );
}

#[test]
fn a_hang_up_without_certificates_changes_nothing() {
    let mut server = Program::start_for_hang_up(&["serve", "--listen", "127.0.0.1:0"]);
    let url = server.wait_for_rest("listening on ");
    server.signal("HUP");
    server.wait_for_log("SIGHUP: there is nothing to reload without --cert");
    let ended = run(&["connect", "-n1", &format!("{url}/echo")], b"hello\n");
    assert_eq!(ended.lines(), ["hello"], "{}", ended.stderr);
}
