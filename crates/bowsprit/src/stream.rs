//! Messages as a stream of bytes, as `createWebSocketStream` of ws has them.

use std::{
    io,
    pin::Pin,
    task::{Context, Poll, ready},
};

use tokio::io::{AsyncBufRead, AsyncRead, AsyncWrite, ReadBuf};

use crate::{CloseCode, Error, Message, MessageKind, ReceiveHalf, SendError, SendHalf, WebSocket};

/// What is written at a time becomes one message, of at most this many bytes.
const MAX_WRITTEN_LEN: usize = 64 * 1024;

/// The longest beginning of a character.
const MAX_PARTIAL_LEN: usize = 3;

/// A connection as a stream of bytes: [`WebSocket::into_io`].
///
/// The bytes of all messages, of whatever kind, come one after the other; how they were cut into
/// messages is not told. Messages are read in pieces, so the limits on their length do not apply.
/// What is written goes out in messages of at most 64 KiB, binary ones unless
/// [`text`](Self::text) asks for text.
///
/// Backpressure goes both ways: a message is read only when the one before it was taken, and writing
/// waits while more than [`high_water_len`](crate::Options::high_water_len) bytes are queued.
///
/// A clean close by the peer is the end of reading; everything else that ends the connection is an
/// error. Shutting down sends a close frame with code 1000. After that nothing can be written, but
/// a WebSocket is not closed one way alone: the peer answers with its own close frame as soon as it
/// can. Reading on to the end, or [`close`](Self::close), waits for it; dropping the stream ends
/// the connection without it, but under [`serve`](crate::BoundServer::serve), which closes it well.
#[derive(Debug)]
pub struct MessageIo {
    receive: ReceiveHalf,
    send: SendHalf,
    /// How much of the current piece was taken; `None` if there is none.
    taken: Option<usize>,
    kind: MessageKind,
    /// The beginning of a character whose end is yet to be written.
    partial: Vec<u8>,
}

impl WebSocket {
    /// Makes the connection a stream of bytes.
    ///
    /// ```no_run
    /// # async fn example(ws: bowsprit::WebSocket) -> std::io::Result<()> {
    /// let mut tcp = tokio::net::TcpStream::connect("127.0.0.1:5900").await?;
    /// tokio::io::copy_bidirectional(&mut ws.into_io(), &mut tcp).await?;
    /// # Ok(())
    /// # }
    /// ```
    #[must_use]
    pub fn into_io(self) -> MessageIo {
        let (receive, send) = self.split();
        let partial = Vec::new();
        MessageIo { receive, send, taken: None, kind: MessageKind::Binary, partial }
    }
}

impl MessageIo {
    /// Writes text messages. What is written has to be UTF-8; a character may be cut in two, its
    /// beginning then waits for its end.
    #[must_use]
    pub const fn text(mut self) -> Self {
        self.kind = MessageKind::Text;
        self
    }

    /// Closes the connection well, dropping what still comes.
    ///
    /// # Errors
    ///
    /// It has not ended cleanly.
    ///
    /// # Cancel safety
    ///
    /// As [`WebSocket::close`].
    pub async fn close(&mut self) -> Result<(), Error> {
        self.receive.close(CloseCode::NORMAL).await
    }

    /// The message to send for `data`, and how much of `data` that is.
    fn message(&mut self, data: &[u8]) -> io::Result<(Option<Message>, usize)> {
        let data = &data[..data.len().min(MAX_WRITTEN_LEN)];
        if self.kind == MessageKind::Binary {
            return Ok((Some(Message::binary(data.to_vec())), data.len()));
        }
        let mut text = std::mem::take(&mut self.partial);
        text.extend_from_slice(data);
        let valid_len = match std::str::from_utf8(&text) {
            Ok(text) => text.len(),
            Err(error) if error.error_len().is_none() => error.valid_up_to(),
            Err(error) => return Err(io::Error::new(io::ErrorKind::InvalidData, error)),
        };
        self.partial = text.split_off(valid_len);
        debug_assert!(self.partial.len() <= MAX_PARTIAL_LEN);
        let text = String::from_utf8(text).map_err(|_| io::ErrorKind::InvalidData)?;
        Ok(((!text.is_empty()).then(|| Message::text(text)), data.len()))
    }
}

impl AsyncBufRead for MessageIo {
    fn poll_fill_buf(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<&[u8]>> {
        let this = self.get_mut();
        loop {
            let len = this.receive.chunk().map_or(0, |chunk| chunk.payload.len());
            // An empty piece is not the end.
            if this.taken.is_some_and(|taken| taken < len) {
                break;
            }
            this.taken = None;
            if !ready!(this.receive.poll_chunk(cx)).map_err(into_io_error)? {
                return Poll::Ready(Ok(&[]));
            }
            this.taken = Some(0);
        }
        let taken = this.taken.unwrap_or(0);
        Poll::Ready(Ok(this.receive.chunk().map_or(&[], |chunk| &chunk.payload[taken..])))
    }

    fn consume(self: Pin<&mut Self>, len: usize) {
        if let Some(taken) = &mut self.get_mut().taken {
            *taken += len;
        }
    }
}

impl AsyncRead for MessageIo {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let received = ready!(self.as_mut().poll_fill_buf(cx))?;
        let len = received.len().min(buf.remaining());
        buf.put_slice(&received[..len]);
        self.consume(len);
        Poll::Ready(Ok(()))
    }
}

impl AsyncWrite for MessageIo {
    fn poll_write(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        data: &[u8],
    ) -> Poll<io::Result<usize>> {
        let this = self.get_mut();
        if data.is_empty() {
            return Poll::Ready(Ok(0));
        }
        ready!(this.send.poll_ready(cx)).map_err(into_io_error)?;
        let (message, len) = this.message(data)?;
        if let Some(message) = message {
            this.send.start_send(message).map_err(into_io_error)?;
        }
        Poll::Ready(Ok(len))
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.send.poll_flush(cx).map_err(into_io_error)
    }

    /// Sends a close frame and flushes.
    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        ready!(self.send.poll_close(cx)).map_err(into_io_error)?;
        if self.partial.is_empty() {
            Poll::Ready(Ok(()))
        } else {
            let why = "the text ended within a character";
            Poll::Ready(Err(io::Error::new(io::ErrorKind::InvalidData, why)))
        }
    }
}

/// The kind that programs for byte streams expect, and the error itself inside.
fn into_io_error(error: Error) -> io::Error {
    let kind = match &error {
        Error::Io(error) => error.kind(),
        Error::Disconnected => io::ErrorKind::UnexpectedEof,
        Error::TimedOut(_) => io::ErrorKind::TimedOut,
        Error::Protocol(_) => io::ErrorKind::InvalidData,
        Error::Send(SendError::Closed) => io::ErrorKind::BrokenPipe,
        Error::Terminated => io::ErrorKind::ConnectionAborted,
        _ => io::ErrorKind::Other,
    };
    io::Error::new(kind, error)
}
