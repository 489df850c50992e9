//! How the program ends: its exit codes.

use std::process::ExitCode;

use bowsprit::{Close, CloseCode, ConnectError, error::HandshakeError};

use crate::signal::Signal;

/// What `--help` says about exit codes.
pub(crate) const HELP: &str = "\
Exit codes:
    0  as asked: we closed, or the peer did with 1000, 1001 or no code
    1  failed, or the connection was lost without a close frame
    2  wrong usage
    3  the server refused the handshake
    4  the peer closed with another code
  130  connect was ended by SIGINT (Ctrl-C), 143 by SIGTERM, 129 by SIGHUP";

/// How the program has ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Outcome {
    /// As asked.
    Done = 0,
    Failed = 1,
    /// What was asked for cannot be.
    Usage = 2,
    /// The server answered the handshake with something else than 101.
    Refused = 3,
    /// The peer closed, and its code says that something is wrong.
    ClosedByPeer = 4,
    /// 128 and the number of the signal, as shells have it.
    #[cfg(unix)]
    HungUp = 129,
    Interrupted = 130,
    #[cfg(unix)]
    Terminated = 143,
}

/// An error, and the outcome it leads to.
#[derive(Debug)]
pub(crate) struct Failure {
    pub(crate) outcome: Outcome,
    pub(crate) error: anyhow::Error,
}

impl From<Outcome> for ExitCode {
    fn from(outcome: Outcome) -> Self {
        Self::from(outcome as u8)
    }
}

impl From<&ConnectError> for Outcome {
    fn from(error: &ConnectError) -> Self {
        match error {
            ConnectError::Rejected(_) => Self::Refused,
            ConnectError::Url(_)
            | ConnectError::Header(_)
            | ConnectError::InvalidProxy(_)
            | ConnectError::Handshake(
                HandshakeError::InvalidSubprotocol(_) | HandshakeError::ReservedHeader(_),
            ) => Self::Usage,
            _ => Self::Failed,
        }
    }
}

impl From<&Close<'_>> for Outcome {
    fn from(close: &Close<'_>) -> Self {
        match close.code {
            CloseCode::NORMAL | CloseCode::GOING_AWAY | CloseCode::NO_STATUS_RECEIVED => Self::Done,
            _ => Self::ClosedByPeer,
        }
    }
}

impl From<Signal> for Outcome {
    fn from(signal: Signal) -> Self {
        match signal {
            Signal::Interrupt => Self::Interrupted,
            #[cfg(unix)]
            Signal::Terminate => Self::Terminated,
            #[cfg(unix)]
            Signal::HangUp => Self::HungUp,
        }
    }
}

impl<E: Into<anyhow::Error>> From<E> for Failure {
    fn from(error: E) -> Self {
        Self { outcome: Outcome::Failed, error: error.into() }
    }
}
