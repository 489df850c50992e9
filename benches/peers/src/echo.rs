//! What the servers do with a connection.

pub(crate) mod fastwebsockets;
pub(crate) mod sockudo;
pub(crate) mod tokio_websockets;
pub(crate) mod tungstenite;
pub(crate) mod wtx;
pub(crate) mod yawc;

use futures_util::{FutureExt, Sink, SinkExt, Stream, StreamExt};

/// Echoes one message after the other.
async fn each<S, M, E>(mut ws: S, is_data: impl Fn(&M) -> bool) -> Result<(), E>
where
    S: Stream<Item = Result<M, E>> + Sink<M, Error = E> + Unpin,
{
    while let Some(message) = ws.next().await.transpose()? {
        if is_data(&message) {
            ws.send(message).await?;
        }
    }
    Ok(())
}

/// Echoes all messages that are ready, and flushes then.
async fn batch<S, M, E>(mut ws: S, is_data: impl Fn(&M) -> bool) -> Result<(), E>
where
    S: Stream<Item = Result<M, E>> + Sink<M, Error = E> + Unpin,
{
    let mut next = ws.next().await;
    while let Some(message) = next.transpose()? {
        if is_data(&message) {
            ws.feed(message).await?;
        }
        next = match ws.next().now_or_never() {
            Some(ready) => ready,
            None => {
                ws.flush().await?;
                ws.next().await
            }
        };
    }
    Ok(())
}
