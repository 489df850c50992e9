//! A transport that counts what is done to it.

use std::{
    io::{self, IoSlice},
    pin::Pin,
    sync::{Arc, Mutex},
    task::{Context, Poll},
};

use bowsprit::{Server, WebSocket};
use tokio::io::{AsyncRead, AsyncWrite, DuplexStream, ReadBuf};

use super::peer::Peer;

/// Passes everything on, and keeps book.
pub(super) struct Watched {
    io: DuplexStream,
    book: Book,
}

/// What a connection has done to its transport.
#[derive(Clone, Default)]
pub(super) struct Book(Arc<Mutex<Entries>>);

#[derive(Default)]
struct Entries {
    /// Each write: where its slices lie in memory and how long they are.
    writes: Vec<Vec<(usize, usize)>>,
    /// Bytes that were read.
    read_len: usize,
    /// Its shutdown does not come to an end.
    hangs: bool,
}

/// A server's connection over a transport that keeps book, of writes after the handshake.
pub(super) async fn watched_server(pipe_len: usize) -> (WebSocket, Peer<DuplexStream>, Book) {
    let (ours, theirs) = tokio::io::duplex(pipe_len);
    let (ours, book) = Watched::new(ours);
    let server = Server::builder().build();
    let (ws, peer) = tokio::join!(server.accept(ours), Peer::connect(theirs));
    book.take_writes();
    (ws.unwrap(), peer, book)
}

impl Watched {
    fn new(io: DuplexStream) -> (Self, Book) {
        let book = Book::default();
        (Self { io, book: book.clone() }, book)
    }
}

impl Book {
    /// What was written since the last look.
    pub(super) fn take_writes(&self) -> Vec<Vec<(usize, usize)>> {
        std::mem::take(&mut self.0.lock().unwrap().writes)
    }

    pub(super) fn read_len(&self) -> usize {
        self.0.lock().unwrap().read_len
    }

    /// The transport has been dropped.
    pub(super) fn is_released(&self) -> bool {
        Arc::strong_count(&self.0) == 1
    }

    pub(super) fn hang_on_shutdown(&self) {
        self.0.lock().unwrap().hangs = true;
    }
}

impl AsyncRead for Watched {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let before = buf.filled().len();
        let polled = Pin::new(&mut self.io).poll_read(cx, buf);
        self.book.0.lock().unwrap().read_len += buf.filled().len() - before;
        polled
    }
}

impl AsyncWrite for Watched {
    fn poll_write(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &[u8],
    ) -> Poll<io::Result<usize>> {
        self.poll_write_vectored(cx, &[IoSlice::new(buf)])
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bufs: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let polled = Pin::new(&mut self.io).poll_write_vectored(cx, bufs);
        if let Poll::Ready(Ok(_)) = polled {
            let slices = bufs.iter().map(|slice| (slice.as_ptr().addr(), slice.len())).collect();
            self.book.0.lock().unwrap().writes.push(slices);
        }
        polled
    }

    fn is_write_vectored(&self) -> bool {
        true
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.io).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        if self.book.0.lock().unwrap().hangs {
            return Poll::Pending;
        }
        Pin::new(&mut self.io).poll_shutdown(cx)
    }
}
