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
    bowsprit::BoundServer,
    bowsprit::reconnect::ReconnectEvent<'static>,
    bowsprit::Chunk<'static>,
    bowsprit::Client,
    bowsprit::Clients,
    bowsprit::Close<'static>,
    bowsprit::CloseCode,
    bowsprit::stats::CloseCounts,
    bowsprit::reconnect::Connections,
    bowsprit::ContextTakeover,
    bowsprit::Deflate,
    bowsprit::Delivery,
    bowsprit::ShutdownSummary,
    bowsprit::client::Destination,
    bowsprit::Encrypted,
    Error,
    bowsprit::Event<'static>,
    bowsprit::Fragment<'static>,
    bowsprit::Handle,
    bowsprit::HandshakeError,
    bowsprit::stats::Handshakes,
    bowsprit::Heartbeat,
    bowsprit::HostPolicy,
    bowsprit::InvalidUrl,
    bowsprit::Keepalive,
    bowsprit::Limits,
    bowsprit::Listener,
    bowsprit::Message,
    bowsprit::ByteStream,
    bowsprit::MessageKind,
    bowsprit::ConnectionConfig,
    bowsprit::OriginMatcher,
    bowsprit::OriginPolicy,
    bowsprit::Outgoing<'static>,
    bowsprit::PeerAddr,
    bowsprit::PreparedMessage,
    bowsprit::ProtocolError,
    bowsprit::Publication,
    ReceiveHalf,
    bowsprit::reconnect::Reconnect,
    bowsprit::client::Redirect,
    bowsprit::error::RedirectError,
    bowsprit::Refusal,
    bowsprit::client::Rejected,
    bowsprit::Route,
    bowsprit::SendError,
    SendHalf,
    bowsprit::Server,
    bowsprit::ServerBuilder,
    bowsprit::reconnect::ReconnectingWebSocket,
    bowsprit::reconnect::ReconnectingHandle,
    bowsprit::reconnect::RetryCause,
    bowsprit::Shutdown,
    bowsprit::SlowConsumerPolicy,
    bowsprit::State,
    bowsprit::stats::Stats,
    bowsprit::Strategy,
    bowsprit::SubprotocolPolicy,
    bowsprit::TcpOptions,
    bowsprit::TimeoutKind,
    bowsprit::tls::TlsConnector,
    bowsprit::Topics,
    bowsprit::stats::TrafficCounts,
    bowsprit::TrustedProxies,
    bowsprit::TryRecvError,
    bowsprit::Upgrade,
    bowsprit::Url,
    bowsprit::UserInfo,
    bowsprit::Utf8Bytes,
    bowsprit::Version,
    WebSocket,
    bowsprit::reconnect::OverflowPolicy,
    bowsprit::WindowBits,
);
#[cfg(feature = "proxy")]
assert_auto_traits!(bowsprit::Proxy, bowsprit::error::ProxyError);
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
