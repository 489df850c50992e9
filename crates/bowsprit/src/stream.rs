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
/// Reading returns the payloads of all messages, text or binary, without message boundaries.
/// Messages are read in chunks, so the limits on their length do not apply. Written bytes are sent
/// in binary messages of at most 64 KiB, or in text messages with [`text`](Self::text).
///
/// Backpressure works both ways: a message is read only after the previous one was consumed, and
/// writing waits while more than [`high_water_mark`](crate::ConnectionConfig::high_water_mark)
/// bytes are queued.
///
/// A clean close by the peer is the end of the stream; any other end of the connection is an error.
/// Shutting down sends a close frame with code 1000. A WebSocket cannot be closed in one direction
/// only: the peer answers with its own close frame as soon as it can, and anything it would have
/// sent later is lost. If the peer must be able to answer after the shutdown, as with TCP, both
/// ends need [`half_close`](Self::half_close). To wait for the peer's close frame, read to the end
/// or call [`close`](Self::close). Dropping the stream ends the connection without a close frame,
/// except under [`serve`](crate::server::BoundServer::serve), which closes it properly.
///
/// ```no_run
/// use bowsprit::WebSocket;
/// use tokio::net::TcpStream;
///
/// /// A tunnel: what the client sends goes to a server of another protocol, and back.
/// async fn tunnel(ws: WebSocket) -> std::io::Result<()> {
///     let mut tcp = TcpStream::connect("127.0.0.1:5432").await?;
///     tokio::io::copy_bidirectional(&mut ws.into_io(), &mut tcp).await?;
///     Ok(())
/// }
/// ```
#[derive(Debug)]
pub struct ByteStream {
    receive: ReceiveHalf,
    send: SendHalf,
    /// How much of the current piece was taken; `None` if there is none.
    taken: Option<usize>,
    kind: MessageKind,
    /// The beginning of a character whose end is yet to be written.
    partial: Vec<u8>,
    /// What ends one direction alone, if anything does.
    half_close: Option<HalfClose>,
}

/// How far a stream is whose directions end one by one.
#[derive(Clone, Copy, Debug, Default)]
struct HalfClose {
    /// The message that is being read has no bytes so far.
    is_empty: bool,
    /// The peer has sent everything.
    peer_has_ended: bool,
    /// We have.
    has_ended: bool,
}

impl WebSocket {
    /// Turns the connection into a stream of bytes.
    ///
    /// ```no_run
    /// # async fn example(ws: bowsprit::WebSocket) -> Result<(), bowsprit::error::BoxError> {
    /// let mut tcp = tokio::net::TcpStream::connect("127.0.0.1:5900").await?;
    /// // The other end is a bridge like this one: each direction may end alone.
    /// let mut stream = ws.into_io().half_close();
    /// tokio::io::copy_bidirectional(&mut stream, &mut tcp).await?;
    /// stream.close().await?;
    /// # Ok(())
    /// # }
    /// ```
    #[must_use]
    pub fn into_io(self) -> ByteStream {
        let (receive, send) = self.split();
        let partial = Vec::new();
        let kind = MessageKind::Binary;
        ByteStream { receive, send, taken: None, kind, partial, half_close: None }
    }
}

impl ByteStream {
    /// Sends text messages. The written bytes must be UTF-8. A character may be split between two
    /// writes; its first part is held back until the rest is written.
    #[must_use]
    pub const fn text(mut self) -> Self {
        self.kind = MessageKind::Text;
        self
    }

    /// Ends each direction separately, as TCP does: shutting down sends an empty message, and a
    /// received empty message is the end of reading. The connection is closed when both directions
    /// have ended.
    ///
    /// Both ends must agree on this, for example by a subprotocol, as other peers treat an empty
    /// message like any other. A peer that closes the connection ends both directions.
    #[must_use]
    pub fn half_close(mut self) -> Self {
        self.half_close = Some(HalfClose::default());
        self
    }

    /// Closes the connection properly, discarding data that still arrives.
    ///
    /// # Errors
    ///
    /// The connection has not ended cleanly.
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

/// The end of one direction.
impl ByteStream {
    /// Whether the piece that was just received is the peer's last.
    fn on_end(&mut self) -> io::Result<bool> {
        let (Some(half_close), Some(chunk)) = (&mut self.half_close, self.receive.chunk()) else {
            return Ok(false);
        };
        half_close.is_empty = chunk.payload.is_empty() && (chunk.first || half_close.is_empty);
        if !(half_close.is_empty && chunk.last) {
            return Ok(false);
        }
        half_close.peer_has_ended = true;
        if half_close.has_ended {
            self.send.close_unless_closed().map_err(io::Error::from)?;
        }
        Ok(true)
    }

    /// Sends the message that ends this direction, once.
    fn poll_send_end(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Error>> {
        let Some(half_close) = &mut self.half_close else { return Poll::Ready(Ok(())) };
        if half_close.has_ended {
            return Poll::Ready(Ok(()));
        }
        let sent = ready!(self.send.poll_ready(cx)).and_then(|()| {
            self.send.start_send(match self.kind {
                MessageKind::Binary => Message::binary(Vec::new()),
                MessageKind::Text => Message::text(String::new()),
            })
        });
        half_close.has_ended = true;
        Poll::Ready(match sent {
            // The peer has ended both directions.
            Err(Error::Send(SendError::Closed)) => Ok(()),
            sent => sent,
        })
    }

    /// Whether the connection stays open after this direction.
    fn peer_goes_on(&self) -> bool {
        self.half_close.is_some_and(|half_close| !half_close.peer_has_ended)
    }
}

impl AsyncBufRead for ByteStream {
    fn poll_fill_buf(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<&[u8]>> {
        let this = self.get_mut();
        if this.half_close.is_some_and(|half_close| half_close.peer_has_ended) {
            return Poll::Ready(Ok(&[]));
        }
        loop {
            let len = this.receive.chunk().map_or(0, |chunk| chunk.payload.len());
            // An empty piece is not the end.
            if this.taken.is_some_and(|taken| taken < len) {
                break;
            }
            this.taken = None;
            if !ready!(this.receive.poll_chunk(cx)).map_err(io::Error::from)? {
                return Poll::Ready(Ok(&[]));
            }
            if this.on_end()? {
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

impl AsyncRead for ByteStream {
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

impl AsyncWrite for ByteStream {
    fn poll_write(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        data: &[u8],
    ) -> Poll<io::Result<usize>> {
        let this = self.get_mut();
        if data.is_empty() {
            return Poll::Ready(Ok(0));
        }
        if this.half_close.is_some_and(|half_close| half_close.has_ended) {
            return Poll::Ready(Err(Error::from(SendError::Closed).into()));
        }
        ready!(this.send.poll_ready(cx)).map_err(io::Error::from)?;
        let (message, len) = this.message(data)?;
        if let Some(message) = message {
            this.send.start_send(message).map_err(io::Error::from)?;
        }
        Poll::Ready(Ok(len))
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.send.poll_flush(cx).map_err(io::Error::from)
    }

    /// Ends this direction, and the connection unless the peer goes on, and flushes.
    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        ready!(self.poll_send_end(cx)).map_err(io::Error::from)?;
        let ended =
            if self.peer_goes_on() { self.send.poll_flush(cx) } else { self.send.poll_close(cx) };
        ready!(ended).map_err(io::Error::from)?;
        if self.partial.is_empty() {
            Poll::Ready(Ok(()))
        } else {
            let why = "the text ended within a character";
            Poll::Ready(Err(io::Error::new(io::ErrorKind::InvalidData, why)))
        }
    }
}
