//! `bowsprit serve`: an echo and a chat.

use std::{io::Write, net::SocketAddr, time::Duration};

use anyhow::Context;
use bowsprit::{
    Error, Event, Server, Topics, WebSocket,
    config::Limits,
    error::BoxError,
    server::{Health, OriginPolicy, ServerBuilder, Shutdown, ShutdownSummary, SubprotocolPolicy},
    tls::{ClientCertificates, ReloadableTls, TlsFiles},
};

use tokio::sync::oneshot;

use crate::{
    address,
    args::Serve,
    listening::{self, Listening},
    metrics::Metrics,
    outcome::{Failure, Outcome},
    page, refusal,
    reload::Reload,
    signal::Signals,
};

/// How often the files of --cert, --key, --client-ca and --crl are looked at.
const WATCH_INTERVAL: Duration = Duration::from_secs(10);

const CHAT: &str = "/chat";

pub(crate) async fn serve(options: Serve) -> Result<Outcome, Failure> {
    let mut signals = Signals::catch()?;
    let listen = address::listen(&options.listen).into_owned();
    let metrics = options.metrics.as_deref().map(|text| address::listen(text).into_owned());
    let metrics = metrics.map(|listen| anyhow::Ok((Metrics::record()?, listen))).transpose()?;
    let shutdown = Shutdown::within(Duration::from_secs(options.shutdown_timeout))
        .drain_delay(Duration::from_secs(options.drain_delay))
        .jitter(Duration::from_secs(options.shutdown_jitter));
    let health = Health::new();
    let tls = load_tls(&options)?;
    let scheme = if tls.is_some() { "wss" } else { "ws" };
    let listening = Listening::on(&listen).await;
    let listening = listening.with_context(|| format!("cannot listen on {listen}"))?;
    let hosts = listening.hosts(options.hosts.clone());
    let mut builder = builder(options).allowed_hosts(hosts).health(health.clone());
    if let Some(tls) = &tls {
        builder = builder.tls(tls);
    }
    let server = listening.serve(builder);
    #[cfg(target_os = "linux")]
    let server = server.notify_systemd();
    let mut lines = listening::describe(&server, scheme);
    if let Some((metrics, listen)) = metrics {
        let addr = serve_metrics(metrics, health, &listen).await?;
        lines.push_str(&format!("metrics at http://{addr}/metrics\n"));
    }
    // Whoever waits for these lines may be gone; clients may not.
    let _unread = std::io::stdout().write_all(lines.as_bytes());
    let topics = Topics::new();
    let handler = move |ws: WebSocket, _request| handle(ws, topics.clone());
    let (stop, stopped) = oneshot::channel::<()>();
    let stopped = async { stopped.await.unwrap_or_default() };
    let reload = Reload::new(tls);
    let stopping = async {
        reload.until_stop(&mut signals).await;
        tracing::info!("shutting down; the next signal cuts all connections");
        let _serving = stop.send(());
        reload.until_second_stop(&mut signals).await;
    };
    tokio::select! {
        summary = server.serve_until(handler, stopped, shutdown) => {
            let ShutdownSummary { closed, cut, .. } = summary?;
            tracing::info!(closed, cut, "shut down");
        }
        () = stopping => {}
    }
    Ok(Outcome::Done)
}

/// Serves statistics and answers probes at the address that this returns, until the program ends.
async fn serve_metrics(
    metrics: Metrics,
    health: Health,
    listen: &str,
) -> anyhow::Result<SocketAddr> {
    let listening = Listening::on(listen).await;
    let listening =
        listening.with_context(|| format!("cannot listen on {listen} for --metrics"))?;
    let hosts = listening.hosts(Vec::new());
    let builder = Server::builder()
        .allowed_hosts(hosts)
        .max_connections(None)
        .should_handle(|_| false)
        .health(health);
    let bound = listening.serve(builder.fallback(move |request| metrics.answer(request)));
    let addr = bound.local_addr()?;
    tokio::spawn(bound.serve(|_, _| async { Ok(()) }));
    Ok(addr)
}

/// Reads the files of TLS, if there are any, and again whenever they change.
fn load_tls(options: &Serve) -> anyhow::Result<Option<ReloadableTls>> {
    let (Some(cert), Some(key)) = (&options.cert, &options.key) else { return Ok(None) };
    let mut files = TlsFiles::new(cert, key);
    if let Some(roots) = &options.client_ca {
        files = files.client_roots(roots, ClientCertificates::Required);
    }
    files = options.crls.iter().fold(files, |files, crl| files.client_crls(crl));
    let tls = files.load()?;
    tls.watch(WATCH_INTERVAL)?;
    Ok(Some(tls))
}

fn builder(options: Serve) -> ServerBuilder {
    let limits = Limits::SERVER
        .max_message_len(options.max_message_len)
        .max_fragments(options.max_fragments);
    let subprotocols = if options.subprotocols.is_empty() {
        SubprotocolPolicy::First
    } else {
        SubprotocolPolicy::Supported(options.subprotocols)
    };
    let mut builder = Server::builder()
        .path("/")
        .path("/echo")
        .path(CHAT)
        .limits(limits)
        .subprotocols(subprotocols)
        .deflate(options.deflate)
        .fallback(page::answer)
        .on_reject(refusal::name_option);
    if options.protocol_version_8 {
        builder = builder.accept_version_8();
    }
    if options.any_origin {
        builder = builder.allowed_origins(OriginPolicy::Any);
    }
    builder
}

async fn handle(ws: WebSocket, topics: Topics) -> Result<(), BoxError> {
    let (peer, path) = (ws.peer_addr(), ws.path().to_owned());
    tracing::debug!(?peer, path, extensions = ws.extensions(), "connected");
    let result = if path == CHAT { chat(ws, &topics).await } else { echo(ws).await };
    match result {
        // What a peer does wrong is no failure of this server.
        Err(error) => {
            tracing::info!(?peer, path, %error, "a connection ended without a clean close")
        }
        Ok(()) => tracing::debug!(?peer, path, "closed"),
    }
    Ok(())
}

async fn echo(mut ws: WebSocket) -> Result<(), Error> {
    let (receive, send) = ws.split_mut();
    while let Some(event) = receive.next_event().await? {
        match event {
            Event::Text(text) => send.send(text).await?,
            Event::Binary(bytes) => send.send(bytes).await?,
            _ => {}
        }
    }
    Ok(())
}

/// Sends each message to everyone. Who does not keep up is closed, so that nobody misses anything
/// without knowing it.
async fn chat(mut ws: WebSocket, topics: &Topics) -> Result<(), Error> {
    topics.join(CHAT, &ws.handle());
    while let Some(message) = ws.recv().await? {
        topics.publish(CHAT, message).await;
    }
    Ok(())
}
