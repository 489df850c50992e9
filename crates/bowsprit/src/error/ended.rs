//! Errors of an open connection, small enough for the path of every message.

use std::io;

use super::{Error, TimeoutKind};
use crate::{ProtocolError, SendError};

/// Why a connection that was open has ended, for all who may ask.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum EndReason {
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
pub(crate) enum QueueError {
    /// The connection has ended.
    Ended(EndReason),
    Refused(SendError),
    QueueFull,
}

impl From<SendError> for QueueError {
    fn from(error: SendError) -> Self {
        Self::Refused(error)
    }
}

impl From<QueueError> for Error {
    #[cold]
    fn from(unsent: QueueError) -> Self {
        match unsent {
            QueueError::Ended(cause) => cause.into(),
            QueueError::Refused(error) => error.into(),
            QueueError::QueueFull => Self::QueueFull,
        }
    }
}

impl From<EndReason> for Error {
    /// What a send on a connection that has ended fails with.
    #[cold]
    fn from(cause: EndReason) -> Self {
        match cause {
            EndReason::Closed => Self::Send(SendError::Closed),
            EndReason::Protocol(error) => Self::Protocol(error),
            EndReason::Disconnected => Self::Disconnected,
            EndReason::TimedOut(timer) => Self::TimedOut(timer),
            EndReason::Terminated => Self::Terminated,
            EndReason::Io(kind) => io::Error::from(kind).into(),
        }
    }
}
