//! An authority of our own, and what it signs.

use std::{
    net::SocketAddr,
    sync::atomic::{AtomicU32, Ordering},
};

use bowsprit::{
    Client, ConnectError, Server, WebSocket,
    tls::{TlsClientConfig, TlsServerConfig},
};
use rcgen::{
    BasicConstraints, CertificateParams, CertificateRevocationListParams, CertifiedIssuer, DnType,
    ExtendedKeyUsagePurpose, IsCa, KeyIdMethod, KeyPair, RevokedCertParams, SerialNumber,
    date_time_ymd,
};

pub(super) struct Authority(CertifiedIssuer<'static, KeyPair>);

/// A certificate and its key, in PEM.
pub(super) struct Signed {
    pub(super) chain: String,
    pub(super) key: String,
}

impl Authority {
    /// Each has a name of its own, by which a certificate finds who has signed it.
    pub(super) fn new() -> Self {
        static COUNT: AtomicU32 = AtomicU32::new(0);
        let name = format!("authority {}", COUNT.fetch_add(1, Ordering::Relaxed));
        let mut params = CertificateParams::new([]).unwrap();
        params.distinguished_name.push(DnType::CommonName, name);
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        Self(CertifiedIssuer::self_signed(params, KeyPair::generate().unwrap()).unwrap())
    }

    pub(super) fn pem(&self) -> String {
        self.0.pem()
    }

    /// A certificate of a server that is good but for what `change` does to it.
    pub(super) fn sign(&self, name: &str, change: impl FnOnce(&mut CertificateParams)) -> Signed {
        let mut params = server_params(name);
        change(&mut params);
        let key = KeyPair::generate().unwrap();
        let certificate = params.signed_by(&key, &self.0).unwrap();
        Signed { chain: certificate.pem(), key: key.serialize_pem() }
    }

    pub(super) fn server(&self, name: &str) -> Signed {
        self.sign(name, |_| ())
    }

    pub(super) fn client(&self, name: &str) -> Signed {
        self.client_number(0x1000, name)
    }

    /// A client whose certificate has this serial number.
    pub(super) fn client_number(&self, number: u64, name: &str) -> Signed {
        self.sign(name, |params| {
            params.serial_number = Some(number.into());
            params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ClientAuth];
        })
    }

    /// A list of these revoked serial numbers, in PEM.
    pub(super) fn crl(&self, revoked: &[u64]) -> String {
        let revoked = revoked.iter().map(|number| RevokedCertParams {
            serial_number: SerialNumber::from(*number),
            revocation_time: date_time_ymd(2024, 1, 1),
            reason_code: None,
            invalidity_date: None,
        });
        let list = CertificateRevocationListParams {
            this_update: date_time_ymd(2024, 1, 1),
            next_update: date_time_ymd(2096, 1, 1),
            crl_number: SerialNumber::from(1),
            issuing_distribution_point: None,
            revoked_certs: revoked.collect(),
            key_identifier_method: KeyIdMethod::Sha256,
        };
        list.signed_by(&self.0).unwrap().pem().unwrap()
    }

    /// A client that trusts this authority and no other.
    pub(super) fn trusting(&self) -> TlsClientConfig {
        TlsClientConfig::new()
            .without_system_roots()
            .root_certificates(self.pem().as_bytes())
            .unwrap()
    }
}

impl Signed {
    /// One that nobody has signed.
    pub(super) fn by_itself(name: &str) -> Self {
        let key = KeyPair::generate().unwrap();
        let certificate = server_params(name).self_signed(&key).unwrap();
        Self { chain: certificate.pem(), key: key.serialize_pem() }
    }

    pub(super) fn tls(&self) -> TlsServerConfig {
        TlsServerConfig::from_pem(self.chain.as_bytes(), self.key.as_bytes()).unwrap()
    }
}

fn server_params(name: &str) -> CertificateParams {
    let mut params = CertificateParams::new([name.to_owned()]).unwrap();
    params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
    params
}

/// An echo that encrypts, on a free port.
pub(super) async fn echo(tls: impl Into<TlsServerConfig>) -> SocketAddr {
    let server = Server::builder().tls(tls).bind("127.0.0.1:0").await.unwrap();
    let addr = server.local_addr().unwrap();
    tokio::spawn(server.serve(|mut ws, _| async move {
        while let Some(message) = ws.recv().await? {
            ws.send(message).await?;
        }
        Ok(())
    }));
    addr
}

pub(super) async fn connect(
    tls: TlsClientConfig,
    host: &str,
    addr: SocketAddr,
) -> Result<WebSocket, ConnectError> {
    Client::new().tls(tls).connect(&format!("wss://{host}:{}/", addr.port())).await
}

/// Sends a message there and back.
pub(super) async fn check_echo(ws: &mut WebSocket) {
    let long = "0123456789".repeat(100_000);
    ws.send(&*long).await.unwrap();
    assert_eq!(ws.recv().await.unwrap().unwrap().as_text(), Some(&*long));
}
