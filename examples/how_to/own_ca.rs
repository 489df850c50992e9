//! Servers whose certificates come from an authority of one's own.

// ANCHOR: all
use bowsprit::{Client, Error, WebSocket, tls::TlsClientConfig};

pub(crate) async fn connect(url: &str, ca: &str) -> Result<WebSocket, Error> {
    let pem = std::fs::read(ca)?;
    let tls = TlsClientConfig::new().without_system_roots().root_certificates(&pem)?;
    Ok(Client::new().tls(tls).connect(url).await?)
}
// ANCHOR_END: all
