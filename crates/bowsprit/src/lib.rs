//! WebSocket client and server for tokio: simple to use, fast, thoroughly tested.
//!
//! # Client
//!
//! ```no_run
//! # async fn example() -> Result<(), bowsprit::Error> {
//! let mut ws = bowsprit::connect("ws://127.0.0.1:8080/echo").await?;
//! ws.send("hello").await?;
//! println!("{:?}", ws.recv().await?);
//! ws.close(bowsprit::CloseCode::NORMAL).await?;
//! # Ok(())
//! # }
//! ```
//!
//! # Server
//!
//! ```no_run
//! use bowsprit::Server;
//!
//! # async fn example() -> Result<(), bowsprit::Error> {
//! let server = Server::builder().path("/echo").bind("127.0.0.1:8080").await?;
//! server
//!     .serve(|mut ws, _request| async move {
//!         while let Some(message) = ws.recv().await? {
//!             ws.send(message).await?;
//!         }
//!         Ok(())
//!     })
//!     .await?;
//! # Ok(())
//! # }
//! ```
//!
//! # Where to look
//!
//! | to do | look at |
//! |---|---|
//! | set header fields, subprotocols, limits, time-outs of a client | [`Client`] |
//! | connect through a proxy | [`client::Proxy`] |
//! | stay connected | [`reconnect`] |
//! | use a client without a runtime | [`blocking`] |
//! | set up a server: paths, origins, authorization, limits | [`server::ServerBuilder`] |
//! | take connections from another HTTP server | [`Server::upgrade`], the modules `axum` and `tower` |
//! | accept a connection over any transport | [`Server::accept`] |
//! | encrypt connections, renew certificates | [`tls`] |
//! | send from any task | [`Handle`] |
//! | send and receive in two tasks | [`WebSocket::split`] |
//! | send one message to many connections | [`Server::broadcast`], [`Topics`], [`PreparedMessage`] |
//! | know who comes and goes, and which rooms they leave | `on_connect` and `on_disconnect` of [`server::ServerBuilder`], [`Topics::of`] |
//! | receive without copying, or in chunks | [`WebSocket::next_event`], [`WebSocket::next_chunk`] |
//! | read and write bytes | [`WebSocket::into_io`] |
//! | compress messages | [`deflate`] |
//! | set limits, heartbeats and time-outs of connections | [`config`] |
//! | shut a server down gracefully | [`server::BoundServer::serve_until`], [`Server::shutdown`] |
//! | count connections and messages | [`stats`] |
//! | test without a network | [`testing`] |
//!
//! # Features
//!
//! | feature | default | what it adds |
//! |---|---|---|
//! | `client` | yes | [`connect`], [`Client`] |
//! | `server` | yes | [`Server`] |
//! | `proxy` | yes | HTTP and SOCKS proxies, including those of the environment |
//! | `tls` | yes | `wss:` URLs and `ServerBuilder::tls`, by rustls; needs one of the next two, or a provider that the program installs |
//! | `rustls-aws-lc-rs` | yes | cryptography by AWS-LC; preferred if both are enabled |
//! | `rustls-ring` | no | cryptography by ring |
//! | `rustls-webpki-roots` | no | `TlsClientConfig::webpki_roots`: Mozilla's root certificates, compiled in |
//! | `native-tls` | no | `TlsConnector::native`: the system's TLS library, for clients |
//! | `idna` | no | non-ASCII host names in URLs |
//! | `json` | no | `send_json` and `Message::json`, by serde |
//! | `proxy-protocol` | no | `Listener::proxy_protocol`: client addresses from the PROXY protocol |
//! | `systemd` | no | `Listener::from_systemd`, `BoundServer::notify_systemd`, the module `server::systemd`; on Linux |
//! | `http2` | no | extended CONNECT (RFC 8441) in [`Server::upgrade`] and [`Server::upgrade_async`], as hyper reads it; included in the next two |
//! | `tower` | no | `tower::WebSocketLayer`, for any tower service |
//! | `axum` | no | `axum::WebSocketUpgrade`, an extractor |
//! | `metrics` | no | [`stats`] for a recorder of the crate `metrics` |
//! | `zlib` | no | `deflate::Backend::Zlib`: compression by zlib, slower than zlib-rs, with contexts as small as 10 kB |
//!
//! The protocol itself is in the crate `bowsprit-proto`, which has no I/O.
//!
//! # Errors
//!
//! `connect` fails with a [`ConnectError`], `accept` with an [`AcceptError`], an open connection
//! with an [`Error`]. `?` converts the first two into the third, and each into the
//! [`std::io::Error`] of the closest kind:
//!
//! ```no_run
//! use bowsprit::{ConnectError, Error, WebSocket};
//!
//! # async fn refresh_token() -> std::io::Result<()> { Ok(()) }
//! async fn feed(url: &str) -> Result<WebSocket, Error> {
//!     match bowsprit::connect(url).await {
//!         Err(ConnectError::Rejected(response)) if response.status() == 401 => {
//!             refresh_token().await?;
//!             Ok(bowsprit::connect(url).await?)
//!         }
//!         connected => Ok(connected?),
//!     }
//! }
//! ```
//!
//! # Metrics
//!
//! [`Server::stats`] and [`Client::stats`] return snapshots of counters. With the feature `metrics`
//! the global recorder of the crate [`metrics`](https://docs.rs/metrics) gets the same; install it
//! before creating servers and clients. All metrics have the label `role`, which is `server` or
//! `client`:
//!
//! | name | kind, unit | further labels | in [`Stats`](stats::Stats) |
//! |---|---|---|---|
//! | `bowsprit_connections` | gauge | | `connections` |
//! | `bowsprit_handshakes_total` | counter | `status`: 101, the status of a rejection, `failed`, `timed_out`, `plain` | `handshakes` |
//! | `bowsprit_connection_seconds` | histogram, seconds, of connections that have ended | | |
//! | `bowsprit_handshake_seconds` | histogram, seconds, of handshakes that were answered | | |
//! | `bowsprit_ping_rtt_seconds` | histogram, seconds, of heartbeats and `measure_round_trip` | | |
//! | `bowsprit_closes_total` | counter | `by` (`peer`, `us`, `protocol_error`, `heartbeat`, `idle`, `write_stall`, `close_timeout`, `disconnected`, `terminated`, `io`), `code` (`3xxx` and `4xxx` are classes) | `closes` |
//! | `bowsprit_messages_total` | counter | `dir` (`received`, `sent`), `kind` (`text`, `binary`, `ping`, `pong`) | `received`, `sent` |
//! | `bowsprit_payload_bytes_total` | counter, bytes, not compressed | `dir` | `received`, `sent` |
//! | `bowsprit_wire_bytes_total` | counter, bytes, before TLS | `dir` | `received`, `sent` |
//! | `bowsprit_dropped_total` | counter, publications | `policy` (`wait`, `drop_newest`, `drop_oldest`, `keep_latest`, `closed`) | `dropped` |
//! | `bowsprit_slow_closes_total` | counter | | `slow_closes` |
//!
//! `stats::BUCKETS` has buckets for the histograms. `plain` includes probes of a
//! [`server::Health`].
//!
//! # Tracing
//!
//! | span or event | level | fields |
//! |---|---|---|
//! | span `connection`, a root, in which the handler runs | debug | `id`, `peer`, `path`, `role` |
//! | span `opening handshake` | debug | `role`, `peer`, `host`, `path`, `status`, `outcome` |
//! | a connection was opened; it has ended | debug | `extensions`; `by`, `code` |
//! | a WebSocket request or a host was rejected: at most one event per status in 10 s | info | `status`, `path`, `reason`, `skipped` |
//! | a TLS handshake failed: at most one event in 10 s | info | `peer`, `error`, `skipped` |
//! | any other request was rejected, redirected, or failed | debug | `status`, `path`, `reason`; `error` |
//! | a publication was dropped for a slow consumer, or the consumer was closed | debug | `policy`; `code` |
//! | a message was sent or received | trace | lengths in memory and on the wire |
//! | TLS files were reloaded | info | the message names them |
//! | TLS files were not reloaded: at most one event for each change of the files, and one per call | warn | `error` |
//! | a listening server starts: how many connections it takes | info | `max_connections`, `descriptors` |
//! | a handler failed | warn | `error` |
//! | connections cannot be accepted: at most one event in 10 s | warn | `error` or `descriptors`, `skipped` |
//! | the application passed something invalid | error | |
//!
//! Payloads, close reasons, queries, and values of header fields are not recorded at any level.
//! Errors of handlers are recorded unchanged.

#![cfg_attr(docsrs, feature(doc_cfg))]
#![cfg_attr(
    not(any(feature = "client", feature = "server")),
    allow(dead_code, reason = "without client and server nothing opens a connection")
)]

#[cfg(feature = "client")]
pub mod blocking;
#[cfg(feature = "client")]
pub mod client;
pub mod config;
mod conn;
#[cfg(any(feature = "client", feature = "server"))]
mod deadline;
pub mod deflate;
mod entropy;
pub mod error;
#[cfg(feature = "client")]
mod exclusive;
mod halves;
mod handle;
#[cfg(any(feature = "client", feature = "server"))]
mod head;
mod hub;
#[cfg(feature = "json")]
mod json;
pub mod message;
mod outgoing;
mod park;
mod pool;
mod prepared;
mod redacted;
#[cfg(feature = "server")]
pub mod server;
mod shared_config;
mod sink;
pub mod stats;
mod stream;
#[cfg(any(feature = "client", feature = "server"))]
mod tcp;
#[cfg(all(feature = "client", feature = "server"))]
pub mod testing;
#[cfg(any(feature = "client", feature = "tls"))]
pub mod tls;
pub mod topics;
mod trace;
pub mod transport;
mod try_recv;
mod websocket;

pub use bowsprit_proto::{Close, CloseCode, Event, Message, State, Utf8Bytes, deflate::Deflate};
pub use bytes::Bytes;
#[cfg(feature = "client")]
#[doc(inline)]
pub use client::{Client, connect};
#[doc(inline)]
pub use config::ConnectionConfig;
#[cfg(feature = "server")]
#[doc(inline)]
pub use error::AcceptError;
#[cfg(feature = "client")]
#[doc(inline)]
pub use error::ConnectError;
#[doc(inline)]
pub use error::Error;
pub use halves::{ReceiveHalf, SendHalf};
pub use handle::Handle;
#[doc(no_inline)]
pub use http;
pub use hub::Topics;
pub use prepared::PreparedMessage;
#[cfg(feature = "server")]
#[doc(inline)]
pub use server::Server;
pub use stream::ByteStream;
pub use websocket::WebSocket;

// Shorter paths within the crate.
#[cfg(feature = "client")]
pub(crate) use bowsprit_proto::InvalidUrl;
pub(crate) use bowsprit_proto::{
    Chunk, Fragment, Limits, MessageKind, Output, Progress, ProtocolError, ReceiveBuffer, Receiver,
    Role, SendError, Sender, Url,
    handshake::{HandshakeError, Negotiated},
    queue::SlowConsumerPolicy,
};
#[cfg(any(feature = "client", feature = "server", feature = "tls", feature = "native-tls"))]
pub(crate) use error::BoxError;
pub(crate) use error::{TimeoutKind, TryRecvError};
#[cfg(feature = "server")]
pub(crate) use hub::Publication;
pub(crate) use outgoing::Outgoing;
#[cfg(any(feature = "client", feature = "server"))]
pub(crate) use tcp::TcpOptions;
#[cfg(any(feature = "client", feature = "server"))]
pub(crate) use transport::Transport;

/// WebSockets in [axum](https://docs.rs/axum). Needs the feature `axum`.
///
/// [`WebSocketUpgrade`](axum::WebSocketUpgrade) is an extractor for axum's handlers;
/// [`handler`](axum::handler) adapts WebSocket handlers with their own error type.
#[cfg(feature = "axum")]
pub mod axum {
    pub use crate::server::{axum::WebSocketUpgrade, output::upgrade_handler as handler};
}

/// Clients that connect again when a connection ends.
///
/// [`Client::reconnect`] returns a [`Reconnect`](reconnect::Reconnect), which has the options: the
/// [`Backoff`](reconnect::Backoff), when to give up, and callbacks that get each
/// [`ReconnectEvent`](reconnect::ReconnectEvent) and [`RetryCause`](reconnect::RetryCause). It
/// makes [`Connections`](reconnect::Connections), one after the other, or joins them into one
/// [`ReconnectingWebSocket`](reconnect::ReconnectingWebSocket):
///
/// ```no_run
/// # async fn example() -> Result<(), bowsprit::Error> {
/// let client = bowsprit::Client::new();
/// let mut ws = client.reconnect("wss://example.com/feed")?.websocket();
/// while let Some(message) = ws.recv().await? {
///     println!("{message:?}");
/// }
/// # Ok(())
/// # }
/// ```
#[cfg(feature = "client")]
pub mod reconnect {
    pub use crate::client::reconnect::{
        Backoff, Connections, OverflowPolicy, Reconnect, ReconnectEvent, ReconnectingHandle,
        ReconnectingWebSocket, RetryCause,
    };
}

/// WebSockets in front of a [tower](https://docs.rs/tower) service. Needs the feature `tower`.
///
/// [`WebSocketLayer`](tower::WebSocketLayer) answers WebSocket requests and passes all others on.
#[cfg(feature = "tower")]
pub mod tower {
    pub use crate::server::tower::{WebSocketLayer, WebSocketService};
}

/// Why bowsprit is like this.
#[doc = include_str!("../DESIGN.md")]
pub mod _design {}

/// The examples of the README and of the pages in `docs`, compiled.
#[cfg(doctest)]
mod pages {
    #[doc = include_str!("../../../README.md")]
    struct Readme;

    #[doc = include_str!("../README.md")]
    struct PackageReadme;

    #[doc = include_str!("../../../docs/topics/cancel-safety.md")]
    struct CancelSafety;

    #[doc = include_str!("../../../docs/client.md")]
    struct Client;

    #[doc = include_str!("../../../docs/compression.md")]
    struct Compression;

    #[cfg(all(feature = "proxy-protocol", feature = "systemd", target_os = "linux"))]
    #[doc = include_str!("../../../docs/deployment.md")]
    struct Deployment;

    #[cfg(feature = "axum")]
    #[doc = include_str!("../../../docs/from-axum.md")]
    struct FromAxum;

    #[doc = include_str!("../../../docs/from-tokio-tungstenite.md")]
    struct FromTokioTungstenite;

    #[doc = include_str!("../../../docs/from-ws.md")]
    struct FromWs;

    #[doc = include_str!("../../../docs/limits.md")]
    struct Limits;

    #[doc = include_str!("../../../docs/liveness.md")]
    struct Liveness;

    #[doc = include_str!("../../../docs/observability.md")]
    struct Observability;

    #[doc = include_str!("../../../docs/reconnecting.md")]
    struct Reconnecting;

    #[doc = include_str!("../../../docs/sending.md")]
    struct Sending;

    #[doc = include_str!("../../../docs/tls.md")]
    struct Tls;
}
