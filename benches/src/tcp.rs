//! The limit: an echo of bytes on tokio, with one buffer for all connections, over TLS if need be.

use std::{
    cell::RefCell,
    future::poll_fn,
    io,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll, ready},
};

use tokio::{
    io::{AsyncRead, AsyncWrite, ReadBuf},
    net::TcpListener,
};
use tokio_rustls::{TlsAcceptor, rustls::ServerConfig};

const BLOCK_LEN: usize = 64 * 1024;

thread_local! {
    static BLOCK: RefCell<Vec<u8>> = RefCell::new(vec![0; BLOCK_LEN]);
}

/// One connection, with what its peer has not taken yet.
struct Connection<S> {
    stream: S,
    unwritten: Vec<u8>,
}

pub(crate) async fn serve(listener: TcpListener, tls: Option<Arc<ServerConfig>>) -> io::Result<()> {
    let acceptor = tls.map(TlsAcceptor::from);
    loop {
        let (stream, _) = listener.accept().await?;
        stream.set_nodelay(true)?;
        match acceptor.clone() {
            None => tokio::spawn(Connection::new(stream).echo()),
            Some(acceptor) => tokio::spawn(async move {
                let stream = Box::pin(acceptor.accept(stream)).await?;
                Connection::new(Box::new(stream)).echo().await
            }),
        };
    }
}

impl<S: AsyncRead + AsyncWrite + Unpin> Connection<S> {
    const fn new(stream: S) -> Self {
        Self { stream, unwritten: Vec::new() }
    }

    async fn echo(mut self) -> io::Result<()> {
        poll_fn(|cx| self.poll_echo(cx)).await
    }

    fn poll_echo(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        loop {
            while !self.unwritten.is_empty() {
                let written = ready!(Pin::new(&mut self.stream).poll_write(cx, &self.unwritten))?;
                self.unwritten.drain(..written);
            }
            // TCP has nothing to flush.
            ready!(Pin::new(&mut self.stream).poll_flush(cx))?;
            let ended = BLOCK.with_borrow_mut(|block| self.poll_once(cx, block));
            if ready!(ended)? {
                return Poll::Ready(Ok(()));
            }
        }
    }

    /// Reads once and writes that back; `true` at the end.
    fn poll_once(&mut self, cx: &mut Context<'_>, block: &mut [u8]) -> Poll<io::Result<bool>> {
        let mut read = ReadBuf::new(block);
        ready!(Pin::new(&mut self.stream).poll_read(cx, &mut read))?;
        let mut rest = read.filled();
        if rest.is_empty() {
            return Poll::Ready(Ok(true));
        }
        while !rest.is_empty() {
            let Poll::Ready(written) = Pin::new(&mut self.stream).poll_write(cx, rest)? else {
                self.unwritten.extend_from_slice(rest);
                return Poll::Pending;
            };
            rest = &rest[written..];
        }
        Poll::Ready(Ok(false))
    }
}
