//! `bowsprit serve`: an echo and a chat.

use std::{io::Write, net::SocketAddr, time::Duration};

use anyhow::Context;
use bowsprit::{
    Error, Event, Server, Topics, WebSocket,
    config::Limits,
    error::BoxError,
    server::{
        HostPolicy, OriginPolicy, ServerBuilder, Shutdown, ShutdownSummary, SubprotocolPolicy,
    },
    tls::TlsServerConfig,
};

use tokio::sync::oneshot;

use crate::{
    address,
    args::Serve,
    metrics,
    outcome::{Failure, Outcome},
    page, refusal,
    signal::Signals,
};

const CHAT: &str = "/chat";

pub(crate) async fn serve(options: Serve) -> Result<Outcome, Failure> {
    let mut signals = Signals::catch()?;
    let listen = address::listen(&options.listen).into_owned();
    let metrics = options.metrics.as_deref().map(|text| address::listen(text).into_owned());
    let shutdown = Shutdown::within(Duration::from_secs(options.shutdown_timeout));
    let hosts = hosts(options.hosts.clone(), &listen).await;
    let scheme = if options.cert.is_some() { "wss" } else { "ws" };
    let server = builder(options)?.allowed_hosts(hosts).bind(&listen).await;
    let server = server.with_context(|| format!("cannot listen on {listen}"))?;
    let mut lines = format!("listening on {scheme}://{}\n", server.local_addr()?);
    if let Some(listen) = &metrics {
        let addr = serve_metrics(server.server(), listen).await?;
        lines.push_str(&format!("metrics at http://{addr}/metrics\n"));
    }
    // Whoever waits for these lines may be gone; clients may not.
    let _unread = std::io::stdout().write_all(lines.as_bytes());
    let topics = Topics::new();
    let handler = move |ws: WebSocket, _request| handle(ws, topics.clone());
    let (stop, stopped) = oneshot::channel::<()>();
    let stopped = async { stopped.await.unwrap_or_default() };
    let stopping = async {
        signals.next().await;
        tracing::info!("shutting down; the next signal cuts all connections");
        let _serving = stop.send(());
        signals.next().await;
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

/// Serves statistics, and nothing else, at the address that this returns, until the program ends.
async fn serve_metrics(server: Server, listen: &str) -> anyhow::Result<SocketAddr> {
    let hosts = hosts(Vec::new(), listen).await;
    let builder = Server::builder().allowed_hosts(hosts).should_handle(|_| false);
    let bound = builder.fallback(move |request| metrics::answer(&server, request)).bind(listen);
    let bound = bound.await.with_context(|| format!("cannot listen on {listen} for --metrics"))?;
    let addr = bound.local_addr()?;
    tokio::spawn(bound.serve(|_, _| async { Ok(()) }));
    Ok(addr)
}

/// Which hosts to answer to. What is served to this machine alone is worth protecting from pages
/// that give their own name its address.
async fn hosts(names: Vec<String>, listen: &str) -> HostPolicy {
    if !names.is_empty() {
        return HostPolicy::List(names);
    }
    let addrs = tokio::net::lookup_host(listen).await;
    let own = addrs.is_ok_and(|mut addrs| addrs.all(|addr| addr.ip().is_loopback()));
    if own { HostPolicy::Loopback } else { HostPolicy::Any }
}

fn builder(options: Serve) -> anyhow::Result<ServerBuilder> {
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
    if let (Some(cert), Some(key)) = (options.cert, options.key) {
        builder = builder.tls(TlsServerConfig::from_pem_files(cert, key)?);
    }
    Ok(builder)
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
