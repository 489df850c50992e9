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

/// An open WebSocket connection, of a client or a server, over whatever transport.
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
/// Pings and the peer's close frame are answered while [`recv`](Self::recv) or one of its kin is
/// awaited. What is sent is queued, and written out at the latest when the task's current poll has
/// ended, so a loop that answers many messages makes one write. No task runs in the background
/// but one per runtime that writes and one that watches the timers.
///
/// # While nobody receives
///
/// Within a second, the runtime sees to a connection that nobody receives from: pings and the
/// peer's close frame are answered, a peer that is gone or dead is noticed, and
/// [`closed`](Self::closed) and [`send`](Self::send) tell. That goes on up to the next message,
/// which stays where it is for the next receive call. Behind an unread message only the end of a
/// socket (on Linux, without TLS) and a peer that takes nothing are noticed, so a connection that
/// only sends should call [`discard_incoming`](Self::discard_incoming).
///
/// What was seen to that way is no [`Event`] later: neither pings and pongs nor the close frame,
/// which [`peer_close`](Self::peer_close) tells. With
/// [`ConnectionConfig::auto_pong`](crate::ConnectionConfig::auto_pong) off, where the application
/// answers pings, nothing is read in its place.
///
/// # How it ends
///
/// [`recv`](Self::recv) returns `None` after a clean close, whoever began it;
/// [`peer_close`](Self::peer_close) then tells the peer's code and reason. Anything else is an
/// error. Dropping a `WebSocket` ends the connection without a close frame, when what was sent has
/// been written out: in the background, for as long as
/// [`ConnectionConfig::close_timeout`](crate::ConnectionConfig::close_timeout) says, and only while
/// the runtime lives. Call [`close`](Self::close) to end it well, or [`terminate`](Self::terminate)
/// to cut it.
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
    /// The connection has ended in another way; told once, then comes `None`.
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
    /// [`Error::Send`] after a close frame or inside a fragmented message; else why the connection
    /// has ended, which may concern messages that were sent before.
    ///
    /// # Cancel safety
    ///
    /// Dropped before it is ready, nothing has been sent. A message is sent whole or not at all.
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

    /// Receives the next piece of a message without holding the message whole. See
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

    /// Sends a piece of a message. See [`SendHalf::send_fragment`].
    ///
    /// # Errors
    ///
    /// As [`send`](Self::send), and if the pieces do not fit together.
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
    /// Pings are answered already, unless
    /// [`ConnectionConfig::auto_pong`](crate::ConnectionConfig::auto_pong) is off; one that nobody
    /// has asked for is a sign of life, RFC 6455 §5.5.3.
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
    /// Why the connection has ended.
    ///
    /// # Cancel safety
    ///
    /// Dropping the future changes nothing: what is queued is written out all the same.
    pub async fn flush(&mut self) -> Result<(), Error> {
        self.send.flush().await
    }
}

/// The end.
impl WebSocket {
    /// Closes the connection: sends a close frame, then waits for the peer's, dropping what still
    /// comes. See [`ReceiveHalf::close`].
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
    /// The close may not be sent, or the connection has not ended cleanly.
    ///
    /// # Cancel safety
    ///
    /// Once polled, the close frame is on its way. Call it or [`recv`](Self::recv) again to wait
    /// for the end.
    pub async fn close(&mut self, close: impl Into<Close<'_>>) -> Result<(), Error> {
        self.receive.close(close).await
    }

    /// Cuts the connection at once, without a close frame.
    pub fn terminate(mut self) {
        self.receive.terminate();
    }

    /// From now on, messages are read and dropped as they come. See
    /// [`ReceiveHalf::discard_incoming`].
    pub fn discard_incoming(&mut self) {
        self.receive.discard_incoming();
    }

    /// Waits for the end of the connection. See [`Handle::closed`].
    ///
    /// # Errors
    ///
    /// The connection has ended in another way than by a close frame.
    ///
    /// # Cancel safety
    ///
    /// Dropping the future changes nothing.
    pub fn closed(&self) -> impl Future<Output = Result<Option<Close<'static>>, Error>> {
        self.receive.closed()
    }

    /// The peer's close frame, once it has come.
    #[must_use]
    pub fn peer_close(&self) -> Option<Close<'static>> {
        self.receive.peer_close()
    }
}

/// Parts.
impl WebSocket {
    /// Hands out the two halves, for two tasks. The connection ends when both are dropped; once the
    /// receiving one is, messages are read and dropped.
    #[must_use]
    pub fn split(self) -> (ReceiveHalf, SendHalf) {
        (self.receive, self.send)
    }

    /// Borrows the two halves, for one task that sends while it holds a borrowed event.
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

    /// A handle that sends on this connection from any task.
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

    /// How far the closing handshake has come.
    #[must_use]
    pub fn state(&self) -> State {
        self.receive.link().state()
    }

    /// Bytes that wait to be written.
    #[must_use]
    pub fn queued_len(&self) -> usize {
        self.send.queued_len()
    }

    /// How long the last ping and its pong took, those of the
    /// [`Heartbeat`](crate::config::Heartbeat) and of [`Handle::measure_round_trip`]; `None` as
    /// long as none was answered. In microseconds, with the time that both wait in queues, such as
    /// for the application to read.
    ///
    /// A heartbeat sends pings into silence only. Pings of the application's are not measured.
    #[must_use]
    pub fn round_trip_time(&self) -> Option<Duration> {
        self.receive.link().round_trip_time()
    }

    /// The address of the peer's end of the transport, if it has one.
    #[must_use]
    pub fn peer_addr(&self) -> Option<SocketAddr> {
        self.receive.link().info().peer_addr()
    }

    /// The address of our end of the transport, if it has one: of TCP, also below TLS. `None` once
    /// the connection has ended.
    #[must_use]
    pub fn local_addr(&self) -> Option<SocketAddr> {
        self.handle().local_addr()
    }

    /// The certificates that the peer has shown: a server's, or a client's if it has any. `None`
    /// without TLS, and once the connection has ended.
    #[cfg(feature = "tls")]
    #[must_use]
    pub fn peer_certificates(&self) -> Option<crate::tls::PeerCertificates> {
        self.receive.link().ask_transport(crate::tls::PeerCertificates::in_transport)
    }

    /// The path of the request that opened the connection, without the query.
    #[must_use]
    pub fn path(&self) -> &str {
        self.receive.link().info().path()
    }

    /// The subprotocol that was agreed on.
    #[must_use]
    pub fn subprotocol(&self) -> Option<&str> {
        self.receive.link().info().subprotocol()
    }

    /// The extensions that were agreed on, as `Sec-WebSocket-Extensions` names them.
    #[must_use]
    pub fn extensions(&self) -> &str {
        self.receive.link().info().extensions()
    }

    /// Where a client has connected to; `None` on a server.
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
