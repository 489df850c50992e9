//! One connection made of many.

use std::{
    fmt,
    future::poll_fn,
    pin::{Pin, pin},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    task::{Context, Poll, ready},
};

use futures_core::Stream;
use tokio::sync::Notify;

use super::{Connections, Reconnect, queue::Queue};
use crate::{CloseCode, Error, Handle, Message, SendError, WebSocket, exclusive::Exclusive};

/// A connection that reconnects: messages are sent and received as if it had never been
/// interrupted.
///
/// It connects only while [`recv`](Self::recv) is awaited. Messages that are sent while there is no
/// connection are queued, up to a limit, and sent in order on the next one. Messages that were sent
/// on a connection that then failed may be lost, as on any connection.
///
/// ```no_run
/// # async fn example() -> Result<(), bowsprit::Error> {
/// let client = bowsprit::Client::new();
/// let mut ws = client
///     .reconnect("wss://example.com/feed")?
///     .on_open(|handle| async move { Ok(handle.send("subscribe news").await?) })
///     .on_event(|event| println!("{event}"))
///     .websocket();
/// let handle = ws.handle();
/// handle.try_send("hello")?;
/// while let Some(message) = ws.recv().await? {
///     println!("{message:?}");
/// }
/// # Ok(())
/// # }
/// ```
#[must_use]
pub struct ReconnectingWebSocket {
    connections: Connections,
    open: Option<WebSocket>,
    /// Sends what has waited for this connection.
    flush: Option<Exclusive<Pin<Box<dyn Future<Output = ()> + Send>>>>,
    shared: Arc<Shared>,
}

/// Sends on a [`ReconnectingWebSocket`], from any task.
///
/// ```no_run
/// use std::time::Duration;
/// use bowsprit::reconnect::ReconnectingWebSocket;
///
/// /// Sends the time once a minute, whenever there is a connection.
/// fn send_time(ws: &ReconnectingWebSocket) {
///     let handle = ws.handle();
///     tokio::spawn(async move {
///         loop {
///             tokio::time::sleep(Duration::from_secs(60)).await;
///             if handle.is_open() && handle.try_send("a minute has passed").is_err() {
///                 break;
///             }
///         }
///     });
/// }
/// ```
#[derive(Clone)]
pub struct ReconnectingHandle {
    shared: Arc<Shared>,
}

/// What comes next.
enum Step {
    Told,
    Gained(Box<WebSocket>),
    Received(Message),
    Lost,
    Over(Option<Error>),
}

struct Shared {
    link: Mutex<Connected>,
    told_to_close: Notify,
}

struct Connected {
    /// Set while messages can go to the connection without overtaking others.
    direct: Option<Handle>,
    queue: Queue,
    closed: bool,
}

impl ReconnectingWebSocket {
    pub(super) fn new(reconnect: Reconnect) -> Self {
        let queue = Queue::new(reconnect.max_queue_len, reconnect.overflow_policy);
        let link = Mutex::new(Connected { direct: None, queue, closed: false });
        let shared = Arc::new(Shared { link, told_to_close: Notify::new() });
        Self { connections: reconnect.connections(), open: None, flush: None, shared }
    }

    /// Returns a handle to send with.
    #[must_use]
    pub fn handle(&self) -> ReconnectingHandle {
        ReconnectingHandle { shared: Arc::clone(&self.shared) }
    }

    /// Receives the next message, reconnecting as often as necessary. Returns `None` after
    /// [`ReconnectingHandle::start_close`], or after the server has closed with 1000.
    ///
    /// # Errors
    ///
    /// The reason why the last attempt or connection has failed, if another attempt is pointless;
    /// after that, `None`.
    ///
    /// # Cancel safety
    ///
    /// Dropping the future loses nothing.
    pub async fn recv(&mut self) -> Result<Option<Message>, Error> {
        loop {
            if self.shared.lock().closed {
                return self.end().await;
            }
            let shared = Arc::clone(&self.shared);
            let mut told = pin!(shared.told_to_close.notified());
            let step = poll_fn(|cx| match told.as_mut().poll(cx) {
                Poll::Ready(()) => Poll::Ready(Step::Told),
                Poll::Pending => self.poll_step(cx),
            });
            match step.await {
                Step::Told => {}
                Step::Gained(ws) => self.gain(*ws),
                Step::Received(message) => return Ok(Some(message)),
                Step::Lost => self.lose(),
                Step::Over(None) => return Ok(None),
                Step::Over(Some(error)) => return Err(error),
            }
        }
    }

    fn poll_step(&mut self, cx: &mut Context<'_>) -> Poll<Step> {
        self.poll_flush(cx);
        let Some(ws) = &mut self.open else {
            let connected = ready!(Pin::new(&mut self.connections).poll_next(cx));
            return Poll::Ready(match connected {
                Some(Ok(ws)) => Step::Gained(Box::new(ws)),
                Some(Err(error)) => Step::Over(Some(error)),
                None => Step::Over(None),
            });
        };
        Pin::new(ws).poll_next(cx).map(|received| match received {
            Some(Ok(message)) => Step::Received(message),
            // The connection's end is looked at when the next one is asked for.
            Some(Err(_)) | None => Step::Lost,
        })
    }

    fn poll_flush(&mut self, cx: &mut Context<'_>) {
        if let Some(flush) = &mut self.flush
            && flush.get_mut().as_mut().poll(cx).is_ready()
        {
            self.flush = None;
        }
    }

    fn gain(&mut self, ws: WebSocket) {
        let (shared, handle) = (Arc::clone(&self.shared), ws.handle());
        let flush = Box::pin(async move { shared.flush(handle).await });
        self.flush = Some(Exclusive::new(flush));
        self.open = Some(ws);
    }

    fn lose(&mut self) {
        let mut link = self.shared.lock();
        link.direct = None;
        link.queue.not_sent();
        drop(link);
        self.flush = None;
        self.open = None;
    }

    /// The closing handshake, if there is somebody to have it with.
    async fn end(&mut self) -> Result<Option<Message>, Error> {
        if let Some(ws) = &mut self.open {
            let closed = ws.close(CloseCode::NORMAL).await;
            self.lose();
            closed?;
        }
        Ok(None)
    }
}

impl ReconnectingHandle {
    /// Sends a message on the current connection, or queues it for the next one.
    ///
    /// # Errors
    ///
    /// [`Error::QueueFull`] if the queue is full; the message was not queued. [`Error::Send`] after
    /// [`start_close`](Self::start_close).
    pub fn try_send(&self, message: impl Into<Message>) -> Result<(), Error> {
        let mut link = self.shared.lock();
        if link.closed {
            return Err(Error::Send(SendError::Closed));
        }
        let message = message.into();
        match &link.direct {
            None => link.queue.push(message),
            Some(handle) => match handle.try_send(message.clone()) {
                Err(error @ Error::QueueFull) => Err(error),
                // The connection has just ended, which `recv` will notice.
                Err(_) => link.queue.push(message),
                Ok(()) => Ok(()),
            },
        }
    }

    /// Closes the connection with 1000 and stops reconnecting: [`ReconnectingWebSocket::recv`]
    /// returns `None`. Queued messages are dropped.
    pub fn start_close(&self) {
        let handle = {
            let mut link = self.shared.lock();
            link.closed = true;
            link.direct.take()
        };
        self.shared.told_to_close.notify_one();
        if let Some(handle) = handle {
            // If that fails, the connection has ended by itself.
            let _ended = handle.start_close(CloseCode::NORMAL);
        }
    }

    /// Whether messages can be sent immediately: a connection is open and no earlier message is
    /// queued.
    #[must_use]
    pub fn is_open(&self) -> bool {
        self.shared.lock().direct.is_some()
    }
}

impl Shared {
    fn lock(&self) -> MutexGuard<'_, Connected> {
        self.link.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Sends what has waited. A message is taken out only when the connection has it.
    async fn flush(&self, handle: Handle) {
        while let Some(message) = self.next_waiting(&handle) {
            if handle.send(message).await.is_err() {
                return;
            }
            self.lock().queue.sent();
        }
    }

    /// The next message; without one, later ones may go to the connection at once.
    fn next_waiting(&self, handle: &Handle) -> Option<Message> {
        let mut link = self.lock();
        let next = link.queue.begin();
        if next.is_none() && !link.closed {
            link.direct = Some(handle.clone());
        }
        next
    }
}

impl fmt::Debug for ReconnectingWebSocket {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ReconnectingWebSocket").field("open", &self.open).finish_non_exhaustive()
    }
}

impl fmt::Debug for ReconnectingHandle {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ReconnectingHandle").field("open", &self.is_open()).finish()
    }
}
