//! Handles: sending on a connection from anywhere.

use std::{
    any::Any,
    future::{Future, poll_fn},
    hash,
    net::SocketAddr,
    sync::Arc,
    time::{Duration, Instant},
};

use bowsprit_proto::queue::{Offered, Origin};

use crate::{
    Close, Error, Outgoing, State,
    conn::{Link, Sending},
    error::Cause,
    park,
    prepared::Offer,
};

/// A cheap, clonable way to send on a connection from any task.
///
/// Messages of a handle share the connection's queue, which is bounded: above
/// [`ConnectionConfig::max_queue_len`](crate::ConnectionConfig::max_queue_len) bytes,
/// [`send`](Self::send) waits and [`try_send`](Self::try_send) refuses. Nothing is dropped
/// silently.
///
/// A handle does not keep the connection open, and it may outlive it.
#[derive(Clone, Debug)]
pub struct Handle {
    link: Arc<Link>,
}

impl Handle {
    pub(crate) const fn new(link: Arc<Link>) -> Self {
        Self { link }
    }

    pub(crate) const fn link(&self) -> &Arc<Link> {
        &self.link
    }

    pub(crate) fn publish(&self, offer: &mut Offer, can_wait: bool) -> Offered {
        self.link.publish(offer, can_wait)
    }

    /// Sends a message, waiting while the queue is full or a fragmented message is under way.
    ///
    /// # Errors
    ///
    /// [`Error::Send`] after a close frame, else why the connection has ended.
    ///
    /// # Cancel safety
    ///
    /// Dropped before it is ready, nothing has been sent.
    pub async fn send(&self, message: impl Into<Outgoing<'_>>) -> Result<(), Error> {
        let mut sending = Sending::new(message);
        Ok(poll_fn(|cx| sending.poll(&self.link, cx, Origin::Handle)).await?)
    }

    /// Sends a message if there is room for it.
    ///
    /// # Errors
    ///
    /// [`Error::QueueFull`] where [`send`](Self::send) would wait; else as there.
    pub fn try_send<'m>(&self, message: impl Into<Outgoing<'m>>) -> Result<(), Error> {
        Ok(self.link.try_send(message.into(), Origin::Handle)?)
    }

    /// Sends a message from a thread outside of the runtime, blocking it where [`send`](Self::send)
    /// would wait.
    ///
    /// ```no_run
    /// # fn example(ws: &bowsprit::WebSocket) {
    /// let handle = ws.handle();
    /// std::thread::spawn(move || handle.blocking_send("from a thread"));
    /// # }
    /// ```
    ///
    /// # Errors
    ///
    /// As [`send`](Self::send).
    ///
    /// # Panics
    ///
    /// In async code, which it would keep from running. `spawn_blocking` is the place for it there.
    pub fn blocking_send<'m>(&self, message: impl Into<Outgoing<'m>>) -> Result<(), Error> {
        park::block_on(self.send(message.into()))
    }

    /// Sends a close frame. Whoever reads the connection sees the peer's answer.
    ///
    /// # Errors
    ///
    /// As [`SendHalf::close`](crate::SendHalf::close).
    pub fn close(&self, close: impl Into<Close<'static>>) -> Result<(), Error> {
        Ok(self.link.close(&close.into())?)
    }

    /// Cuts the connection at once, without a close frame.
    pub fn terminate(&self) {
        self.link.fail(Cause::Terminated);
    }

    /// Sends a ping with at most 125 bytes, whose pong whoever reads the connection sees as an
    /// [`Event::Pong`](crate::Event::Pong). Never waits.
    ///
    /// # Errors
    ///
    /// [`Error::Send`] after a close frame or if the payload is too long, else why the connection
    /// has ended.
    pub fn ping(&self, payload: &[u8]) -> Result<(), Error> {
        Ok(self.link.send_ping(payload)?)
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
    pub fn pong(&self, payload: &[u8]) -> Result<(), Error> {
        Ok(self.link.send_pong(payload)?)
    }

    /// Waits for the end of the connection, and tells the peer's close frame if it ended with one.
    ///
    /// This is for those who only send, to be awaited together with whatever they wait for, so that
    /// they end with their peer. It reads nothing itself: what is noticed while nobody receives is
    /// told at [`WebSocket`](crate::WebSocket#while-nobody-receives).
    ///
    /// # Errors
    ///
    /// The connection has ended in another way than by a close frame.
    ///
    /// # Cancel safety
    ///
    /// Dropping the future changes nothing. Any number may wait, and each time is told the same.
    pub fn closed(&self) -> impl Future<Output = Result<Option<Close<'static>>, Error>> {
        self.link.closed()
    }

    /// Sends a ping, whose pong [`round_trip_time`](Self::round_trip_time) tells of once it is
    /// read. Never waits. One that comes before the pong of another takes its place.
    ///
    /// # Errors
    ///
    /// [`Error::Send`] after a close frame, else why the connection has ended.
    pub fn measure_round_trip(&self) -> Result<(), Error> {
        Ok(self.link.measure_round_trip()?)
    }

    /// A number that no other connection of this process has or will have.
    #[must_use]
    pub fn id(&self) -> u64 {
        self.link.id()
    }

    /// When the opening handshake was over.
    #[must_use]
    pub fn connected_at(&self) -> Instant {
        self.link.info().since().into_std()
    }

    /// Keeps something of the application's with the connection, for all of its handles: one thing,
    /// which takes the place of what was there.
    ///
    /// It is dropped when the connection has ended, `on_disconnect` has seen it, and the
    /// application has dropped both halves of the connection; what comes later, at once. So it may
    /// hold a handle of the connection itself.
    ///
    /// ```no_run
    /// # fn example(ws: &bowsprit::WebSocket) {
    /// struct User(String);
    ///
    /// ws.handle().set_data(User("alice".into()));
    /// let user = ws.handle().data::<User>().map(|user| user.0.clone());
    /// # }
    /// ```
    pub fn set_data<T: Any + Send + Sync>(&self, data: T) {
        let _before = self.link.set_data(Arc::new(data));
    }

    /// What [`set_data`](Self::set_data) was given; `None` if that was nothing, or of another type.
    #[must_use]
    pub fn data<T: Any + Send + Sync>(&self) -> Option<Arc<T>> {
        self.link.data()?.downcast().ok()
    }

    /// How far the closing handshake has come.
    #[must_use]
    pub fn state(&self) -> State {
        self.link.state()
    }

    /// Bytes that wait to be written.
    #[must_use]
    pub fn queued_len(&self) -> usize {
        self.link.queued_len()
    }

    /// How long the last ping and its pong took, those of the
    /// [`Heartbeat`](crate::config::Heartbeat) and of
    /// [`measure_round_trip`](Self::measure_round_trip); `None` as long as none was answered. In
    /// microseconds, with the time that both wait in queues, such as for the application to read.
    ///
    /// A heartbeat sends pings into silence only. Pings of the application's are not measured.
    #[must_use]
    pub fn round_trip_time(&self) -> Option<Duration> {
        self.link.round_trip_time()
    }

    /// How many messages of broadcasts and topics this connection has missed, because it was too
    /// slow for them.
    #[must_use]
    pub fn dropped_messages(&self) -> u64 {
        self.link.dropped()
    }

    /// The address of the peer's end of the transport, if it has one.
    #[must_use]
    pub fn peer_addr(&self) -> Option<SocketAddr> {
        self.link.info().peer_addr()
    }

    /// The address of our end of the transport, as
    /// [`WebSocket::local_addr`](crate::WebSocket::local_addr).
    #[must_use]
    pub fn local_addr(&self) -> Option<SocketAddr> {
        let of_tcp = self.link.local_addr();
        #[cfg(any(feature = "tls", feature = "native-tls"))]
        let of_tcp = of_tcp.or_else(|| self.link.ask_transport(crate::tls::local_addr));
        of_tcp
    }

    /// The path of the request that opened the connection, without the query.
    #[must_use]
    pub fn path(&self) -> &str {
        self.link.info().path()
    }

    /// The subprotocol that was agreed on.
    #[must_use]
    pub fn subprotocol(&self) -> Option<&str> {
        self.link.info().subprotocol()
    }
}

/// Two handles are equal if they are of the same connection.
impl PartialEq for Handle {
    fn eq(&self, other: &Self) -> bool {
        self.id() == other.id()
    }
}

impl Eq for Handle {}

impl hash::Hash for Handle {
    fn hash<H: hash::Hasher>(&self, state: &mut H) {
        self.id().hash(state);
    }
}
