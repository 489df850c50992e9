//! Graceful shutdown: send close frames, wait, then cut what is left at the deadline.

use std::{
    future::{Future, poll_fn},
    pin::pin,
    task::Poll,
    time::Duration,
};

use http::Request;
use tokio::{
    task::coop::consume_budget,
    time::{Instant, sleep, timeout},
};

use super::{
    BoundServer, Server,
    output::HandlerOutput,
    phase::{Phase, wait_until},
};
use crate::{CloseCode, Error, Handle, WebSocket, entropy};

/// How long the tasks may take to write the last responses at the deadline.
const LAST_ANSWERS: Duration = Duration::from_secs(1);

/// How a server shuts down.
///
/// ```
/// use std::time::Duration;
/// use bowsprit::{Server, server::Shutdown};
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() {
/// let server = Server::builder().build();
/// let shutdown = Shutdown::within(Duration::from_secs(30)).jitter(Duration::from_secs(10));
/// let summary = server.shutdown(shutdown).await;
/// assert_eq!(summary.closed, 0, "there were no connections");
/// # }
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[must_use]
pub struct Shutdown {
    drain_delay: Duration,
    deadline: Duration,
    jitter: Duration,
}

/// What became of the connections of a server that has shut down.
///
/// ```no_run
/// use bowsprit::server::{BoundServer, Shutdown};
///
/// # async fn example(listening: BoundServer) -> Result<(), bowsprit::Error> {
/// let server = listening.server();
/// tokio::spawn(listening.run());
/// tokio::signal::ctrl_c().await?;
/// let summary = server.shutdown(Shutdown::default()).await;
/// println!("{} closed in time, {} were cut", summary.closed, summary.cut);
/// # Ok(())
/// # }
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct ShutdownSummary {
    /// Connections that ended before the deadline.
    pub closed: usize,
    /// Connections and opening handshakes that were cut at the deadline.
    pub cut: usize,
}

impl Default for Shutdown {
    /// A deadline of 10 s and no jitter.
    fn default() -> Self {
        Self::within(Duration::from_secs(10))
    }
}

impl Shutdown {
    /// Cuts the connections that are still open after this time.
    pub const fn within(deadline: Duration) -> Self {
        Self { drain_delay: Duration::ZERO, deadline, jitter: Duration::ZERO }
    }

    /// Waits this long before anything else, while [`Health`](crate::server::Health) reports that
    /// the server is not ready and everything still works. Load balancers need the time to notice,
    /// so that no client is sent to a listener that has been closed: somewhat longer than the
    /// interval of their probes times the number of failures that they wait for. The deadline
    /// counts from the end of the delay. Default: none.
    pub const fn drain_delay(mut self, delay: Duration) -> Self {
        self.drain_delay = delay;
        self
    }

    /// Spreads the close frames randomly over this time, so that clients do not all reconnect at
    /// once. Never longer than the deadline. Default: none.
    pub const fn jitter(mut self, jitter: Duration) -> Self {
        self.jitter = jitter;
        self
    }

    /// When to send the close frame to one of the clients.
    fn delay(&self) -> Duration {
        let share = f64::from(u32::from_be_bytes(entropy::random())) / f64::from(u32::MAX);
        let longest = self.jitter.min(self.deadline);
        // Cap a jitter that is too long to compute with.
        Duration::try_from_secs_f64(longest.as_secs_f64() * share).unwrap_or(longest)
    }
}

impl Server {
    /// Shuts down gracefully: waits for the [`drain_delay`](Shutdown::drain_delay), answers further
    /// requests with 503, queues a close frame with 1001 on each connection behind the messages
    /// already queued, waits until all connections have ended, and cuts the rest at the deadline.
    ///
    /// Opening handshakes in progress have the same deadline. Requests that
    /// [`authorize`](crate::server::ServerBuilder::authorize) rejects get its response; requests
    /// that it accepts are answered 503. At the deadline, requests without a response are answered
    /// 503 as well, for which up to a second more is allowed. Connections on which no request has
    /// begun are closed at once. An [`Upgrade`](crate::server::Upgrade) is waited for until it is
    /// dropped or attached; an attached one is then closed.
    ///
    /// To a handler this looks like any other close: sending fails, and `recv` returns `None` once
    /// the client has answered. A handler that needs to know earlier can wait for
    /// [`shutdown_started`](Self::shutdown_started). Handler tasks may still be running when this
    /// returns.
    ///
    /// A listening server is shut down by [`BoundServer::serve_until`], which closes its listeners
    /// first. A server cannot be restarted after a shutdown.
    ///
    /// # Cancel safety
    ///
    /// If the future is dropped early, further requests are still rejected, but connections that
    /// have not been closed or cut yet stay open. If it is dropped during the
    /// [`drain_delay`](Shutdown::drain_delay), requests are still accepted; that the server is not
    /// ready stays so.
    pub async fn shutdown(&self, shutdown: Shutdown) -> ShutdownSummary {
        self.drain(shutdown).await;
        self.close_all(shutdown).await
    }

    /// Announces the shutdown, and gives those who listen to it time.
    async fn drain(&self, shutdown: Shutdown) {
        if let Some(health) = &self.shared.health {
            health.leave();
        }
        #[cfg(all(feature = "systemd", target_os = "linux"))]
        self.shared.systemd.on_shutdown();
        if !shutdown.drain_delay.is_zero() {
            sleep(shutdown.drain_delay).await;
        }
    }

    /// Waits for the signal and then for the end of the delay.
    async fn drained(&self, signal: impl Future<Output = ()>, shutdown: Shutdown) {
        signal.await;
        self.drain(shutdown).await;
    }

    async fn close_all(&self, shutdown: Shutdown) -> ShutdownSummary {
        let registry = &self.shared.registry;
        registry.phases.advance_to(Phase::Closing);
        let before = registry.departed();
        let in_time = timeout(shutdown.deadline, self.empty(shutdown)).await;
        let closed = registry.departed() - before;
        let mut cut = 0;
        if in_time.is_err() {
            registry.phases.advance_to(Phase::Cutting);
            cut += registry.handshakes();
            for client in self.clients() {
                client.terminate();
                cut += 1;
            }
            let answered = wait_until(&registry.left, || registry.handshakes() == 0);
            let _late = timeout(LAST_ANSWERS, answered).await;
        }
        ShutdownSummary { closed, cut }
    }

    /// Waits until the server begins to shut down. Completes immediately if it already has.
    ///
    /// # Cancel safety
    ///
    /// Dropping the future changes nothing.
    pub async fn shutdown_started(&self) {
        self.shared.registry.phases.until_closing().await;
    }

    /// Sends the close frames and waits until all connections have ended.
    async fn empty(&self, shutdown: Shutdown) {
        let registry = &self.shared.registry;
        let mut sending = pin!(self.send_closes(shutdown));
        // In this order: the connection of a handshake is counted before the handshake ends.
        let all_gone = || registry.handshakes() == 0 && registry.len() == 0;
        let mut gone = pin!(wait_until(&registry.left, all_gone));
        let mut sent = false;
        poll_fn(|cx| {
            sent = sent || sending.as_mut().poll(cx).is_ready();
            gone.as_mut().poll(cx)
        })
        .await;
    }

    /// Sends the close frames.
    async fn send_closes(&self, shutdown: Shutdown) {
        let begun = Instant::now();
        let mut clients: Vec<(Duration, Handle)> =
            self.clients().map(|client| (shutdown.delay(), client)).collect();
        clients.sort_unstable_by_key(|(delay, _)| *delay);
        for (delay, client) in clients {
            let wait = delay.saturating_sub(begun.elapsed());
            // However short a sleep is, it takes a millisecond.
            if wait.is_zero() {
                consume_budget().await
            } else {
                sleep(wait).await
            }
            // A connection that is already closing needs no other close frame.
            let _closing = client.start_close(CloseCode::GOING_AWAY);
        }
    }
}

impl BoundServer {
    /// [Serves](Self::serve) until `signal` completes and for the
    /// [`drain_delay`](Shutdown::drain_delay) after it, then closes the listeners and [shuts
    /// down](Server::shutdown).
    ///
    /// ```no_run
    /// # async fn example() -> Result<(), bowsprit::Error> {
    /// use std::time::Duration;
    /// use bowsprit::{Server, server::Shutdown};
    ///
    /// # async fn signal() {}
    /// let server = Server::builder().bind("127.0.0.1:8080").await?;
    /// let echo = |mut ws: bowsprit::WebSocket, _| async move {
    ///     while let Some(message) = ws.recv().await? {
    ///         ws.send(message).await?;
    ///     }
    ///     Ok(())
    /// };
    /// let shutdown = Shutdown::within(Duration::from_secs(20)).jitter(Duration::from_secs(10));
    /// let summary = server.serve_until(echo, signal(), shutdown).await?;
    /// println!("{} have gone, {} were cut", summary.closed, summary.cut);
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    ///
    /// As [`serve`](Self::serve).
    ///
    /// # Cancel safety
    ///
    /// As [`serve`](Self::serve); during the shutdown, as [`Server::shutdown`].
    pub async fn serve_until<H, F>(
        self,
        handler: H,
        signal: impl Future<Output = ()>,
        shutdown: Shutdown,
    ) -> Result<ShutdownSummary, Error>
    where
        H: Fn(WebSocket, Request<()>) -> F + Send + Sync + 'static,
        F: Future<Output: HandlerOutput> + Send + 'static,
    {
        let server = self.server();
        until(server.drained(signal, shutdown), self.serve(handler)).await?;
        Ok(server.close_all(shutdown).await)
    }

    /// Like [`serve_until`](Self::serve_until), for servers whose routes all have handlers; see
    /// [`run`](Self::run).
    ///
    /// # Errors
    ///
    /// As [`run`](Self::run).
    ///
    /// # Cancel safety
    ///
    /// As [`serve_until`](Self::serve_until).
    pub async fn run_until(
        self,
        signal: impl Future<Output = ()>,
        shutdown: Shutdown,
    ) -> Result<ShutdownSummary, Error> {
        let server = self.server();
        until(server.drained(signal, shutdown), self.run()).await?;
        Ok(server.close_all(shutdown).await)
    }
}

/// Serves until the signal completes, then closes the listeners.
async fn until(
    signal: impl Future<Output = ()>,
    serving: impl Future<Output = Result<(), Error>>,
) -> Result<(), Error> {
    let (mut signal, mut serving) = (pin!(signal), pin!(serving));
    poll_fn(|cx| match signal.as_mut().poll(cx) {
        Poll::Ready(()) => Poll::Ready(Ok(())),
        Poll::Pending => serving.as_mut().poll(cx),
    })
    .await
}
