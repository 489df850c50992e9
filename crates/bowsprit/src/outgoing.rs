//! What `send` accepts.

use crate::PreparedMessage;

/// A message to send, borrowed or owned.
///
/// You rarely need to name this type: `send` takes `&str`, `String`, `Cow<str>`, `Arc<str>`,
/// `Box<str>`, and the byte equivalents `&[u8]`, `Vec<u8>`, `Bytes`, `BytesMut` and so on; also
/// [`Message`](crate::Message), `&Message` and [`PreparedMessage`]. Borrowed data is copied once,
/// into the frame.
///
/// ```no_run
/// # use bowsprit::message::Outgoing;
/// # async fn example(mut ws: bowsprit::WebSocket) -> Result<(), bowsprit::Error> {
/// ws.send(Outgoing::from("token 1234 for someone").uncompressed()).await?;
/// # Ok(())
/// # }
/// ```
pub type Outgoing<'m> = bowsprit_proto::queue::Outgoing<'m, PreparedMessage>;

impl<'m> From<&'m PreparedMessage> for Outgoing<'m> {
    fn from(prepared: &'m PreparedMessage) -> Self {
        Self::Prepared(prepared.clone())
    }
}

impl From<PreparedMessage> for Outgoing<'_> {
    fn from(prepared: PreparedMessage) -> Self {
        Self::Prepared(prepared)
    }
}
