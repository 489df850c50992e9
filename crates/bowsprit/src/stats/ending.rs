//! How a connection has ended, in the terms that it is counted in.

use crate::{CloseCode, TimeoutKind, error::EndReason};

/// Who sends a close frame.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Side {
    Peer,
    Us,
    /// We have, to tell the peer that it broke the protocol.
    LocalProtocolError,
}

/// By whom, or by what, a connection has ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum CloseKind {
    Peer,
    Us,
    ProtocolError,
    Heartbeat,
    Idle,
    WriteStall,
    CloseTimeout,
    Disconnected,
    Terminated,
    Io,
}

impl CloseKind {
    pub(super) const COUNT: usize = 10;

    /// `first` is the first close frame that was sent in either direction.
    pub(crate) fn of(cause: EndReason, first: Option<(Side, CloseCode)>) -> (Self, CloseCode) {
        let ending = match (cause, first) {
            (EndReason::Protocol(error), _) => return (Self::ProtocolError, error.close_code()),
            // Whether the peer was there to be told does not matter.
            (_, Some((Side::LocalProtocolError, code))) => return (Self::ProtocolError, code),
            (EndReason::Closed, Some((Side::Peer, code))) => return (Self::Peer, code),
            (EndReason::Closed, Some((Side::Us, code))) => return (Self::Us, code),
            (EndReason::Closed, None) => return (Self::Us, CloseCode::NO_STATUS_RECEIVED),
            (EndReason::TimedOut(TimeoutKind::Heartbeat), _) => Self::Heartbeat,
            (EndReason::TimedOut(TimeoutKind::Idle), _) => Self::Idle,
            (EndReason::TimedOut(TimeoutKind::WriteStall), _) => Self::WriteStall,
            (
                EndReason::TimedOut(
                    TimeoutKind::Close | TimeoutKind::Connect | TimeoutKind::Handshake,
                ),
                _,
            ) => Self::CloseTimeout,
            (EndReason::Disconnected, _) => Self::Disconnected,
            (EndReason::Terminated, _) => Self::Terminated,
            (EndReason::Io(_), _) => Self::Io,
        };
        (ending, CloseCode::ABNORMAL)
    }

    pub(super) const fn index(self) -> usize {
        self as usize
    }

    /// What metrics and logs call it.
    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::Peer => "peer",
            Self::Us => "us",
            Self::ProtocolError => "protocol_error",
            Self::Heartbeat => "heartbeat",
            Self::Idle => "idle",
            Self::WriteStall => "write_stall",
            Self::CloseTimeout => "close_timeout",
            Self::Disconnected => "disconnected",
            Self::Terminated => "terminated",
            Self::Io => "io",
        }
    }
}

/// A close code, or several that are counted as one: peers must not make us count thousands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum CodeClass {
    /// 1000 to 1015.
    Registered(u8),
    /// 3000 to 3999: of libraries and frameworks.
    Registry,
    /// 4000 to 4999: of applications.
    Private,
}

impl CodeClass {
    const REGISTERED: u8 = 16;
    pub(super) const COUNT: usize = Self::REGISTERED as usize + 2;

    pub(crate) fn of(code: CloseCode) -> Self {
        match u16::from(code) {
            3000..=3999 => Self::Registry,
            4000.. => Self::Private,
            code => match u8::try_from(code.saturating_sub(1000)) {
                Ok(offset) if offset < Self::REGISTERED => Self::Registered(offset),
                // None that is sent or received.
                _ => Self::Registered(2),
            },
        }
    }

    pub(super) const fn index(self) -> usize {
        match self {
            Self::Registered(offset) => offset as usize,
            Self::Registry => Self::REGISTERED as usize,
            Self::Private => Self::REGISTERED as usize + 1,
        }
    }

    #[cfg(feature = "metrics")]
    pub(super) fn label(self) -> String {
        match self {
            Self::Registered(offset) => (1000 + u16::from(offset)).to_string(),
            Self::Registry => "3xxx".to_owned(),
            Self::Private => "4xxx".to_owned(),
        }
    }
}
