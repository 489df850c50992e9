//! Connections that come back.

mod backoff;
mod event;
mod queue;
mod retry_cause;
mod websocket;

use std::{
    fmt,
    future::poll_fn,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll, ready},
};

use futures_core::Stream;
use tokio::time::{Instant, sleep};

pub use self::{
    backoff::Backoff,
    event::ReconnectEvent,
    queue::OverflowPolicy,
    retry_cause::RetryCause,
    websocket::{ReconnectingHandle, ReconnectingWebSocket},
};
use super::{Client, callback::Callback};
use crate::{
    BoxError, CloseCode, ConnectError, Error, Handle, WebSocket, conn::Link, error::EndReason,
    exclusive::Exclusive,
};

/// Options of a client that reconnects, from [`Client::reconnect`].
///
/// [`connections`](Self::connections) returns one connection after the other;
/// [`websocket`](Self::websocket) joins them into one.
///
/// Every attempt starts at the original URL. A redirect, even a permanent one (301, 308), applies
/// to one attempt only, so the server at that URL decides each time where connections go.
///
/// ```no_run
/// use std::time::Duration;
/// use bowsprit::{Client, reconnect::Backoff};
///
/// # async fn example() -> Result<(), bowsprit::Error> {
/// let mut ws = Client::new()
///     .reconnect("wss://example.com/feed")?
///     .backoff(Backoff::default().first(Duration::from_secs(1)))
///     .max_attempts(10)
///     .on_open(|handle| async move { Ok(handle.send("subscribe news").await?) })
///     .on_event(|event| eprintln!("{event}"))
///     .websocket();
/// # Ok(())
/// # }
/// ```
#[derive(Clone)]
#[must_use]
pub struct Reconnect {
    client: Client,
    url: Box<str>,
    backoff: Backoff,
    max_attempts: Option<u32>,
    retry: Arc<dyn Fn(&RetryCause) -> bool + Send + Sync>,
    watch: Arc<dyn Fn(&ReconnectEvent<'_>) + Send + Sync>,
    on_open: Option<Callback<Handle, Result<(), BoxError>>>,
    max_queue_len: usize,
    overflow_policy: OverflowPolicy,
}

impl Client {
    /// Connects to this URL again whenever a connection ends.
    ///
    /// # Errors
    ///
    /// The URL or an option of the client is invalid.
    pub fn reconnect(&self, url: &str) -> Result<Reconnect, ConnectError> {
        self.begin(url)?;
        Ok(Reconnect {
            client: self.clone(),
            url: url.into(),
            backoff: Backoff::default(),
            max_attempts: None,
            retry: Arc::new(RetryCause::is_retryable),
            watch: Arc::new(|_| ()),
            on_open: None,
            max_queue_len: self.shared_config.config.max_queue_len,
            overflow_policy: OverflowPolicy::default(),
        })
    }
}

impl Reconnect {
    /// How long to wait between attempts. Default: [`Backoff::default`].
    ///
    /// ```
    /// use std::time::Duration;
    /// use bowsprit::{Client, reconnect::Backoff};
    ///
    /// let backoff = Backoff::default().first(Duration::from_secs(1)).max(Duration::from_secs(20));
    /// let reconnect = Client::new().reconnect("wss://example.com/feed")?.backoff(backoff);
    /// # Ok::<(), bowsprit::Error>(())
    /// ```
    pub const fn backoff(mut self, backoff: Backoff) -> Self {
        self.backoff = backoff;
        self
    }

    /// Gives up after this many consecutive attempts without a stable connection in between.
    /// Default: never.
    pub const fn max_attempts(mut self, max: u32) -> Self {
        self.max_attempts = Some(max);
        self
    }

    /// Decides whether to try again. Default: [`RetryCause::is_retryable`].
    ///
    /// ```
    /// use bowsprit::{Client, CloseCode, reconnect::RetryCause};
    ///
    /// // Also after a close with 1000: this server means "come back later" by it.
    /// let reconnect = Client::new().reconnect("wss://example.com/feed")?;
    /// let reconnect = reconnect.retry_if(|cause| match cause {
    ///     RetryCause::Closed(close) if close.code == CloseCode::NORMAL => true,
    ///     cause => cause.is_retryable(),
    /// });
    /// # Ok::<(), bowsprit::Error>(())
    /// ```
    pub fn retry_if(mut self, retry: impl Fn(&RetryCause) -> bool + Send + Sync + 'static) -> Self {
        self.retry = Arc::new(retry);
        self
    }

    /// Called with every event, in the task that awaits connections or messages.
    ///
    /// ```
    /// use bowsprit::{Client, reconnect::ReconnectEvent};
    ///
    /// let reconnect = Client::new().reconnect("wss://example.com/feed")?;
    /// let reconnect = reconnect.on_event(|event| match event {
    ///     ReconnectEvent::Connecting => {}
    ///     event => eprintln!("feed: {event}"),
    /// });
    /// # Ok::<(), bowsprit::Error>(())
    /// ```
    pub fn on_event(mut self, watch: impl Fn(&ReconnectEvent<'_>) + Send + Sync + 'static) -> Self {
        self.watch = Arc::new(watch);
        self
    }

    /// Called with each new connection before it is returned, for example to subscribe again. An
    /// error makes it a failed attempt, [`ConnectError::Callback`].
    ///
    /// ```
    /// use bowsprit::Client;
    ///
    /// let reconnect = Client::new()
    ///     .reconnect("wss://example.com/feed")?
    ///     .on_open(|handle| async move { Ok(handle.send("subscribe news").await?) });
    /// # Ok::<(), bowsprit::Error>(())
    /// ```
    pub fn on_open<F>(mut self, callback: impl Fn(Handle) -> F + Send + Sync + 'static) -> Self
    where
        F: Future<Output = Result<(), BoxError>> + Send + 'static,
    {
        self.on_open = Some(Callback::new(callback));
        self
    }

    /// How many bytes a [`ReconnectingWebSocket`] queues while there is no connection; each message
    /// counts 64 bytes more than its length. Default:
    /// [`ConnectionConfig::max_queue_len`](crate::ConnectionConfig::max_queue_len).
    pub const fn max_queue_len(mut self, max: usize) -> Self {
        self.max_queue_len = max;
        self
    }

    /// What a [`ReconnectingWebSocket`] does with messages that exceed the queue. Default:
    /// [`OverflowPolicy::Refuse`].
    ///
    /// ```
    /// use bowsprit::{Client, reconnect::OverflowPolicy};
    ///
    /// let reconnect = Client::new()
    ///     .reconnect("wss://example.com/positions")?
    ///     .max_queue_len(64 * 1024)
    ///     .overflow_policy(OverflowPolicy::DropOldest);
    /// # Ok::<(), bowsprit::Error>(())
    /// ```
    pub const fn overflow_policy(mut self, policy: OverflowPolicy) -> Self {
        self.overflow_policy = policy;
        self
    }

    /// Returns the connections one by one.
    pub fn connections(self) -> Connections {
        let state = State { reconnect: self, attempts: 0, last: None, over: false };
        Connections { step: Step::Idle(Some(Box::new(state))) }
    }

    /// Returns one connection that reconnects.
    pub fn websocket(self) -> ReconnectingWebSocket {
        ReconnectingWebSocket::new(self)
    }

    async fn open(&self) -> Result<WebSocket, ConnectError> {
        (self.watch)(&ReconnectEvent::Connecting);
        let ws = self.client.connect(&self.url).await?;
        if let Some(callback) = &self.on_open {
            let called = callback.call(ws.handle()).await;
            called.map_err(|error| ConnectError::Callback(error.into()))?;
        }
        (self.watch)(&ReconnectEvent::Open);
        Ok(ws)
    }
}

impl fmt::Debug for Reconnect {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Reconnect")
            .field("client", &self.client)
            .field("backoff", &self.backoff)
            .finish_non_exhaustive()
    }
}

/// The connections of a client that reconnects, one after the other: an asynchronous iterator.
///
/// [`next`](Self::next) checks how the previous connection has ended, waits as [`Backoff`] says,
/// and connects. If another attempt is pointless, it returns an error once and then ends.
///
/// ```no_run
/// # async fn example() -> Result<(), bowsprit::Error> {
/// let client = bowsprit::Client::new();
/// let mut connections = client.reconnect("wss://example.com/feed")?.connections();
/// while let Some(ws) = connections.next().await {
///     let mut ws = ws?;
///     while let Ok(Some(message)) = ws.recv().await {
///         println!("{message:?}");
///     }
/// }
/// # Ok(())
/// # }
/// ```
#[must_use]
pub struct Connections {
    step: Step,
}

enum Step {
    Idle(Option<Box<State>>),
    Running(Exclusive<Pin<Box<dyn Future<Output = Next> + Send>>>),
}

/// What came of asking for the next connection.
struct Next {
    state: Box<State>,
    connection: Option<Result<WebSocket, Error>>,
}

struct State {
    reconnect: Reconnect,
    /// To connect again, in a row: without a stable connection between them.
    attempts: u32,
    /// The connection that was handed out last, and when.
    last: Option<(Arc<Link>, Instant)>,
    over: bool,
}

impl Connections {
    /// Opens the next connection. Returns `None` after an error, and after a close with which the
    /// server has finished.
    ///
    /// # Cancel safety
    ///
    /// Dropping the future loses nothing: the next call continues the attempt.
    pub async fn next(&mut self) -> Option<Result<WebSocket, Error>> {
        poll_fn(|cx| Pin::new(&mut *self).poll_next(cx)).await
    }
}

impl Stream for Connections {
    type Item = Result<WebSocket, Error>;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        loop {
            match &mut self.step {
                Step::Idle(state) => {
                    let Some(state) = state.take() else { return Poll::Ready(None) };
                    self.step = Step::Running(Exclusive::new(Box::pin(state.next())));
                }
                Step::Running(next) => {
                    let Next { state, connection } = ready!(next.get_mut().as_mut().poll(cx));
                    self.step = Step::Idle(Some(state));
                    return Poll::Ready(connection);
                }
            }
        }
    }
}

impl fmt::Debug for Connections {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Connections").finish_non_exhaustive()
    }
}

impl State {
    async fn next(mut self: Box<Self>) -> Next {
        let connection = self.connect().await;
        Next { state: self, connection }
    }

    async fn connect(&mut self) -> Option<Result<WebSocket, Error>> {
        if let Some((link, since)) = self.last.take() {
            let stable = since.elapsed() >= self.reconnect.backoff.stable_after;
            self.attempts = if stable { 0 } else { self.attempts };
            let cause = ending(&link);
            if !self.wait_or_give_up(&cause).await {
                return match cause {
                    RetryCause::Closed(close) if close.code == CloseCode::NORMAL => None,
                    RetryCause::Closed(close) => Some(Err(Error::Closed(close))),
                    RetryCause::Failed(error) => Some(Err(error.into())),
                    RetryCause::Broken(error) => Some(Err(error)),
                };
            }
        }
        while !self.over {
            match self.reconnect.open().await {
                Ok(ws) => {
                    self.last = Some((Arc::clone(ws.link()), Instant::now()));
                    return Some(Ok(ws));
                }
                Err(error) => {
                    let cause = RetryCause::Failed(error);
                    if !self.wait_or_give_up(&cause).await
                        && let RetryCause::Failed(error) = cause
                    {
                        return Some(Err(error.into()));
                    }
                }
            }
        }
        None
    }

    /// Waits for the next attempt; false if there shall be none.
    async fn wait_or_give_up(&mut self, cause: &RetryCause) -> bool {
        let reconnect = &self.reconnect;
        (reconnect.watch)(&ReconnectEvent::Lost(cause));
        self.attempts = self.attempts.saturating_add(1);
        let too_many = reconnect.max_attempts.is_some_and(|max| self.attempts > max);
        if too_many || !(reconnect.retry)(cause) {
            self.over = true;
            (reconnect.watch)(&ReconnectEvent::GivenUp);
            return false;
        }
        let wait = reconnect.backoff.wait(self.attempts, cause);
        (reconnect.watch)(&ReconnectEvent::Waiting(wait));
        sleep(wait).await;
        true
    }
}

/// How a connection has ended. One that was dropped while it was open has broken.
fn ending(link: &Link) -> RetryCause {
    match (link.peer_close(), link.cause()) {
        (Some(close), _) => RetryCause::Closed(close),
        (None, Some(EndReason::Terminated) | None) => RetryCause::Broken(Error::Disconnected),
        (None, Some(cause)) => RetryCause::Broken(cause.into()),
    }
}
