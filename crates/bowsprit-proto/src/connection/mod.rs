//! An open connection: messages, control frames and the closing handshake, RFC 6455 §5.4 to §7.
//!
//! [`Receiver`] and [`Sender`] share no state, so that a driver can keep them in two tasks. When a
//! ping or a close frame must be answered, or the connection fails, the receiver calls a
//! [`Respond`]. In a [`Connection`], which has both halves, that is the sender.
//!
//! ```text
//!                 own close sent                    peer's close received
//!        ┌──────────────────────────► Closing ──────────────────────────┐
//!      Open                                                             ▼
//!        └──────────────────────────► Closing ──────────────────────► Closed
//!              peer's close received            answered by respond()
//! ```

mod buffer;
mod compression;
mod encoded;
mod event;
mod fragment;
mod incoming;
mod inflation;
mod output;
mod received;
mod receiver;
mod respond;
mod sender;

pub use buffer::{Block, ReceiveBuffer};
pub use encoded::{DetachedCompressor, EncodedBatch, EncodedMessage, Encoding};
pub use event::{Chunk, Event};
pub use fragment::{Fragment, FragmentCompression};
pub use inflation::InflationLimits;
pub use output::Output;
pub use received::{Progress, Received, ReceivedData};
pub use receiver::Receiver;
pub use respond::Respond;
pub use sender::{MaskingKeys, Sender};

/// Which end of the connection this is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[expect(clippy::exhaustive_enums, reason = "a connection has two ends")]
pub enum Role {
    /// The end that opened the connection. It masks its frames.
    Client,
    /// The end that accepted it.
    Server,
}

/// The progress of the closing handshake, §7.1.
///
/// ```
/// use bowsprit_proto::State;
///
/// fn may_send(state: State) -> bool {
///     match state {
///         State::Open => true,
///         State::Closing | State::Closed => false,
///     }
/// }
///
/// assert!(may_send(State::Open));
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[expect(clippy::exhaustive_enums, reason = "the states of RFC 6455 after the handshake")]
pub enum State {
    /// Messages go both ways.
    Open,
    /// One close frame has been sent or received, §7.1.3.
    Closing,
    /// Both close frames have been exchanged, or the connection has failed; only the transport is
    /// left to close.
    Closed,
}

/// Both halves of a connection.
///
/// After each [`receive`](Self::receive), whatever it returned, the driver writes the [`Output`].
#[derive(Debug)]
pub struct Connection {
    receiver: Receiver,
    sender: Sender,
}

impl Connection {
    /// Joins two halves, which must have the same role.
    #[must_use]
    pub const fn new(receiver: Receiver, sender: Sender) -> Self {
        Self { receiver, sender }
    }

    /// Reads from `input` until an event is complete, and puts the answer that the RFC requires
    /// into `out`: a pong for a ping, a close for a close, a close for a violation.
    ///
    /// If the peer violated the protocol, a close frame with the reason is in `out`: write it, then
    /// close the transport.
    pub fn receive<B: Block>(
        &mut self,
        input: &mut ReceiveBuffer<B>,
        out: &mut Output,
    ) -> Received {
        self.receiver.receive(input, &mut (&mut self.sender, out))
    }

    /// Reads from `input` until there is a piece of a message, or a control frame; see
    /// [`Receiver::receive_chunk`]. Answers as [`receive`](Self::receive) does.
    pub fn receive_chunk<B: Block>(
        &mut self,
        input: &mut ReceiveBuffer<B>,
        out: &mut Output,
    ) -> Received {
        self.receiver.receive_chunk(input, &mut (&mut self.sender, out))
    }

    /// Reads control frames from `input`, and stops in front of data; see
    /// [`Receiver::receive_control`]. Answers as [`receive`](Self::receive) does.
    pub fn receive_control<B: Block>(
        &mut self,
        input: &mut ReceiveBuffer<B>,
        out: &mut Output,
    ) -> Option<Received> {
        self.receiver.receive_control(input, &mut (&mut self.sender, out))
    }

    /// The receiving half.
    #[must_use]
    pub const fn receiver(&self) -> &Receiver {
        &self.receiver
    }

    /// The sending half, for sending messages.
    pub const fn sender(&mut self) -> &mut Sender {
        &mut self.sender
    }

    /// The progress of the closing handshake.
    #[must_use]
    pub const fn state(&self) -> State {
        State::of(self.receiver.is_closed(), self.sender.is_closed())
    }

    /// Splits the connection into its halves.
    #[must_use]
    pub fn split(self) -> (Receiver, Sender) {
        (self.receiver, self.sender)
    }
}

impl State {
    /// The state of a connection whose halves a driver keeps separately.
    ///
    /// `received` is [`Receiver::is_closed`], `sent` is [`Sender::is_closed`].
    #[must_use]
    pub const fn of(received: bool, sent: bool) -> Self {
        match (received, sent) {
            (false, false) => Self::Open,
            (true, true) => Self::Closed,
            _ => Self::Closing,
        }
    }
}
