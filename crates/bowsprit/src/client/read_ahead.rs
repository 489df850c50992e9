//! Transports that an HTTP client has read from already.

use std::{
    io::{self, IoSlice},
    pin::Pin,
    task::{Context, Poll, Waker},
};

use bytes::{Buf, Bytes};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

use crate::{Io, io::Transport};

/// A transport of the application, with what an HTTP client has read from it ahead.
pub(super) fn from_io(io: impl Io) -> Transport {
    let (transport, read_ahead) = Transport::recognise(io);
    if read_ahead.is_empty() {
        return transport;
    }
    let addr = transport.peer_addr();
    let (read, write) = transport.split();
    let io = ReadAhead { bytes: read_ahead, waiting: Some(Waker::noop().clone()), read, write };
    Transport::Boxed(Box::new(io), addr)
}

/// Gives back what was read ahead, before what is read.
///
/// Whatever we connect through, we speak first: what is there already answers to the first bytes
/// that are written, and is taken for a fault before them.
struct ReadAhead<R, W> {
    bytes: Bytes,
    /// Who wants to read, until something has been written.
    waiting: Option<Waker>,
    read: R,
    write: W,
}

impl<R, W> ReadAhead<R, W> {
    fn on_write(&mut self, written: Poll<io::Result<usize>>) -> Poll<io::Result<usize>> {
        if matches!(written, Poll::Ready(Ok(1..)))
            && let Some(waiting) = self.waiting.take()
        {
            waiting.wake();
        }
        written
    }
}

impl<R: AsyncRead + Unpin, W: Unpin> AsyncRead for ReadAhead<R, W> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        if self.bytes.is_empty() {
            return Pin::new(&mut self.read).poll_read(cx, buf);
        }
        if let Some(waiting) = &mut self.waiting {
            waiting.clone_from(cx.waker());
            return Poll::Pending;
        }
        let len = self.bytes.len().min(buf.remaining());
        buf.put_slice(&self.bytes[..len]);
        self.bytes.advance(len);
        Poll::Ready(Ok(()))
    }
}

impl<R: Unpin, W: AsyncWrite + Unpin> AsyncWrite for ReadAhead<R, W> {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &[u8],
    ) -> Poll<io::Result<usize>> {
        let written = Pin::new(&mut self.write).poll_write(cx, buf);
        self.on_write(written)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bufs: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let written = Pin::new(&mut self.write).poll_write_vectored(cx, bufs);
        self.on_write(written)
    }

    fn is_write_vectored(&self) -> bool {
        self.write.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.write).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.write).poll_shutdown(cx)
    }
}
