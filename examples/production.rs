//! A server as one would run it on Linux: limits, certificates that are renewed, trusted proxies,
//! probes, metrics, logs in JSON, a shutdown that proxies and clients notice in time, and systemd.
//!
//! ```sh
//! cargo run -p bowsprit-examples --bin production -- \
//!     cert.pem key.pem 127.0.0.1:8443 127.0.0.1:9090
//! ```
//!
//! [docs/deployment.md](../docs/deployment.md) has what belongs around it: a unit of systemd,
//! nginx, HAProxy, Kubernetes, and what the log lines mean.

use std::{env, io, time::Duration};

use bowsprit::{
    Bytes, ConnectionConfig, Server, WebSocket,
    config::Limits,
    error::BoxError,
    http::{HeaderValue, Request, Response, header},
    server::{BoundServer, Health, Listener, Shutdown, TrustedProxies, systemd},
    stats,
    tls::{ReloadableTls, TlsFiles},
};
use metrics_exporter_prometheus::{Matcher, PrometheusBuilder, PrometheusHandle};
use metrics_process::Collector;
use tokio::signal::unix::{SignalKind, signal};

#[tokio::main]
async fn main() -> Result<(), BoxError> {
    tracing_subscriber::fmt().json().with_writer(io::stderr).init();
    // Before there are servers, or they are not seen.
    let metrics = record_metrics()?;
    let mut args = env::args().skip(1);
    let (Some(cert), Some(key)) = (args.next(), args.next()) else {
        return Err("usage: production CERT KEY [ADDRESS|systemd] [PRIVATE ADDRESS]".into());
    };
    let tls = TlsFiles::new(cert, key).load()?;
    tls.watch(Duration::from_secs(10))?;
    let health = Health::new();
    let listen = args.next().unwrap_or_else(|| "127.0.0.1:8443".to_owned());
    let server = public_server(&listen, &tls, health.clone()).await?.notify_systemd();
    let private = args.next().unwrap_or_else(|| "127.0.0.1:9090".to_owned());
    let private = private_server(&private, health, metrics).await?;
    println!("listening on wss://{}", server.local_addr()?);
    println!("metrics at http://{}/metrics", private.local_addr()?);
    tokio::spawn(private.serve(|_, _| async { Ok(()) }));
    tokio::spawn(reload_on_hang_up(tls));
    // The proxy notices within four seconds that /readyz is 503. Clients reconnect over 20 s.
    let shutdown = Shutdown::within(Duration::from_secs(30))
        .drain_delay(Duration::from_secs(10))
        .jitter(Duration::from_secs(20));
    let mut terminate = signal(SignalKind::terminate())?;
    let stopped = async move { terminate.recv().await.unwrap_or_default() };
    let summary = server.serve_until(echo, stopped, shutdown).await?;
    tracing::info!(closed = summary.closed, cut = summary.cut, "shut down");
    Ok(())
}

/// What clients see.
async fn public_server(
    listen: &str,
    tls: &ReloadableTls,
    health: Health,
) -> Result<BoundServer, BoxError> {
    let config = ConnectionConfig::server()
        .limits(Limits::SERVER.max_message_len(64 << 10))
        .max_messages_per_second(100);
    // Those that may say who the client is. They have connections for all clients.
    let proxies = TrustedProxies::x_forwarded(["127.0.0.1/32".parse()?, "10.0.0.0/8".parse()?]);
    let builder = Server::builder()
        .path("/echo")
        .config(config)
        // Their total is limited to what the limit on file descriptors allows.
        .max_connections_per_address(100)
        .trusted_proxies(proxies)
        .tls(tls)
        .health(health);
    Ok(match listen {
        "systemd" => builder.listen_on(Listener::from_systemd()?),
        address => builder.bind(address).await?,
    })
}

/// What only operators reach: metrics and probes.
async fn private_server(
    listen: &str,
    health: Health,
    metrics: PrometheusHandle,
) -> io::Result<BoundServer> {
    let process = Collector::default();
    process.describe();
    let answer = move |request: &Request<()>| {
        (request.uri().path() == "/metrics").then(|| {
            process.collect();
            let mut response = Response::new(Bytes::from(metrics.render()));
            let text = HeaderValue::from_static("text/plain; version=0.0.4");
            response.headers_mut().insert(header::CONTENT_TYPE, text);
            response
        })
    };
    let builder = Server::builder().should_handle(|_| false).max_connections(None);
    builder.health(health).fallback(answer).bind(listen).await
}

fn record_metrics() -> Result<PrometheusHandle, BoxError> {
    let mut builder = PrometheusBuilder::new();
    for (name, buckets) in stats::BUCKETS {
        builder = builder.set_buckets_for_metric(Matcher::Full(name.to_owned()), buckets)?;
    }
    let metrics = builder.install_recorder()?;
    let kept = metrics.clone();
    tokio::spawn(async move {
        loop {
            tokio::time::sleep(Duration::from_secs(5)).await;
            // Sums up what was recorded, so that it takes no more memory while nobody asks.
            kept.run_upkeep();
        }
    });
    Ok(metrics)
}

async fn reload_on_hang_up(tls: ReloadableTls) -> io::Result<()> {
    let mut hang_up = signal(SignalKind::hangup())?;
    while hang_up.recv().await.is_some() {
        systemd::notify_reloading()?;
        // The outcome is logged. If it is a failure, the old certificate stays.
        let _logged = tls.reload();
        systemd::notify_ready()?;
    }
    Ok(())
}

async fn echo(mut ws: WebSocket, _request: Request<()>) -> Result<(), BoxError> {
    while let Some(message) = ws.recv().await? {
        ws.send(message).await?;
    }
    Ok(())
}
