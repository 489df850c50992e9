//! The sending half: from messages to frames, RFC 6455 §5 and §6.1.
//!
//! Every call appends whole frames to an [`Output`] or nothing at all, so no frame is ever cut in
//! two, whatever a driver drops.

mod compressing;
mod fragmenting;
mod headers;

use alloc::{boxed::Box, format};
use core::fmt;

use super::{
    Event, Output, Role, compression::Compression, fragment::OutMessage, output::MIN_SHARED_LEN,
};
use crate::{
    Close, FrameHeader, Message, MessageKind, Opcode, ProtocolError, SendError,
    deflate::{Deflate, Parameters},
    frame::MAX_CONTROL_LEN,
};

/// The source of a client's masking keys, §5.3.
///
/// "The masking key needs to be unpredictable; thus, the masking key MUST be derived from a strong
/// source of entropy, and the masking key for a given frame MUST NOT make it simple for a
/// server/proxy to predict the masking key for a subsequent frame."
pub trait MaskingKeys: Send {
    /// Returns a fresh key for one frame.
    fn next_key(&mut self) -> [u8; 4];
}

impl<F: FnMut() -> [u8; 4] + Send> MaskingKeys for F {
    fn next_key(&mut self) -> [u8; 4] {
        self()
    }
}

/// Encodes messages as frames.
pub struct Sender {
    /// Only clients have keys. The double box keeps it one word on servers.
    keys: Option<Box<Box<dyn MaskingKeys>>>,
    fragmented: Option<OutMessage>,
    /// Set if compression was negotiated.
    compression: Option<Box<Compression>>,
    closed: bool,
}

impl Sender {
    /// Creates the sender of a server, which masks nothing.
    #[must_use]
    pub const fn server() -> Self {
        Self { keys: None, fragmented: None, compression: None, closed: false }
    }

    /// Creates the sender of a client with a source of masking keys.
    pub fn client(keys: impl MaskingKeys + 'static) -> Self {
        Self { keys: Some(Box::new(Box::new(keys))), ..Self::server() }
    }

    /// Enables the compression that was negotiated in the handshake; `deflate` sets the level and
    /// the other options of the compressor.
    #[must_use]
    pub fn with_deflate(mut self, parameters: &Parameters, deflate: &Deflate) -> Self {
        let own = match self.role() {
            Role::Server => &parameters.server,
            Role::Client => &parameters.client,
        };
        self.compression = Some(Box::new(Compression::new(own, deflate)));
        self
    }

    /// Which end of the connection this is.
    #[must_use]
    pub const fn role(&self) -> Role {
        if self.keys.is_some() { Role::Client } else { Role::Server }
    }

    /// Sends a text message in one frame.
    ///
    /// # Errors
    ///
    /// [`SendError::Closed`] after a close frame, [`SendError::FragmentOpen`] inside a fragmented
    /// message.
    pub fn text(&mut self, payload: &str, out: &mut Output) -> Result<(), SendError> {
        self.data(MessageKind::Text, payload.as_bytes(), out)
    }

    /// Sends a binary message in one frame.
    ///
    /// # Errors
    ///
    /// As [`text`](Self::text).
    pub fn binary(&mut self, payload: &[u8], out: &mut Output) -> Result<(), SendError> {
        self.data(MessageKind::Binary, payload, out)
    }

    /// Sends a message in one frame by copying it, which is cheaper for short messages than taking
    /// ownership.
    ///
    /// # Errors
    ///
    /// As [`text`](Self::text).
    pub fn message_copied(&mut self, message: &Message, out: &mut Output) -> Result<(), SendError> {
        self.data(message.kind(), message.as_bytes(), out)
    }

    /// Sends a message in one frame. A server shares a large payload instead of copying it.
    ///
    /// # Errors
    ///
    /// As [`text`](Self::text).
    pub fn message(&mut self, message: Message, out: &mut Output) -> Result<(), SendError> {
        if self.compresses(message.len()) {
            return self.data(message.kind(), message.as_bytes(), out);
        }
        self.message_uncompressed(message, out)
    }

    /// Sends a message in one frame without compressing it.
    ///
    /// The length of a compressed message leaks information about its content (CRIME, BREACH). An
    /// attacker who can have chosen text sent in the same message as a secret, and who sees the
    /// lengths, can guess the secret.
    ///
    /// # Errors
    ///
    /// As [`text`](Self::text).
    pub fn message_uncompressed(
        &mut self,
        message: Message,
        out: &mut Output,
    ) -> Result<(), SendError> {
        self.check_message_may_begin()?;
        let opcode = message.kind().opcode();
        if self.keys.is_some() || message.len() < MIN_SHARED_LEN {
            self.frame(opcode, true, message.as_bytes(), out);
        } else {
            let header = self.header(opcode, true, message.len());
            header.encode(out.block(FrameHeader::MAX_LEN));
            out.push_shared(message.into_bytes());
        }
        Ok(())
    }

    /// Sends a ping.
    ///
    /// # Errors
    ///
    /// [`SendError::ControlTooLong`] for more than 125 bytes, [`SendError::Closed`] after a close
    /// frame.
    pub fn ping(&mut self, payload: &[u8], out: &mut Output) -> Result<(), SendError> {
        self.control(Opcode::Ping, payload, out)
    }

    /// Sends an unsolicited pong, §5.5.3.
    ///
    /// # Errors
    ///
    /// As [`ping`](Self::ping).
    pub fn pong(&mut self, payload: &[u8], out: &mut Output) -> Result<(), SendError> {
        self.control(Opcode::Pong, payload, out)
    }

    /// Sends a close frame, the last frame of this side.
    ///
    /// # Errors
    ///
    /// [`SendError::CloseCode`] for a code that may not be sent, [`SendError::CloseReasonTooLong`]
    /// for a reason of more than 123 bytes, [`SendError::Closed`] after a close frame.
    pub fn close(&mut self, close: &Close<'_>, out: &mut Output) -> Result<(), SendError> {
        let (payload, len) = close.encode()?;
        self.control(Opcode::Close, &payload[..len], out)?;
        // §5.5.1: "The application MUST NOT send any more data frames after sending a Close frame."
        self.closed = true;
        out.drop_late_pong();
        Ok(())
    }

    /// Sends the answer that the RFC requires to an event: a pong to a ping, a close to a close.
    /// Other events need no answer.
    pub fn respond(&mut self, event: &Event<'_>, out: &mut Output) {
        match event {
            // §5.5.2: "Upon receipt of a Ping frame, an endpoint MUST send a Pong frame in
            // response, unless it already received a Close frame."
            Event::Ping(payload) if !self.closed => {
                let header = self.header(Opcode::Pong, true, payload.len());
                out.push_pong(&header, payload);
            }
            // §5.5.1: "If an endpoint receives a Close frame and did not previously send a Close
            // frame, the endpoint MUST send a Close frame in response."
            Event::Close(close) => self.close_unless_closed(&close.reply(), out),
            _ => {}
        }
    }

    /// Tells the peer why the connection fails, §7.1.7, unless a close frame has been sent.
    ///
    /// "If _The WebSocket Connection is Established_ prior to the point where the endpoint is
    /// required to _Fail the WebSocket Connection_, the endpoint SHOULD send a Close frame with an
    /// appropriate status code".
    pub fn fail(&mut self, error: &ProtocolError, out: &mut Output) {
        let reason = format!("{error}");
        self.close_unless_closed(&Close::new(error.close_code(), reason), out);
    }

    /// Stops sending: the connection has ended without a close frame.
    pub(crate) const fn stop(&mut self) {
        self.closed = true;
    }

    /// Whether a close frame has been sent, after which nothing may be sent.
    #[must_use]
    pub const fn is_closed(&self) -> bool {
        self.closed
    }

    /// Whether a message may begin: no close frame was sent, and no fragmented message is in
    /// progress.
    #[must_use]
    #[inline]
    pub const fn may_begin(&self) -> bool {
        !self.closed && self.fragmented.is_none()
    }

    fn close_unless_closed(&mut self, close: &Close<'_>, out: &mut Output) {
        // Fails only when already closed: received codes and our own may be sent, and our own
        // reasons are short.
        let _already_closed = self.close(close, out);
    }

    /// Sends a message in one frame, copied or compressed.
    pub(crate) fn data(
        &mut self,
        kind: MessageKind,
        payload: &[u8],
        out: &mut Output,
    ) -> Result<(), SendError> {
        self.check_message_may_begin()?;
        if self.compresses(payload.len())
            && let Some(compression) = &mut self.compression
            && let Some(compressed) = compression.message(payload)
        {
            let key = self.keys.as_mut().map(|keys| keys.next_key());
            let header =
                FrameHeader { rsv1: true, ..header(kind.opcode(), true, key, compressed.len()) };
            out.push_long_frame(&header, compressed.iter());
        } else {
            self.frame(kind.opcode(), true, payload, out);
        }
        if let Some(compression) = &mut self.compression {
            compression.shrink();
        }
        Ok(())
    }

    /// Whether a message of this length will be compressed.
    fn compresses(&self, len: usize) -> bool {
        self.compression.as_ref().is_some_and(|compression| compression.is_worth(len))
    }

    const fn check_message_may_begin(&self) -> Result<(), SendError> {
        if self.closed {
            return Err(SendError::Closed);
        }
        if self.fragmented.is_some() {
            return Err(SendError::FragmentOpen);
        }
        Ok(())
    }

    fn control(
        &mut self,
        opcode: Opcode,
        payload: &[u8],
        out: &mut Output,
    ) -> Result<(), SendError> {
        if self.closed {
            return Err(SendError::Closed);
        }
        // §5.5: "All control frames MUST have a payload length of 125 bytes or less"
        if payload.len() > MAX_CONTROL_LEN {
            return Err(SendError::ControlTooLong);
        }
        self.frame(opcode, true, payload, out);
        Ok(())
    }

    #[inline]
    fn frame(&mut self, opcode: Opcode, fin: bool, payload: &[u8], out: &mut Output) {
        out.push_frame(&self.header(opcode, fin, payload.len()), payload);
    }

    /// §5.1: "a client MUST mask all frames that it sends to the server"; "A server MUST NOT mask
    /// any frames that it sends to the client."
    fn header(&mut self, opcode: Opcode, fin: bool, payload_len: usize) -> FrameHeader {
        let masking_key = self.keys.as_mut().map(|keys| keys.next_key());
        header(opcode, fin, masking_key, payload_len)
    }
}

const fn header(
    opcode: Opcode,
    fin: bool,
    masking_key: Option<[u8; 4]>,
    payload_len: usize,
) -> FrameHeader {
    FrameHeader { fin, rsv1: false, opcode, masking_key, payload_len: payload_len as u64 }
}

impl fmt::Debug for Sender {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Sender")
            .field("role", &self.role())
            .field("fragmented", &self.fragmented)
            .field("closed", &self.closed)
            .finish()
    }
}
