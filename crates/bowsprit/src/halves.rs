//! The two halves of a connection: [`ReceiveHalf`] and [`SendHalf`].

mod next;
mod polling;

use std::{
    fmt,
    future::{Future, poll_fn},
    sync::Arc,
    task::{Context, Poll},
};

use bowsprit_proto::queue::Origin;

use self::next::{Next, Receiving};
use bowsprit_proto::queue::WaitFor;

use crate::{
    Chunk, Close, Error, Event, Fragment, Handle, Message, Outgoing, SendError,
    conn::{Link, Reader, Sending, Want},
    error::EndReason,
};

/// The receiving half of a [`WebSocket`](crate::WebSocket).
///
/// Pings and the peer's close frame are answered while the application receives, and also while it
/// does not, up to the next message: see [`WebSocket`](crate::WebSocket#while-nobody-receives).
/// After it is dropped, or after [`discard_incoming`](Self::discard_incoming), messages are read
/// and discarded while the sending half stays usable.
pub struct ReceiveHalf {
    /// While the caller looks at what it has read; else it is in its place in the link.
    lent: Option<Box<Reader>>,
    link: Arc<Link>,
}

/// The sending half of a [`WebSocket`](crate::WebSocket).
///
/// Messages are not written immediately: everything that a task sends is written together when its
/// current poll has ended, which is at its next `await` that has to wait. [`flush`](Self::flush)
/// waits until the operating system has accepted everything. Call it before a long computation or
/// before blocking the thread, because nothing is written meanwhile.
///
/// A connection that never receives still answers pings: see
/// [`WebSocket`](crate::WebSocket#while-nobody-receives).
///
/// ```no_run
/// use bowsprit::{Error, WebSocket};
///
/// async fn count(ws: WebSocket) -> Result<(), Error> {
///     let (_receive, mut send) = ws.split();
///     for number in 0..1000 {
///         send.send(number.to_string()).await?;
///     }
///     send.flush().await
/// }
/// ```
pub struct SendHalf {
    link: Arc<Link>,
}

impl ReceiveHalf {
    pub(crate) fn new(reader: Reader) -> Self {
        let link = Arc::clone(reader.link());
        link.put_reader(Box::new(reader));
        Self { lent: None, link }
    }

    /// Receives the next message. `None` means that the connection was closed cleanly.
    ///
    /// If a message was begun with [`next_chunk`](Self::next_chunk), the rest of it is skipped.
    ///
    /// # Errors
    ///
    /// The connection has ended in any other way. The error is returned once, then `None`.
    ///
    /// # Cancel safety
    ///
    /// Dropping the future loses nothing.
    pub fn recv(&mut self) -> impl Future<Output = Result<Option<Message>, Error>> {
        Receiving::new(self, Self::poll_recv)
    }

    /// Receives the next message or control frame, borrowed from the read buffer, without
    /// allocating or copying.
    ///
    /// Pings and the close frame have already been answered. The close frame is followed by `None`.
    ///
    /// # Errors
    ///
    /// As [`recv`](Self::recv).
    ///
    /// # Cancel safety
    ///
    /// Dropping the future loses nothing.
    pub fn next_event(&mut self) -> impl Future<Output = Result<Option<Event<'_>>, Error>> {
        Next::new(self)
    }

    /// Receives the next chunk of a message as it arrives, so that no message is ever held as a
    /// whole.
    ///
    /// [`Limits`](crate::config::Limits) do not apply. Control frames are answered and skipped.
    ///
    /// # Errors
    ///
    /// As [`recv`](Self::recv).
    ///
    /// # Cancel safety
    ///
    /// Dropping the future loses nothing.
    pub async fn next_chunk(&mut self) -> Result<Option<Chunk<'_>>, Error> {
        let found = Receiving::new(self, Self::poll_chunk).await?;
        Ok(self.chunk().filter(|_| found))
    }

    /// The piece that [`poll_chunk`](Self::poll_chunk) has found.
    pub(crate) fn chunk(&self) -> Option<Chunk<'_>> {
        match self.event()? {
            Event::Chunk(chunk) => Some(chunk),
            _ => None,
        }
    }

    /// Closes the connection: sends a close frame and waits for the peer's, discarding messages
    /// that still arrive. The end of the transport is awaited in the background: see
    /// [`ConnectionConfig::linger_timeout`](crate::ConnectionConfig::linger_timeout).
    ///
    /// At most 1 MiB is discarded, plus the rest of a frame that the peer has begun (up to
    /// [`Limits::max_message_len`](crate::config::Limits::max_message_len)) and as much as was
    /// queued when the close frame was; beyond that the connection is cut. If more is expected,
    /// call [`SendHalf::start_close`] and receive until `None`.
    ///
    /// # Errors
    ///
    /// [`Error::Send`] if the code or reason is invalid. Otherwise as [`recv`](Self::recv); a peer
    /// that does not answer in time, or sends too much before it does, is [`Error::TimedOut`] with
    /// [`TimeoutKind::Close`](crate::error::TimeoutKind::Close).
    ///
    /// # Cancel safety
    ///
    /// Once the future has been polled, the close frame is queued. Call `close` or
    /// [`recv`](Self::recv) again to wait for the end.
    pub async fn close(&mut self, close: impl Into<Close<'_>>) -> Result<(), Error> {
        self.link.begin_close(&close.into())?;
        while Receiving::new(self, |half: &mut Self, cx: &mut Context<'_>| {
            half.poll_event(cx, Want::Nothing)
        })
        .await?
        {}
        Ok(())
    }

    /// Cuts the connection at once, without a close frame.
    pub fn terminate(&mut self) {
        match self.reader() {
            Some(reader) => reader.terminate(),
            None => self.link.fail(EndReason::Terminated),
        }
    }

    /// From now on, incoming messages are read and discarded. For connections that only send.
    ///
    /// This happens in the background, without further calls: pings and the peer's close frame are
    /// answered, and the end of the connection is detected whatever the peer sends before it.
    /// Receive calls only wait for the end. It cannot be undone.
    ///
    /// ```no_run
    /// # async fn example(mut ws: bowsprit::WebSocket) -> Result<(), bowsprit::Error> {
    /// ws.discard_incoming();
    /// loop {
    ///     ws.send("tick").await?;
    ///     tokio::time::sleep(std::time::Duration::from_secs(1)).await;
    /// }
    /// # }
    /// ```
    pub fn discard_incoming(&mut self) {
        if let Some(reader) = self.reader() {
            reader.discard_incoming();
        }
        self.give_back();
        self.link.discard_incoming();
    }

    /// The peer's close frame, once it was received.
    #[must_use]
    pub fn peer_close(&self) -> Option<Close<'static>> {
        self.link.peer_close()
    }

    /// Waits for the end of the connection. See [`Handle::closed`](crate::Handle::closed).
    ///
    /// # Errors
    ///
    /// The connection has ended in any other way than by a close frame.
    ///
    /// # Cancel safety
    ///
    /// Dropping the future changes nothing.
    pub fn closed(&self) -> impl Future<Output = Result<Option<Close<'static>>, Error>> {
        self.link.closed()
    }

    /// Returns a [`Handle`] of the connection.
    #[must_use]
    pub fn handle(&self) -> Handle {
        Handle::new(Arc::clone(&self.link))
    }

    pub(crate) const fn link(&self) -> &Arc<Link> {
        &self.link
    }
}

impl Drop for ReceiveHalf {
    fn drop(&mut self) {
        if let Some(reader) = self.reader() {
            // What was received is counted before the end is.
            reader.end_burst();
        }
        self.give_back();
        self.link.on_unwanted();
        self.link.drop_half();
    }
}

impl fmt::Debug for ReceiveHalf {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("ReceiveHalf").field(&self.link).finish()
    }
}

impl SendHalf {
    pub(crate) const fn new(link: Arc<Link>) -> Self {
        Self { link }
    }

    /// Sends a message: `&str`, `String`, `&[u8]`, `Vec<u8>`, [`Bytes`](bytes::Bytes) or
    /// [`Message`].
    ///
    /// Waits while more than
    /// [`ConnectionConfig::high_water_mark`](crate::ConnectionConfig::high_water_mark) bytes are
    /// queued, then queues the message. When the task's current poll has ended, a task of the
    /// connection's runtime writes it together with everything else that is queued. A
    /// current-thread runtime that is driven for this call alone, as by
    /// `rt.block_on(send.send(…))`, does not get to run that task; then also [`flush`](Self::flush)
    /// in the same call.
    ///
    /// # Errors
    ///
    /// [`Error::Send`] after a close frame or inside a fragmented message; otherwise the reason why
    /// the connection has ended, which may affect messages that were sent before. While the
    /// application does not receive, an unread message may hide that the peer has disconnected: see
    /// [`WebSocket`](crate::WebSocket#while-nobody-receives).
    ///
    /// # Cancel safety
    ///
    /// If the future is dropped before it is ready, nothing has been sent. A message is sent whole
    /// or not at all.
    // No `async fn`: that would hold the message before and after its conversion, in every handler
    // that sends.
    pub fn send<'m>(
        &mut self,
        message: impl Into<Outgoing<'m>>,
    ) -> impl Future<Output = Result<(), Error>> {
        let mut sending = Sending::new(message);
        poll_fn(move |cx| sending.poll(&self.link, cx, Origin::Owner).map_err(Error::from))
    }

    /// Sends a fragment of a message; the one with `fin` ends it. Waits as [`send`](Self::send)
    /// does.
    ///
    /// Until the last fragment is sent, other messages wait or are rejected. If this half is
    /// dropped before, nobody can send the rest, so the connection is closed with 1011.
    ///
    /// # Errors
    ///
    /// As [`send`](Self::send), and if the fragment does not continue the message that was begun.
    ///
    /// # Cancel safety
    ///
    /// As [`send`](Self::send).
    pub async fn send_fragment(&mut self, fragment: Fragment<'_>) -> Result<(), Error> {
        Ok(poll_fn(|cx| self.link.poll_fragment(cx, fragment)).await?)
    }

    /// Sends a ping with at most 125 bytes. Never waits.
    ///
    /// # Errors
    ///
    /// As [`send`](Self::send), and if the payload is too long.
    pub fn ping(&mut self, payload: &[u8]) -> Result<(), Error> {
        Ok(self.link.send_ping(payload)?)
    }

    /// Sends a pong with at most 125 bytes. Never waits.
    ///
    /// Pings are answered automatically unless
    /// [`ConnectionConfig::auto_pong`](crate::ConnectionConfig::auto_pong) is off. An unsolicited
    /// pong serves as a unidirectional heartbeat, RFC 6455 §5.5.3.
    ///
    /// # Errors
    ///
    /// As [`ping`](Self::ping).
    pub fn pong(&mut self, payload: &[u8]) -> Result<(), Error> {
        Ok(self.link.send_pong(payload)?)
    }

    /// Waits until the operating system has taken everything that was sent.
    ///
    /// # Errors
    ///
    /// The reason why the connection has ended.
    ///
    /// # Cancel safety
    ///
    /// Dropping the future changes nothing: what is queued is written anyway.
    pub async fn flush(&mut self) -> Result<(), Error> {
        poll_fn(|cx| self.link.poll_flush(WaitFor::Sending, cx)).await
    }

    /// Sends a close frame, after which nothing more can be sent. The [`ReceiveHalf`] sees the
    /// peer's answer and the end. Never waits.
    ///
    /// # Errors
    ///
    /// [`Error::Send`] if the code or reason is invalid or a close frame was sent before; otherwise
    /// the reason why the connection has ended.
    pub fn start_close(&mut self, close: impl Into<Close<'static>>) -> Result<(), Error> {
        Ok(self.link.close(&close.into())?)
    }

    /// Waits for the end of the connection. See [`Handle::closed`](crate::Handle::closed).
    ///
    /// # Errors
    ///
    /// The connection has ended in any other way than by a close frame.
    ///
    /// # Cancel safety
    ///
    /// Dropping the future changes nothing.
    pub fn closed(&self) -> impl Future<Output = Result<Option<Close<'static>>, Error>> {
        self.link.closed()
    }

    /// How many bytes are queued to be written.
    #[must_use]
    pub fn queued_len(&self) -> usize {
        self.link.queued_len()
    }

    #[cfg(feature = "client")]
    pub(crate) fn peer_close(&self) -> Option<Close<'static>> {
        self.link.peer_close()
    }

    /// Returns a [`Handle`] of the connection.
    #[must_use]
    pub fn handle(&self) -> Handle {
        Handle::new(Arc::clone(&self.link))
    }

    pub(crate) fn poll_ready(&self, cx: &mut Context<'_>) -> Poll<Result<(), Error>> {
        self.link.poll_ready(cx).map_err(Error::from)
    }

    /// Queues without waiting, after `poll_ready`.
    pub(crate) fn start_send(&self, message: Message) -> Result<(), Error> {
        Ok(self.link.start_send(message)?)
    }

    pub(crate) fn poll_flush(&self, cx: &mut Context<'_>) -> Poll<Result<(), Error>> {
        self.link.poll_flush(WaitFor::Sending, cx)
    }

    /// Sends a close frame unless one was sent, and flushes.
    pub(crate) fn poll_close(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Error>> {
        self.close_unless_closed()?;
        self.poll_flush(cx)
    }

    /// Sends a close frame unless one was sent.
    pub(crate) fn close_unless_closed(&mut self) -> Result<(), Error> {
        match self.start_close(crate::CloseCode::NORMAL) {
            Err(Error::Send(SendError::Closed)) => Ok(()),
            closed => closed,
        }
    }
}

impl Drop for SendHalf {
    fn drop(&mut self) {
        self.link.drop_send_half();
    }
}

impl fmt::Debug for SendHalf {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("SendHalf").field(&self.link).finish()
    }
}
