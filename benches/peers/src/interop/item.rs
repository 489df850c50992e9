//! What is the same with all libraries.

use futures_util::{Sink, SinkExt, Stream, StreamExt};
use serde_json::{Value, json};

/// A message or control frame.
pub(crate) enum Item {
    Text(String),
    Binary(Vec<u8>),
    Ping(Vec<u8>),
    Pong(Vec<u8>),
    Close(u16, String),
}

/// What a client says of a connection.
pub(crate) enum End {
    Closed { subprotocol: Option<String>, code: u16, reason: String },
    Refused(Option<u16>),
}

impl End {
    pub(crate) fn to_json(&self) -> Value {
        match self {
            Self::Closed { subprotocol, code, reason } => {
                json!({ "subprotocol": subprotocol, "code": code, "reason": reason })
            }
            Self::Refused(status) => json!({ "refused": status }),
        }
    }
}

/// What is to be sent for what has come.
pub(crate) fn answer(item: Item) -> Option<Item> {
    match item {
        Item::Text(text) => Some(obey(text)),
        Item::Pong(payload) => {
            Some(Item::Text(format!("pong {}", String::from_utf8_lossy(&payload))))
        }
        // The libraries answer these two.
        Item::Ping(_) | Item::Close(..) => None,
        Item::Binary(_) => Some(item),
    }
}

fn obey(text: String) -> Item {
    let mut words = text.splitn(3, ' ');
    match (words.next(), words.next(), words.next()) {
        (Some("/ping"), ..) => Item::Ping(text["/ping ".len()..].into()),
        (Some("/close"), Some(code), Some(reason)) if code.parse::<u16>().is_ok() => {
            Item::Close(code.parse().unwrap_or_default(), reason.to_owned())
        }
        _ => Item::Text(text),
    }
}

/// Talks until the other side has closed; returns its code and reason.
pub(crate) async fn talk<S, M, E>(mut ws: S) -> anyhow::Result<(u16, String)>
where
    S: Stream<Item = Result<M, E>> + Sink<M, Error = E> + Unpin,
    M: Into<Item> + From<Item>,
    E: Into<anyhow::Error>,
{
    let mut close = None;
    while let Some(message) = ws.next().await {
        match message.map(Into::into) {
            Ok(Item::Close(code, reason)) => close = Some((code, reason)),
            Ok(item) => {
                if let Some(answer) = answer(item) {
                    ws.send(answer.into()).await.map_err(Into::into)?;
                }
            }
            // That there is no more comes as an error from some.
            Err(_) if close.is_some() => break,
            Err(error) => return Err(error.into()),
        }
    }
    close.ok_or_else(|| anyhow::anyhow!("there was no close frame"))
}
