//! The limit: an echo of bytes on tokio, with one buffer for all connections.

use std::{
    cell::RefCell,
    future::poll_fn,
    io,
    pin::Pin,
    task::{Context, Poll, ready},
};

use tokio::{
    io::{AsyncRead, AsyncWrite, ReadBuf},
    net::{TcpListener, TcpStream},
};

const BLOCK_LEN: usize = 64 * 1024;

thread_local! {
    static BLOCK: RefCell<Vec<u8>> = RefCell::new(vec![0; BLOCK_LEN]);
}

/// One connection, with what its peer has not taken yet.
struct Connection {
    stream: TcpStream,
    unwritten: Vec<u8>,
}

pub(crate) async fn serve(listener: TcpListener) -> io::Result<()> {
    loop {
        let (stream, _) = listener.accept().await?;
        stream.set_nodelay(true)?;
        let mut connection = Connection { stream, unwritten: Vec::new() };
        tokio::spawn(async move { poll_fn(|cx| connection.poll_echo(cx)).await });
    }
}

impl Connection {
    fn poll_echo(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        loop {
            while !self.unwritten.is_empty() {
                let written = ready!(Pin::new(&mut self.stream).poll_write(cx, &self.unwritten))?;
                self.unwritten.drain(..written);
            }
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
