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
    error::EndReason,
    park,
    prepared::Offer,
};

/// Sends on a connection from any task. Cheap to clone.
///
/// All handles share the connection's queue, which is bounded: above
/// [`ConnectionConfig::max_queue_len`](crate::ConnectionConfig::max_queue_len) bytes,
/// [`send`](Self::send) waits and [`try_send`](Self::try_send) fails. Nothing is dropped silently.
///
/// A handle does not keep the connection open, and may outlive it.
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

    /// Sends a message. Waits while the queue is full or a fragmented message is being sent.
    ///
    /// # Errors
    ///
    /// [`Error::Send`] after a close frame; otherwise the reason why the connection has ended.
    ///
    /// # Cancel safety
    ///
    /// If the future is dropped before it is ready, nothing has been sent.
    pub async fn send(&self, message: impl Into<Outgoing<'_>>) -> Result<(), Error> {
        let mut sending = Sending::new(message);
        Ok(poll_fn(|cx| sending.poll(&self.link, cx, Origin::Handle)).await?)
    }

    /// Sends a message if the queue is not full.
    ///
    /// # Errors
    ///
    /// [`Error::QueueFull`] where [`send`](Self::send) would wait; otherwise as `send`.
    pub fn try_send<'m>(&self, message: impl Into<Outgoing<'m>>) -> Result<(), Error> {
        Ok(self.link.try_send(message.into(), Origin::Handle)?)
    }

    /// Sends a message from a thread outside of the runtime. Blocks the thread where
    /// [`send`](Self::send) would wait.
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
    /// In async code, which it would block. Use `spawn_blocking` there.
    pub fn blocking_send<'m>(&self, message: impl Into<Outgoing<'m>>) -> Result<(), Error> {
        park::block_on(self.send(message.into()))
    }

    /// Sends a close frame. The task that receives from the connection sees the peer's answer.
    ///
    /// # Errors
    ///
    /// As [`SendHalf::start_close`](crate::SendHalf::start_close).
    pub fn start_close(&self, close: impl Into<Close<'static>>) -> Result<(), Error> {
        Ok(self.link.close(&close.into())?)
    }

    /// Cuts the connection at once, without a close frame.
    pub fn terminate(&self) {
        self.link.fail(EndReason::Terminated);
    }

    /// Sends a ping with at most 125 bytes. The task that receives from the connection sees the
    /// pong as an [`Event::Pong`](crate::Event::Pong). Never waits.
    ///
    /// # Errors
    ///
    /// [`Error::Send`] after a close frame or if the payload is too long; otherwise the reason why
    /// the connection has ended.
    pub fn ping(&self, payload: &[u8]) -> Result<(), Error> {
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
    pub fn pong(&self, payload: &[u8]) -> Result<(), Error> {
        Ok(self.link.send_pong(payload)?)
    }

    /// Waits for the end of the connection, and returns the peer's close frame if it ended with
    /// one.
    ///
    /// Tasks that only send await it together with what they wait for, so that they end when the
    /// peer disconnects. It does not read: see
    /// [`WebSocket`](crate::WebSocket#while-nobody-receives) for what is detected while the
    /// application does not receive.
    ///
    /// # Errors
    ///
    /// The connection has ended in any other way than by a close frame.
    ///
    /// # Cancel safety
    ///
    /// Dropping the future changes nothing. Any number of tasks may wait; all get the same result,
    /// every time.
    pub fn closed(&self) -> impl Future<Output = Result<Option<Close<'static>>, Error>> {
        self.link.closed()
    }

    /// Sends a ping to update [`round_trip_time`](Self::round_trip_time), which changes once the
    /// pong is read. Never waits. A ping that is sent before the previous one was answered replaces
    /// it.
    ///
    /// # Errors
    ///
    /// [`Error::Send`] after a close frame; otherwise the reason why the connection has ended.
    pub fn measure_round_trip(&self) -> Result<(), Error> {
        Ok(self.link.measure_round_trip()?)
    }

    /// A number that is unique among all connections of this process, past and future.
    #[must_use]
    pub fn id(&self) -> u64 {
        self.link.id()
    }

    /// When the opening handshake was completed.
    #[must_use]
    pub fn connected_at(&self) -> Instant {
        self.link.info().since().into_std()
    }

    /// Attaches a value of the application to the connection, for all of its handles. It replaces
    /// the previous value.
    ///
    /// The value is dropped when the connection has ended, `on_disconnect` has been called, and the
    /// application has dropped both halves of the connection; a value that is set later is dropped
    /// immediately. So it may contain a handle of the same connection.
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

    /// The value that [`set_data`](Self::set_data) has attached; `None` if there is none, or if it
    /// is of another type.
    #[must_use]
    pub fn data<T: Any + Send + Sync>(&self) -> Option<Arc<T>> {
        self.link.data()?.downcast().ok()
    }

    /// The state of the closing handshake.
    #[must_use]
    pub fn state(&self) -> State {
        self.link.state()
    }

    /// How many bytes are queued to be written.
    #[must_use]
    pub fn queued_len(&self) -> usize {
        self.link.queued_len()
    }

    /// Round-trip time of the last answered ping, of the [`Heartbeat`](crate::config::Heartbeat) or
    /// of [`measure_round_trip`](Self::measure_round_trip), in microseconds; `None` until one was
    /// answered. It includes the time that ping and pong wait in queues, for example until the
    /// application reads.
    ///
    /// A heartbeat sends pings only while the peer is silent. Pings that the application sends by
    /// `ping` are not measured.
    #[must_use]
    pub fn round_trip_time(&self) -> Option<Duration> {
        self.link.round_trip_time()
    }

    /// How many broadcast and topic messages this connection has missed because it was too slow.
    #[must_use]
    pub fn dropped_messages(&self) -> u64 {
        self.link.dropped()
    }

    /// The peer's address, if the transport has one.
    #[must_use]
    pub fn peer_addr(&self) -> Option<SocketAddr> {
        self.link.info().peer_addr()
    }

    /// The local address, as [`WebSocket::local_addr`](crate::WebSocket::local_addr).
    #[must_use]
    pub fn local_addr(&self) -> Option<SocketAddr> {
        let of_tcp = self.link.local_addr();
        #[cfg(any(feature = "tls", feature = "native-tls"))]
        let of_tcp = of_tcp.or_else(|| self.link.ask_transport(crate::tls::local_addr));
        of_tcp
    }

    /// The path of the request that opened the connection, without its query.
    #[must_use]
    pub fn path(&self) -> &str {
        self.link.info().path()
    }

    /// The negotiated subprotocol.
    #[must_use]
    pub fn subprotocol(&self) -> Option<&str> {
        self.link.info().subprotocol()
    }
}

/// Handles are equal if they belong to the same connection.
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
