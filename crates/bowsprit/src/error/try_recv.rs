//! Why there is no message to receive.

use std::{error::Error as StdError, fmt};

use super::Error;

/// Why [`WebSocket::try_recv`](crate::WebSocket::try_recv) has no message.
///
/// ```no_run
/// use bowsprit::{Error, WebSocket, error::TryRecvError};
///
/// /// Handles what has come, without waiting. Whether the connection goes on.
/// fn drain(ws: &mut WebSocket) -> Result<bool, Error> {
///     loop {
///         match ws.try_recv() {
///             Ok(message) => println!("{message:?}"),
///             Err(TryRecvError::Empty) => return Ok(true),
///             Err(TryRecvError::Error(error)) => return Err(error),
///             Err(_closed) => return Ok(false),
///         }
///     }
/// }
/// ```
#[derive(Debug)]
#[non_exhaustive]
pub enum TryRecvError {
    /// No message has been received yet, or only a part of one.
    Empty,
    /// The connection was closed cleanly, or its error was returned before. No message will follow.
    Closed,
    /// The connection has ended in any other way. Returned once.
    Error(Error),
}

impl fmt::Display for TryRecvError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Empty => f.write_str("there is no message yet"),
            Self::Closed => f.write_str("the connection is closed"),
            Self::Error(error) => fmt::Display::fmt(error, f),
        }
    }
}

impl StdError for TryRecvError {
    /// What is behind the message; the message tells all that comes from this crate.
    fn source(&self) -> Option<&(dyn StdError + 'static)> {
        match self {
            Self::Error(error) => error.source(),
            _ => None,
        }
    }
}
