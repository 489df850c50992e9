//! Connections for programs without a runtime, such as scripts and tests.
//!
//! ```no_run
//! use std::time::Duration;
//!
//! # fn example() -> Result<(), bowsprit::Error> {
//! let mut ws = bowsprit::blocking::connect("ws://127.0.0.1:8080/echo")?;
//! ws.send("hello")?;
//! match ws.recv_timeout(Duration::from_secs(5)) {
//!     Ok(message) => println!("{message:?}"),
//!     Err(none) => println!("{none}"),
//! }
//! ws.close(1000)
//! # }
//! ```
//!
//! One thread of the process runs a tokio runtime for all these connections. It reads up to 1 MiB
//! of messages ahead of [`recv`](WebSocket::recv), so pings and the peer's close frame are answered
//! between calls; beyond that the peer has to wait, also for pongs.
//!
//! These functions panic in async code, which they would block.

use std::{
    future::pending,
    io,
    sync::{Arc, Mutex, PoisonError},
    thread,
    time::Duration,
};

use tokio::{
    runtime,
    sync::{
        OwnedSemaphorePermit, Semaphore,
        mpsc::{UnboundedReceiver, UnboundedSender, error, unbounded_channel},
    },
    task::JoinHandle,
    time::timeout,
};

use crate::{
    Client, Close, ConnectError, Error, Handle, Message, Outgoing, ReceiveHalf, SendError,
    SendHalf, TryRecvError,
};

/// How much is read before the program asks for it, in bytes.
const MAX_READ_AHEAD_LEN: u32 = 1 << 20;

/// What each message counts beside its bytes.
const MESSAGE_OVERHEAD_LEN: usize = 64;

/// Connects to a URL with the default options.
///
/// # Errors
///
/// As [`Client::connect`], and [`ConnectError::Io`] if the thread cannot be started.
///
/// # Panics
///
/// In async code.
pub fn connect(url: &str) -> Result<WebSocket, ConnectError> {
    open(crate::connect(url))
}

/// The same with the options of `client`.
///
/// # Errors
///
/// As [`connect`].
///
/// # Panics
///
/// In async code.
pub fn connect_with(client: &Client, url: &str) -> Result<WebSocket, ConnectError> {
    open(client.connect(url))
}

fn open(
    connecting: impl Future<Output = Result<crate::WebSocket, ConnectError>>,
) -> Result<WebSocket, ConnectError> {
    let runtime = shared_runtime()?;
    let (receive, send) = runtime.block_on(connecting)?.split();
    let (deliver, received) = unbounded_channel();
    let reader = runtime.spawn(read(receive, deliver));
    Ok(WebSocket { runtime, send, received, reader })
}

/// An open connection with blocking methods. Dropping it cuts the connection; see
/// [`close`](Self::close).
#[derive(Debug)]
pub struct WebSocket {
    runtime: runtime::Handle,
    send: SendHalf,
    received: UnboundedReceiver<Received>,
    reader: JoinHandle<()>,
}

/// A message, and its part of what may be read ahead.
type Received = Result<(Message, OwnedSemaphorePermit), Error>;

impl WebSocket {
    /// Sends a message, and waits until the operating system has accepted it.
    ///
    /// # Errors
    ///
    /// [`Error::Send`] after a close frame; otherwise the reason why the connection has ended.
    ///
    /// # Panics
    ///
    /// In async code.
    pub fn send<'m>(&mut self, message: impl Into<Outgoing<'m>>) -> Result<(), Error> {
        let message = message.into();
        self.runtime.block_on(async {
            self.send.send(message).await?;
            self.send.flush().await
        })
    }

    /// Waits for the next message. `None` means that the connection was closed cleanly.
    ///
    /// # Errors
    ///
    /// The connection has ended in any other way. The error is returned once, then `None`.
    ///
    /// # Panics
    ///
    /// In async code.
    pub fn recv(&mut self) -> Result<Option<Message>, Error> {
        let received = self.runtime.block_on(self.received.recv());
        match self.message(received) {
            Ok(message) => Ok(Some(message)),
            Err(TryRecvError::Error(error)) => Err(error),
            Err(_) => Ok(None),
        }
    }

    /// Waits for the next message, at most this long.
    ///
    /// # Errors
    ///
    /// [`TryRecvError::Empty`] if no message has arrived in time, otherwise as
    /// [`try_recv`](Self::try_recv).
    ///
    /// # Panics
    ///
    /// In async code.
    pub fn recv_timeout(&mut self, time: Duration) -> Result<Message, TryRecvError> {
        let receiving = async { timeout(time, self.received.recv()).await };
        match self.runtime.block_on(receiving) {
            Ok(received) => self.message(received),
            Err(_) => Err(TryRecvError::Empty),
        }
    }

    /// Returns the next message if it has already been received.
    ///
    /// # Errors
    ///
    /// There is no message: [`TryRecvError`] says why.
    pub fn try_recv(&mut self) -> Result<Message, TryRecvError> {
        match self.received.try_recv() {
            Ok(received) => self.message(Some(received)),
            Err(error::TryRecvError::Empty) => Err(TryRecvError::Empty),
            Err(error::TryRecvError::Disconnected) => Err(TryRecvError::Closed),
        }
    }

    /// Closes the connection: sends a close frame and waits for the peer's and for the end of the
    /// transport, discarding messages that still arrive.
    ///
    /// # Errors
    ///
    /// [`Error::Send`] if the code or reason is invalid; otherwise the reason why the connection
    /// has not ended cleanly.
    ///
    /// # Panics
    ///
    /// In async code.
    pub fn close<'r>(&mut self, close: impl Into<Close<'r>>) -> Result<(), Error> {
        match self.send.start_close(close.into().into_owned()) {
            Err(error @ Error::Send(_)) if !matches!(error, Error::Send(SendError::Closed)) => {
                return Err(error);
            }
            // If it has ended, how is told below.
            _ => {}
        }
        while self.recv()?.is_some() {}
        Ok(())
    }

    fn message(&mut self, received: Option<Received>) -> Result<Message, TryRecvError> {
        match received {
            Some(Ok((message, _))) => Ok(message),
            Some(Err(error)) => {
                // The reader may not have ended yet, but there is no more.
                self.received.close();
                Err(TryRecvError::Error(error))
            }
            None => Err(TryRecvError::Closed),
        }
    }

    /// The peer's close frame, once it was received.
    #[must_use]
    pub fn peer_close(&self) -> Option<Close<'static>> {
        self.send.peer_close()
    }

    /// Returns a handle that sends from any thread, by [`try_send`](Handle::try_send) or
    /// [`blocking_send`](Handle::blocking_send), and has the properties of the connection.
    #[must_use]
    pub fn handle(&self) -> Handle {
        self.send.handle()
    }
}

impl Drop for WebSocket {
    fn drop(&mut self) {
        self.reader.abort();
    }
}

/// Reads a connection to its end.
async fn read(mut receive: ReceiveHalf, deliver: UnboundedSender<Received>) {
    let room = Arc::new(Semaphore::new(MAX_READ_AHEAD_LEN as usize));
    while let Some(received) = receive.recv().await.transpose() {
        let received = match received {
            Ok(message) => take_room(&room, &message).await.map(|permit| (message, permit)),
            Err(error) => Err(error),
        };
        if deliver.send(received).is_err() {
            return;
        }
    }
}

/// Waits until so much of what was read before has been taken that there is room for this; a
/// message that is larger than all of it waits until there is nothing else.
async fn take_room(
    room: &Arc<Semaphore>,
    message: &Message,
) -> Result<OwnedSemaphorePermit, Error> {
    let len = u32::try_from(message.len() + MESSAGE_OVERHEAD_LEN).unwrap_or(u32::MAX);
    let permit = Arc::clone(room).acquire_many_owned(len.min(MAX_READ_AHEAD_LEN)).await;
    permit.map_err(|_| Error::Terminated)
}

/// The runtime of all connections, on a thread of its own, which is started for the first.
fn shared_runtime() -> io::Result<runtime::Handle> {
    static SHARED: Mutex<Option<runtime::Handle>> = Mutex::new(None);
    let mut shared = SHARED.lock().unwrap_or_else(PoisonError::into_inner);
    if let Some(runtime) = &*shared {
        return Ok(runtime.clone());
    }
    let runtime = runtime::Builder::new_current_thread().enable_all().build()?;
    let handle = runtime.handle().clone();
    let drive = move || runtime.block_on(pending::<()>());
    thread::Builder::new().name("bowsprit".into()).spawn(drive)?;
    Ok(shared.insert(handle).clone())
}
