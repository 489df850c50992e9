//! Errors of an open connection, small enough for the path of every message.

use std::io;

use super::{Error, TimeoutKind};
use crate::{ProtocolError, SendError};

/// Why a connection that was open has ended, for all who may ask.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Cause {
    /// Both close frames are through.
    Closed,
    Protocol(ProtocolError),
    Disconnected,
    TimedOut(TimeoutKind),
    Terminated,
    Io(io::ErrorKind),
}

/// Why something was not queued, small enough for the path of every message: what returns an
/// [`Error`] moves all of it, even if there is none.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Unsent {
    /// The connection has ended.
    Ended(Cause),
    Refused(SendError),
    QueueFull,
}

impl From<SendError> for Unsent {
    fn from(error: SendError) -> Self {
        Self::Refused(error)
    }
}

impl From<Unsent> for Error {
    #[cold]
    fn from(unsent: Unsent) -> Self {
        match unsent {
            Unsent::Ended(cause) => cause.into(),
            Unsent::Refused(error) => error.into(),
            Unsent::QueueFull => Self::QueueFull,
        }
    }
}

impl From<Cause> for Error {
    /// What a send on a connection that has ended fails with.
    #[cold]
    fn from(cause: Cause) -> Self {
        match cause {
            Cause::Closed => Self::Send(SendError::Closed),
            Cause::Protocol(error) => Self::Protocol(error),
            Cause::Disconnected => Self::Disconnected,
            Cause::TimedOut(timer) => Self::TimedOut(timer),
            Cause::Terminated => Self::Terminated,
            Cause::Io(kind) => io::Error::from(kind).into(),
        }
    }
}
