//! Shutting down: everybody is told, then waited for, then cut.

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

/// How long the last answers may take at the deadline, which their tasks write.
const LAST_ANSWERS: Duration = Duration::from_secs(1);

/// How a server shuts down.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[must_use]
pub struct Shutdown {
    deadline: Duration,
    jitter: Duration,
}

/// Who was there when a server shut down.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct ShutdownSummary {
    /// Connections that have ended in time.
    pub closed: usize,
    /// Connections that were cut at the deadline, and opening handshakes.
    pub cut: usize,
}

impl Default for Shutdown {
    /// All at once, and 10 s for it.
    fn default() -> Self {
        Self::within(Duration::from_secs(10))
    }
}

impl Shutdown {
    /// Cuts what is still open after this long.
    pub const fn within(deadline: Duration) -> Self {
        Self { deadline, jitter: Duration::ZERO }
    }

    /// Tells the clients one after the other, at random within this time, so that they do not all
    /// come back at once. It ends with the deadline. Default: none.
    pub const fn jitter(mut self, jitter: Duration) -> Self {
        self.jitter = jitter;
        self
    }

    /// When to tell one of the clients.
    fn delay(&self) -> Duration {
        let share = f64::from(u32::from_be_bytes(entropy::random())) / f64::from(u32::MAX);
        let longest = self.jitter.min(self.deadline);
        // Ages beyond what a duration can be told in stay ages.
        Duration::try_from_secs_f64(longest.as_secs_f64() * share).unwrap_or(longest)
    }
}

impl Server {
    /// Shuts down: answers further requests with 503, sends a close frame with 1001 to everybody
    /// behind what is queued, waits until all have ended, and cuts the rest at the deadline.
    ///
    /// Opening handshakes that are under way have that time as well. What
    /// [`authorize`](crate::server::ServerBuilder::authorize) refuses is answered so, what it lets
    /// in is answered 503, and so is, at the deadline, what has no answer yet; for that up to a
    /// second more is waited. Connections on which no request has begun are closed at once. An
    /// [`Upgrade`](crate::server::Upgrade) is waited for until it is attached, and closed then, or
    /// dropped.
    ///
    /// Handlers see the end as any other: `recv` returns `None` when the client has answered, and
    /// sending fails. Those that want to know of it before can wait for
    /// [`shutdown_started`](Self::shutdown_started). Their tasks may still run when this returns.
    ///
    /// A server that listens is shut down by [`BoundServer::serve_until`], which closes its
    /// listeners first. This one does not come back.
    ///
    /// # Cancel safety
    ///
    /// Dropped before it is ready, further requests are refused, and those who have not been told
    /// or cut yet stay.
    pub async fn shutdown(&self, shutdown: Shutdown) -> ShutdownSummary {
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

    /// Waits until the server begins to shut down; ready at once if it has.
    ///
    /// # Cancel safety
    ///
    /// Dropping the future changes nothing.
    pub async fn shutdown_started(&self) {
        self.shared.registry.phases.until_closing().await;
    }

    /// Waits until all have gone, who are told to meanwhile.
    async fn empty(&self, shutdown: Shutdown) {
        let registry = &self.shared.registry;
        let mut sending = pin!(self.send_closes(shutdown));
        // In this order: what a handshake has opened is a connection before it is over.
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
            // Who is closing already needs no other close frame.
            let _closing = client.close(CloseCode::GOING_AWAY);
        }
    }
}

impl BoundServer {
    /// [Serves](Self::serve) until `signal` is ready, then closes the listeners and
    /// [shuts down](Server::shutdown).
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
    /// As [`serve`](Self::serve), and once it shuts down as [`Server::shutdown`].
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
        until(signal, self.serve(handler)).await?;
        Ok(server.shutdown(shutdown).await)
    }

    /// The same for servers whose routes all have handlers; see [`run`](Self::run).
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
        until(signal, self.run()).await?;
        Ok(server.shutdown(shutdown).await)
    }
}

/// Serves until the signal comes; the listeners are closed then.
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
