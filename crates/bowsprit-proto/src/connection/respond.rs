//! How the receiving half has the sending half answer the peer.

use super::{Event, Output, Received, Sender};
use crate::ProtocolError;

/// The sending half as a [`Receiver`](crate::Receiver) sees it. The receiver passes control frames
/// and violations to it, which may need an answer.
///
/// The receiver decides when to answer, the implementation where the answer goes. With both halves
/// at hand, use `(&mut Sender, &mut Output)`. A driver whose sender is in another task or behind a
/// lock implements this trait itself, and takes the lock in [`respond`](Self::respond) and
/// [`fail`](Self::fail), which are not called for data messages.
///
/// `()` answers nothing. Use it for tools that only observe a connection.
///
/// ```
/// use bowsprit_proto::{
///     Event, Limits, Output, Progress, ProtocolError, ReceiveBuffer, Receiver, Respond, Role,
///     Sender,
/// };
///
/// /// Has the application answer pings.
/// struct WithoutPongs<'c>(&'c mut Sender, &'c mut Output);
///
/// impl Respond for WithoutPongs<'_> {
///     fn respond(&mut self, event: &Event<'_>) {
///         if !matches!(event, Event::Ping(_)) {
///             self.0.respond(event, self.1);
///         }
///     }
///
///     fn fail(&mut self, error: &ProtocolError) {
///         self.0.fail(error, self.1);
///     }
/// }
///
/// let (mut sender, mut output) = (Sender::server(), Output::new());
/// let mut receiver = Receiver::new(Role::Server, Limits::SERVER);
/// let mut input = ReceiveBuffer::new();
/// input.extend(&[0x89, 0x80, 0, 0, 0, 0]);
/// let received = receiver.receive(&mut input, &mut WithoutPongs(&mut sender, &mut output));
/// assert_eq!(received.progress, Ok(Progress::Ping));
/// assert!(output.is_empty());
/// ```
pub trait Respond {
    /// Counts what has been received, before it is answered or returned. Also called if there is no
    /// event, but not for an error.
    ///
    /// The default implementation accepts everything.
    ///
    /// # Errors
    ///
    /// A limit of the driver is exceeded, such as that of a
    /// [`RateLimiter`](crate::timers::RateLimiter). The connection fails with this error.
    #[inline]
    fn count(&mut self, received: &Received) -> Result<(), ProtocolError> {
        let _ = received;
        Ok(())
    }

    /// A ping, a pong or the peer's close frame was received. [`Sender::respond`] sends the answer.
    fn respond(&mut self, event: &Event<'_>);

    /// The connection fails. [`Sender::fail`] tells the peer why. Called once.
    fn fail(&mut self, error: &ProtocolError);
}

impl Respond for (&mut Sender, &mut Output) {
    fn respond(&mut self, event: &Event<'_>) {
        self.0.respond(event, self.1);
    }

    fn fail(&mut self, error: &ProtocolError) {
        self.0.fail(error, self.1);
    }
}

impl Respond for () {
    fn respond(&mut self, _event: &Event<'_>) {}

    fn fail(&mut self, _error: &ProtocolError) {}
}
