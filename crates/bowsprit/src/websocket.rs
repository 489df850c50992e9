//! An open connection.

mod established;

use std::{future::Future, net::SocketAddr, sync::Arc, time::Duration};

use bowsprit_proto::grammar::set_cookie;
use http::{HeaderMap, Response, header};

#[cfg(any(feature = "client", feature = "server"))]
pub(crate) use self::established::Established;
#[cfg(any(feature = "client", feature = "server"))]
use crate::conn::Link;
use crate::{
    Chunk, Close, Error, Event, Fragment, Handle, Message, Outgoing, ReceiveHalf, SendHalf, State,
    Url, trace,
};

/// An open WebSocket connection of a client or a server, over any transport.
///
/// ```no_run
/// # async fn example(mut ws: bowsprit::WebSocket) -> Result<(), bowsprit::Error> {
/// while let Some(message) = ws.recv().await? {
///     ws.send(message).await?;
/// }
/// # Ok(())
/// # }
/// ```
///
/// # How it is driven
///
/// Pings and the peer's close frame are answered while [`recv`](Self::recv) or another receiving
/// method is awaited. Sent messages are queued and written at the latest when the task's current
/// poll has ended, so a loop that answers many messages makes one write. A connection has no task
/// of its own; each runtime has one that writes and one for the timers.
///
/// # While nobody receives
///
/// If the application does not receive for a second, the runtime takes over: pings and the peer's
/// close frame are answered, a peer that has disconnected or died is detected, and
/// [`closed`](Self::closed) and [`send`](Self::send) report it. This continues up to the next
/// message, which stays unread for the next receive call. Behind an unread message only the end of
/// a socket (on Linux, without TLS) and a peer that accepts nothing are detected, so a connection
/// that only sends should call [`discard_incoming`](Self::discard_incoming).
///
/// Control frames that were handled this way do not appear as an [`Event`] later;
/// [`peer_close`](Self::peer_close) returns the close frame. With
/// [`ConnectionConfig::auto_pong`](crate::ConnectionConfig::auto_pong) off, where the application
/// answers pings, the runtime reads nothing in its place.
///
/// # How it ends
///
/// [`recv`](Self::recv) returns `None` after a clean close, whichever side began it;
/// [`peer_close`](Self::peer_close) then returns the peer's code and reason. Anything else is an
/// error. Dropping a `WebSocket` ends the connection without a close frame, after everything sent
/// has been written. That happens in the background, for at most
/// [`ConnectionConfig::close_timeout`](crate::ConnectionConfig::close_timeout) and only while the
/// runtime lives. Call [`close`](Self::close) to end a connection properly, or
/// [`terminate`](Self::terminate) to cut it.
///
/// In a handler under [`serve`](crate::server::BoundServer::serve) the connection is closed
/// properly when the handler returns.
#[derive(Debug)]
pub struct WebSocket {
    receive: ReceiveHalf,
    send: SendHalf,
}

impl trace::Path for WebSocket {
    fn path(&self) -> &str {
        self.path()
    }
}

/// Messages.
impl WebSocket {
    /// Receives the next message. `None` means that the connection was closed cleanly.
    ///
    /// # Errors
    ///
    /// The connection has ended in any other way. The error is returned once, then `None`.
    ///
    /// # Cancel safety
    ///
    /// Dropping the future loses nothing.
    pub fn recv(&mut self) -> impl Future<Output = Result<Option<Message>, Error>> {
        self.receive.recv()
    }

    /// Sends a message: `&str`, `String`, `&[u8]`, `Vec<u8>`, [`Bytes`](bytes::Bytes) or
    /// [`Message`]. See [`SendHalf::send`].
    ///
    /// # Errors
    ///
    /// [`Error::Send`] after a close frame or inside a fragmented message; otherwise the reason why
    /// the connection has ended, which may affect messages that were sent before.
    ///
    /// # Cancel safety
    ///
    /// If the future is dropped before it is ready, nothing has been sent. A message is sent whole
    /// or not at all.
    pub fn send<'m>(
        &mut self,
        message: impl Into<Outgoing<'m>>,
    ) -> impl Future<Output = Result<(), Error>> {
        // An event that is looked at no longer keeps nobody from looking after the connection.
        self.receive.give_back();
        self.send.send(message)
    }

    /// Receives the next message or control frame, borrowed. See [`ReceiveHalf::next_event`].
    ///
    /// To send while holding the event, use the halves of [`split_mut`](Self::split_mut).
    ///
    /// # Errors
    ///
    /// As [`recv`](Self::recv).
    ///
    /// # Cancel safety
    ///
    /// Dropping the future loses nothing.
    pub fn next_event(&mut self) -> impl Future<Output = Result<Option<Event<'_>>, Error>> {
        self.receive.next_event()
    }

    /// Receives the next chunk of a message, without buffering the whole message. See
    /// [`ReceiveHalf::next_chunk`].
    ///
    /// # Errors
    ///
    /// As [`recv`](Self::recv).
    ///
    /// # Cancel safety
    ///
    /// Dropping the future loses nothing.
    pub async fn next_chunk(&mut self) -> Result<Option<Chunk<'_>>, Error> {
        self.receive.next_chunk().await
    }

    /// Sends a fragment of a message. See [`SendHalf::send_fragment`].
    ///
    /// # Errors
    ///
    /// As [`send`](Self::send), and if the fragment does not continue the message that was begun.
    ///
    /// # Cancel safety
    ///
    /// As [`send`](Self::send).
    pub async fn send_fragment(&mut self, fragment: Fragment<'_>) -> Result<(), Error> {
        self.send.send_fragment(fragment).await
    }

    /// Sends a ping with at most 125 bytes. Never waits. The pong comes as an
    /// [`Event::Pong`] of [`next_event`](Self::next_event).
    ///
    /// # Errors
    ///
    /// As [`send`](Self::send), and if the payload is too long.
    pub fn ping(&mut self, payload: &[u8]) -> Result<(), Error> {
        self.send.ping(payload)
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
        self.send.pong(payload)
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
        self.send.flush().await
    }
}

/// The end.
impl WebSocket {
    /// Closes the connection: sends a close frame and waits for the peer's, discarding messages
    /// that still arrive. See [`ReceiveHalf::close`].
    ///
    /// ```no_run
    /// # use bowsprit::CloseCode;
    /// # async fn example(mut ws: bowsprit::WebSocket) -> Result<(), bowsprit::Error> {
    /// ws.close(CloseCode::NORMAL).await?;
    /// ws.close((CloseCode::GOING_AWAY, "see you")).await?; // does nothing more
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    ///
    /// The close frame could not be sent, or the connection has not ended cleanly.
    ///
    /// # Cancel safety
    ///
    /// Once the future has been polled, the close frame is queued. Call `close` or
    /// [`recv`](Self::recv) again to wait for the end.
    pub async fn close(&mut self, close: impl Into<Close<'_>>) -> Result<(), Error> {
        self.receive.close(close).await
    }

    /// Cuts the connection at once, without a close frame.
    pub fn terminate(mut self) {
        self.receive.terminate();
    }

    /// From now on, incoming messages are read and discarded. See
    /// [`ReceiveHalf::discard_incoming`].
    pub fn discard_incoming(&mut self) {
        self.receive.discard_incoming();
    }

    /// Waits for the end of the connection. See [`Handle::closed`].
    ///
    /// # Errors
    ///
    /// The connection has ended in any other way than by a close frame.
    ///
    /// # Cancel safety
    ///
    /// Dropping the future changes nothing.
    pub fn closed(&self) -> impl Future<Output = Result<Option<Close<'static>>, Error>> {
        self.receive.closed()
    }

    /// The peer's close frame, once it was received.
    #[must_use]
    pub fn peer_close(&self) -> Option<Close<'static>> {
        self.receive.peer_close()
    }
}

/// Parts.
impl WebSocket {
    /// Splits the connection into its halves, for two tasks. It ends when both are dropped. After
    /// the receiving half is dropped, messages are read and discarded.
    #[must_use]
    pub fn split(self) -> (ReceiveHalf, SendHalf) {
        (self.receive, self.send)
    }

    /// Borrows both halves, for a task that sends while it holds a borrowed event.
    ///
    /// ```no_run
    /// # use bowsprit::Event;
    /// # async fn example(mut ws: bowsprit::WebSocket) -> Result<(), bowsprit::Error> {
    /// let (receive, send) = ws.split_mut();
    /// while let Some(event) = receive.next_event().await? {
    ///     match event {
    ///         Event::Text(text) => send.send(text).await?,
    ///         Event::Binary(bytes) => send.send(bytes).await?,
    ///         _ => {}
    ///     }
    /// }
    /// # Ok(())
    /// # }
    /// ```
    pub const fn split_mut(&mut self) -> (&mut ReceiveHalf, &mut SendHalf) {
        (&mut self.receive, &mut self.send)
    }

    /// Returns a handle that sends on this connection from any task.
    #[must_use]
    pub fn handle(&self) -> Handle {
        Handle::new(Arc::clone(self.receive.link()))
    }
}

/// Facts.
impl WebSocket {
    pub(crate) const fn receive_half_mut(&mut self) -> &mut ReceiveHalf {
        &mut self.receive
    }

    pub(crate) const fn send_half(&self) -> &SendHalf {
        &self.send
    }

    #[cfg(any(feature = "client", feature = "server"))]
    pub(crate) const fn link(&self) -> &Arc<Link> {
        self.receive.link()
    }

    /// The state of the closing handshake.
    #[must_use]
    pub fn state(&self) -> State {
        self.receive.link().state()
    }

    /// How many bytes are queued to be written.
    #[must_use]
    pub fn queued_len(&self) -> usize {
        self.send.queued_len()
    }

    /// Round-trip time of the last answered ping, of the [`Heartbeat`](crate::config::Heartbeat) or
    /// of [`Handle::measure_round_trip`], in microseconds; `None` until one was answered. It
    /// includes the time that ping and pong wait in queues, for example until the application
    /// reads.
    ///
    /// A heartbeat sends pings only while the peer is silent. Pings that the application sends by
    /// `ping` are not measured.
    #[must_use]
    pub fn round_trip_time(&self) -> Option<Duration> {
        self.receive.link().round_trip_time()
    }

    /// The peer's address, if the transport has one.
    #[must_use]
    pub fn peer_addr(&self) -> Option<SocketAddr> {
        self.receive.link().info().peer_addr()
    }

    /// The local address of a TCP connection, also below TLS. `None` for other transports, and once
    /// the connection has ended.
    #[must_use]
    pub fn local_addr(&self) -> Option<SocketAddr> {
        self.handle().local_addr()
    }

    /// The peer's certificates: the server's, or the client's if it has presented any. `None`
    /// without TLS, and once the connection has ended.
    #[cfg(feature = "tls")]
    #[must_use]
    pub fn peer_certificates(&self) -> Option<crate::tls::PeerCertificates> {
        self.receive.link().ask_transport(crate::tls::PeerCertificates::in_transport)
    }

    /// The path of the request that opened the connection, without its query.
    #[must_use]
    pub fn path(&self) -> &str {
        self.receive.link().info().path()
    }

    /// The negotiated subprotocol.
    #[must_use]
    pub fn subprotocol(&self) -> Option<&str> {
        self.receive.link().info().subprotocol()
    }

    /// The negotiated extensions, as in `Sec-WebSocket-Extensions`.
    #[must_use]
    pub fn extensions(&self) -> &str {
        self.receive.link().info().extensions()
    }

    /// The URL that a client has connected to; `None` on a server.
    #[must_use]
    pub fn url(&self) -> Option<&Url> {
        self.receive.link().info().opening().map(|opening| &opening.url)
    }

    /// The server's response to a client's handshake; `None` on a server.
    #[must_use]
    pub fn response(&self) -> Option<&Response<()>> {
        self.receive.link().info().opening().map(|opening| &opening.response)
    }

    /// The cookies that the server's response sets, each a name and a value without attributes.
    pub fn cookies(&self) -> impl Iterator<Item = (&str, &str)> {
        let opening = self.receive.link().info().opening();
        opening.into_iter().flat_map(|opening| cookies(opening.response.headers()))
    }
}

/// The names and values in `Set-Cookie`.
fn cookies(headers: &HeaderMap) -> impl Iterator<Item = (&str, &str)> {
    let fields = headers.get_all(header::SET_COOKIE).iter();
    fields.filter_map(|field| set_cookie(field.to_str().ok()?))
}
