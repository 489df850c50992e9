//! Who encrypting servers are, and who trusts them.

use std::{
    env,
    process::Command,
    sync::{Arc, OnceLock},
};

use anyhow::Context;
use rcgen::{CertifiedKey, generate_simple_self_signed};
use rustls::{
    ClientConfig, ClientConnection, RootCertStore, ServerConfig,
    crypto::{CryptoProvider, aws_lc_rs},
    pki_types::{CertificateDer, PrivateKeyDer, ServerName, pem::PemObject},
};

const NAME: &str = "localhost";

/// Where a server finds its certificate and key, in PEM.
const VARIABLES: [&str; 2] = ["BENCH_CERTIFICATE", "BENCH_KEY"];

/// Certificate and key.
type Identity = [String; 2];

/// That of all servers of this run.
fn identity() -> anyhow::Result<&'static Identity> {
    static IDENTITY: OnceLock<Identity> = OnceLock::new();
    if let Some(identity) = IDENTITY.get() {
        return Ok(identity);
    }
    let CertifiedKey { cert, signing_key } = generate_simple_self_signed([NAME.to_owned()])?;
    Ok(IDENTITY.get_or_init(|| [cert.pem(), signing_key.serialize_pem()]))
}

/// Has a server be who [`connect`] trusts.
pub(crate) fn give_to(server: &mut Command) -> anyhow::Result<()> {
    server.envs(VARIABLES.iter().zip(identity()?));
    Ok(())
}

fn provider() -> Arc<CryptoProvider> {
    Arc::new(aws_lc_rs::default_provider())
}

/// Of a server that was started with an identity.
pub(crate) fn server() -> anyhow::Result<Arc<ServerConfig>> {
    let [certificate, key] = VARIABLES.map(env::var);
    let certificate = CertificateDer::from_pem_slice(certificate?.as_bytes())?;
    let key = PrivateKeyDer::from_pem_slice(key?.as_bytes())?;
    let config = ServerConfig::builder_with_provider(provider())
        .with_safe_default_protocol_versions()?
        .with_no_client_auth()
        .with_single_cert(vec![certificate], key)?;
    Ok(Arc::new(config))
}

/// Of a client that trusts these servers and nobody else.
pub(crate) fn client() -> anyhow::Result<Arc<ClientConfig>> {
    static CONFIG: OnceLock<Arc<ClientConfig>> = OnceLock::new();
    if let Some(config) = CONFIG.get() {
        return Ok(Arc::clone(config));
    }
    let mut roots = RootCertStore::empty();
    roots.add(CertificateDer::from_pem_slice(identity()?[0].as_bytes())?)?;
    let mut config = ClientConfig::builder_with_provider(provider())
        .with_safe_default_protocol_versions()?
        .with_root_certificates(roots)
        .with_no_client_auth();
    // Every handshake is a whole one.
    config.resumption = rustls::client::Resumption::disabled();
    Ok(Arc::clone(CONFIG.get_or_init(|| Arc::new(config))))
}

pub(crate) fn name() -> anyhow::Result<ServerName<'static>> {
    ServerName::try_from(NAME).context("no name of a server")
}

/// The client's side of a connection.
pub(crate) fn connect() -> anyhow::Result<ClientConnection> {
    Ok(ClientConnection::new(client()?, name()?)?)
}
