//! Why a head cannot be read.

use std::{error::Error as StdError, fmt, io};

#[cfg(feature = "server")]
use http::StatusCode;

/// What the `http` crate takes.
pub(super) const MAX_TARGET_LEN: usize = 65_534;

/// Which head it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    Request,
    Response,
}

/// A head that is not one, or too much of one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct HeadError {
    pub(super) kind: Kind,
    pub(super) fault: Fault,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Fault {
    /// More than so many bytes.
    TooLong(usize),
    /// More than so many fields.
    TooManyFields(usize),
    /// The first line is not one of HTTP/1.
    NotHttp(Start),
    /// What is wrong with a line.
    Malformed(&'static str),
    /// The target of the request has more bytes than URIs can have.
    TargetTooLong,
    /// The transport has ended after so many bytes.
    Ended(usize),
    /// The client did not wait for the answer.
    #[cfg(feature = "server")]
    Abandoned,
    /// More 1xx responses than this before the one that counts.
    #[cfg(feature = "client")]
    TooManyInterim(usize),
}

/// The first bytes of something.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Start {
    bytes: [u8; Self::MAX_LEN],
    len: usize,
}

impl Start {
    const MAX_LEN: usize = 12;

    pub(super) fn new(input: &[u8]) -> Self {
        let len = input.len().min(Self::MAX_LEN);
        let mut bytes = [0; Self::MAX_LEN];
        bytes[..len].copy_from_slice(&input[..len]);
        Self { bytes, len }
    }

    fn bytes(&self) -> &[u8] {
        &self.bytes[..self.len]
    }

    /// Whether nothing of HTTP begins like this, so that it can be shown: what is nearly a request
    /// may have a secret in its query.
    pub(super) fn is_foreign(&self, kind: Kind) -> bool {
        self.explanation(kind).is_some() || !self.bytes().iter().all(is_text)
    }

    /// What it is the beginning of, if that can be told, and what to do then.
    fn explanation(&self, kind: Kind) -> Option<&'static str> {
        match (self.bytes(), kind) {
            ([0x14..=0x17, 3, ..], Kind::Response) => {
                Some("TLS; try a wss: URL, or https: for a proxy")
            }
            ([0x14..=0x17, 3, ..], Kind::Request) => {
                Some("TLS, which this listener does not speak; clients need a ws: URL")
            }
            ([b'S', b'S', b'H', b'-', ..], _) => Some("SSH; check the port"),
            ([b'P', b'R', b'I', b' ', ..], _) => Some("HTTP/2, which is not supported here"),
            // A SETTINGS frame, RFC 9113 §3.4.
            ([0, 0, _, 4, 0, ..], _) => Some("HTTP/2, which is not supported here"),
            ([b'H', b'T', b'T', b'P', b'/', ..], Kind::Response) => {
                Some("an unsupported version of HTTP; WebSocket needs HTTP/1.1")
            }
            _ => None,
        }
    }
}

fn is_text(byte: &u8) -> bool {
    byte.is_ascii_graphic() || b" \r\n\t".contains(byte)
}

impl fmt::Display for Start {
    /// As text if it is text, else in hexadecimal digits.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match std::str::from_utf8(self.bytes()) {
            Ok(text) if self.bytes().iter().all(is_text) => write!(f, "{text:?}"),
            _ => {
                let mut separator = "";
                for byte in &self.bytes()[..self.len.min(6)] {
                    write!(f, "{separator}{byte:02x}")?;
                    separator = " ";
                }
                Ok(())
            }
        }
    }
}

impl HeadError {
    /// That of a client that did not wait for the answer.
    #[cfg(feature = "server")]
    pub(crate) const fn abandoned() -> Self {
        Self { kind: Kind::Request, fault: Fault::Abandoned }
    }

    /// The status that a server answers with.
    #[cfg(feature = "server")]
    pub(crate) const fn status(self) -> StatusCode {
        match self.fault {
            Fault::TooLong(_) | Fault::TooManyFields(_) => {
                StatusCode::REQUEST_HEADER_FIELDS_TOO_LARGE
            }
            Fault::TargetTooLong => StatusCode::URI_TOO_LONG,
            _ => StatusCode::BAD_REQUEST,
        }
    }

    /// After how many bytes the peer has gone, if that is what is wrong.
    #[cfg(feature = "server")]
    pub(crate) const fn ended_after(self) -> Option<usize> {
        match self.fault {
            Fault::Ended(len) => Some(len),
            _ => None,
        }
    }
}

impl fmt::Display for HeadError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (what, owner) = match self.kind {
            Kind::Request => ("request", "ServerBuilder"),
            Kind::Response => ("response", "Client"),
        };
        match self.fault {
            Fault::TooLong(max) => write!(
                f,
                "the head of the {what} is longer than {max} bytes ({owner}::max_head_len)"
            ),
            Fault::TooManyFields(max) => write!(
                f,
                "the {what} has more than {max} header fields ({owner}::max_header_fields)"
            ),
            Fault::NotHttp(start) => {
                write!(f, "the {what} is not HTTP/1.1: it begins with {start}")?;
                match start.explanation(self.kind) {
                    Some(explanation) => write!(f, ", which is {explanation}"),
                    None => Ok(()),
                }
            }
            Fault::Malformed(why) => write!(f, "the head of the {what} is malformed: {why}"),
            Fault::TargetTooLong => {
                write!(f, "the target of the {what} is longer than {MAX_TARGET_LEN} bytes")
            }
            Fault::Ended(0) => write!(f, "the connection ended before the {what}"),
            Fault::Ended(len) => {
                write!(f, "the connection ended in the head of the {what}, after {len} bytes")
            }
            #[cfg(feature = "server")]
            Fault::Abandoned => f.write_str("the client went away before it was answered"),
            #[cfg(feature = "client")]
            Fault::TooManyInterim(max) => {
                write!(f, "more than {max} interim responses (1xx) came before the final one")
            }
        }
    }
}

impl StdError for HeadError {}

/// Why no head has come.
#[derive(Debug)]
pub(crate) enum ReadError {
    Head(HeadError),
    Io(io::Error),
    /// The connection had to make room for others.
    #[cfg(feature = "server")]
    Cut,
    /// The server shuts down, and nothing has come.
    #[cfg(feature = "server")]
    ShuttingDown,
    /// The same when a part of the head is there.
    #[cfg(feature = "server")]
    Unfinished,
}
