//! What can be kept in a struct, borrowed by a task, and moved to another one: everything.

use std::{collections::HashMap, sync::Arc};

use bowsprit::{Error, ReceiveHalf, SendHalf, WebSocket};

use super::support::{pair, paused};

/// Expects types to be `Send`, `Sync` and `Unpin`.
macro_rules! assert_auto_traits {
    ($($name:ty),* $(,)?) => {
        const _: fn() = || {
            fn assert<T: Send + Sync + Unpin>() {}
            $(assert::<$name>();)*
        };
    };
}

assert_auto_traits!(
    bowsprit::blocking::WebSocket,
    bowsprit::server::BoundServer,
    bowsprit::reconnect::ReconnectEvent<'static>,
    bowsprit::message::Chunk<'static>,
    bowsprit::Client,
    bowsprit::server::Clients,
    bowsprit::Close<'static>,
    bowsprit::CloseCode,
    bowsprit::stats::CloseCounts,
    bowsprit::reconnect::Connections,
    bowsprit::deflate::ContextTakeover,
    bowsprit::Deflate,
    bowsprit::topics::Delivery,
    bowsprit::server::ShutdownSummary,
    bowsprit::client::Destination,
    bowsprit::server::Encrypted,
    Error,
    bowsprit::Event<'static>,
    bowsprit::message::Fragment<'static>,
    bowsprit::Handle,
    bowsprit::error::HandshakeError,
    bowsprit::stats::Handshakes,
    bowsprit::config::Heartbeat,
    bowsprit::server::HostPolicy,
    bowsprit::error::InvalidUrl,
    bowsprit::config::Keepalive,
    bowsprit::config::Limits,
    bowsprit::server::Listener,
    bowsprit::Message,
    bowsprit::ByteStream,
    bowsprit::message::MessageKind,
    bowsprit::ConnectionConfig,
    bowsprit::server::OriginMatcher,
    bowsprit::server::OriginPolicy,
    bowsprit::message::Outgoing<'static>,
    bowsprit::server::PeerAddr,
    bowsprit::PreparedMessage,
    bowsprit::error::ProtocolError,
    bowsprit::topics::Publication,
    ReceiveHalf,
    bowsprit::reconnect::Reconnect,
    bowsprit::client::Redirect,
    bowsprit::error::RedirectError,
    bowsprit::server::Rejection,
    bowsprit::client::Rejected,
    bowsprit::server::Route,
    bowsprit::error::SendError,
    SendHalf,
    bowsprit::Server,
    bowsprit::server::ServerBuilder,
    bowsprit::reconnect::ReconnectingWebSocket,
    bowsprit::reconnect::ReconnectingHandle,
    bowsprit::reconnect::RetryCause,
    bowsprit::server::Shutdown,
    bowsprit::topics::SlowConsumerPolicy,
    bowsprit::State,
    bowsprit::stats::Stats,
    bowsprit::deflate::Strategy,
    bowsprit::server::SubprotocolPolicy,
    bowsprit::config::TcpOptions,
    bowsprit::error::TimeoutKind,
    bowsprit::tls::TlsConnector,
    bowsprit::Topics,
    bowsprit::stats::TrafficCounts,
    bowsprit::server::TrustedProxies,
    bowsprit::error::TryRecvError,
    bowsprit::server::Upgrade,
    bowsprit::client::Url,
    bowsprit::client::UserInfo,
    bowsprit::Utf8Bytes,
    bowsprit::client::Version,
    WebSocket,
    bowsprit::reconnect::OverflowPolicy,
    bowsprit::deflate::WindowBits,
);
#[cfg(feature = "proxy")]
assert_auto_traits!(bowsprit::client::Proxy, bowsprit::error::ProxyError);
#[cfg(feature = "tls")]
assert_auto_traits!(
    bowsprit::tls::ClientCertificates,
    bowsprit::tls::PeerCertificates,
    bowsprit::tls::TlsServerConfig,
    bowsprit::tls::TlsClientConfig
);
#[cfg(feature = "tower")]
assert_auto_traits!(bowsprit::tower::WebSocketLayer, bowsprit::tower::WebSocketService<()>);
#[cfg(feature = "axum")]
assert_auto_traits!(bowsprit::axum::WebSocketUpgrade);

/// A connection beside other things, as services keep it.
struct Feed {
    ws: WebSocket,
    seen: HashMap<String, usize>,
}

impl Feed {
    /// Holds `&self` across an await.
    async fn audit(&self) -> usize {
        tokio::task::yield_now().await;
        self.seen.len() + self.ws.queued_len()
    }

    async fn run(mut self) -> Result<usize, Error> {
        while let Some(message) = self.ws.recv().await? {
            *self.seen.entry(message.as_text().unwrap_or_default().to_owned()).or_default() += 1;
            self.audit().await;
        }
        Ok(self.audit().await)
    }
}

#[test]
fn a_struct_with_a_connection_is_borrowed_across_awaits_in_a_spawned_task() {
    paused(async {
        let (ws, mut other) = pair().await;
        let feed = tokio::spawn(Feed { ws, seen: HashMap::new() }.run());
        for text in ["one", "two", "two"] {
            other.send(text).await.unwrap();
        }
        other.close(bowsprit::CloseCode::NORMAL).await.unwrap();
        assert_eq!(feed.await.unwrap().unwrap(), 2);
    });
}

#[test]
fn halves_are_shared_behind_an_arc() {
    async fn watch(halves: Arc<(ReceiveHalf, SendHalf)>) -> usize {
        tokio::task::yield_now().await;
        assert!(halves.0.peer_close().is_none());
        halves.1.queued_len()
    }
    paused(async {
        let (ws, _other) = pair().await;
        let halves = Arc::new(ws.split());
        let tasks = [tokio::spawn(watch(Arc::clone(&halves))), tokio::spawn(watch(halves))];
        for task in tasks {
            assert_eq!(task.await.unwrap(), 0);
        }
    });
}
