//! Connections for tests, without a network.

use std::{
    future::{Future, poll_fn},
    pin::{Pin, pin},
    task::{Context, Poll},
};

use crate::{Client, Error, Server, WebSocket};

/// The capacity of the pipe in each direction.
const PIPE_LEN: usize = 64 * 1024;

/// Returns the client's and the server's end of a connection in memory, with default options.
///
/// These are real connections, with frames, limits, heartbeats and closing handshakes. With tokio's
/// clock paused, hours pass instantly.
///
/// ```
/// # use std::time::Duration;
/// # #[tokio::main(flavor = "current_thread", start_paused = true)]
/// # async fn main() -> Result<(), bowsprit::Error> {
/// use bowsprit::{CloseCode, Message, testing};
///
/// let (mut client, mut server) = testing::pair().await;
/// client.send("hello").await?;
/// assert_eq!(server.recv().await?, Some(Message::text("hello")));
/// tokio::join!(client.close(CloseCode::NORMAL), server.recv()).0
/// # }
/// ```
///
/// # Panics
///
/// Outside of a tokio runtime.
pub async fn pair() -> (WebSocket, WebSocket) {
    match pair_of(&Client::new(), &Server::builder().build(), "ws://localhost/").await {
        Ok(pair) => pair,
        Err(error) => unreachable!("with default options both let the other in: {error}"),
    }
}

/// Connects this client to this server in memory, and returns both ends.
///
/// `url` is what the client requests; its host is not resolved.
///
/// # Errors
///
/// The client's options or the URL are invalid, or the server rejects the request.
///
/// # Panics
///
/// Outside of a tokio runtime.
pub async fn pair_of(
    client: &Client,
    server: &Server,
    url: &str,
) -> Result<(WebSocket, WebSocket), Error> {
    let (near, far) = tokio::io::duplex(PIPE_LEN);
    let mut connecting = pin!(client.connect_over(url, near));
    let mut accepting = pin!(server.accept(far));
    let (mut connected, mut accepted) = (None, None);
    let (client, server) = poll_fn(|cx| {
        poll_into(&mut connected, connecting.as_mut(), cx);
        poll_into(&mut accepted, accepting.as_mut(), cx);
        match (connected.take(), accepted.take()) {
            (Some(client), Some(server)) => Poll::Ready((client, server)),
            unfinished => {
                (connected, accepted) = unfinished;
                Poll::Pending
            }
        }
    })
    .await;
    // What the server has answered tells the client why it was rejected.
    Ok((client?, server?))
}

/// Polls a future that is not complete yet.
fn poll_into<T>(
    done: &mut Option<T>,
    future: Pin<&mut impl Future<Output = T>>,
    cx: &mut Context<'_>,
) {
    if done.is_none()
        && let Poll::Ready(output) = future.poll(cx)
    {
        *done = Some(output);
    }
}
