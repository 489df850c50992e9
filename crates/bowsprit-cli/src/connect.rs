//! `bowsprit connect`.

use std::path::Path;

use anyhow::Context;
use bowsprit::{
    Client, WebSocket,
    client::{Url, Version},
    error::InvalidUrl,
    tls::TlsClientConfig,
};

use crate::{
    address,
    args::Connect,
    conversation::converse,
    explanation::explained,
    outcome::{Failure, Outcome},
    secret,
    signal::Signals,
    terminal::{escaped, note},
};

pub(crate) async fn connect(options: Connect) -> Result<Outcome, Failure> {
    let mut signals = Signals::catch()?;
    let ws = tokio::select! {
        ws = open(&options) => ws?,
        signal = signals.next() => return Ok(signal.into()),
    };
    if let Some(url) = ws.url() {
        note(&format!("connected to {url}"));
    }
    if let Some(name) = ws.subprotocol() {
        note(&format!("subprotocol {}", escaped(name)));
    }
    if !ws.extensions().is_empty() {
        tracing::debug!("agreed on {}", ws.extensions());
    }
    Ok(converse(ws, &options, &mut signals).await?)
}

async fn open(options: &Connect) -> Result<WebSocket, Failure> {
    let text = address::url(&options.url);
    // A text that is no URL is not shown: who knows where in it the password is.
    let url: Url = text
        .parse()
        .map_err(|error: InvalidUrl| Failure { outcome: Outcome::Usage, error: error.into() })?;
    let client = reaching(asking(Client::new(), options)?, options)?;
    let result = client.connect(&text).await;
    result.map_err(|error| Failure { outcome: (&error).into(), error: explained(error, &url) })
}

/// What to ask the server for.
fn asking(mut client: Client, options: &Connect) -> anyhow::Result<Client> {
    for source in &options.headers {
        for (name, value) in secret::fields(source)? {
            client = client.header(name, value);
        }
    }
    for (name, value) in &options.expanded_headers {
        client = client.header(name.clone(), value.clone());
    }
    if let Some(origin) = &options.origin {
        client = client.origin(origin.clone());
    }
    for source in &options.subprotocols {
        for name in secret::subprotocols(source)? {
            client = client.subprotocol(name);
        }
    }
    if options.subprotocols_cross_origin {
        client = client.subprotocols_cross_origin();
    }
    if options.no_deflate {
        client = client.deflate(None);
    }
    if options.protocol_version == "8" {
        client = client.version(Version::V8);
    }
    Ok(client)
}

/// How to get to the server.
fn reaching(mut client: Client, options: &Connect) -> anyhow::Result<Client> {
    client = client.max_redirects(options.max_redirects);
    if let Some(proxy) = &options.proxy {
        client = client.proxy(proxy.clone());
    }
    if options.no_proxy {
        client = client.no_proxy();
    }
    let mut tls = trusting(options.ca.as_deref(), options.insecure)?;
    if let (Some(cert), Some(key)) = (&options.cert, &options.key) {
        tls = tls.client_certificate(&read(cert)?, &read(key)?)?;
    }
    let proxy_tls = trusting(options.proxy_ca.as_deref(), options.proxy_insecure)?;
    Ok(client.tls(tls).proxy_tls(proxy_tls))
}

fn trusting(ca: Option<&Path>, insecure: bool) -> anyhow::Result<TlsClientConfig> {
    let mut tls = TlsClientConfig::new();
    if let Some(path) = ca {
        let ca = tls.without_system_roots().root_certificates(&read(path)?);
        tls = ca.with_context(|| format!("cannot use {}", path.display()))?;
    }
    Ok(if insecure { tls.dangerous_accept_any_certificate() } else { tls })
}

fn read(path: &Path) -> anyhow::Result<Vec<u8>> {
    std::fs::read(path).with_context(|| format!("cannot read {}", path.display()))
}
