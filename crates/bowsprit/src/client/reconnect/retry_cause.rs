//! Why there is no connection, and whether another attempt may succeed.

use std::fmt;

use http::StatusCode;

use crate::{Close, CloseCode, ConnectError, Error};

/// Why a client that reconnects has no connection.
///
/// ```
/// use bowsprit::{Close, CloseCode, Error, reconnect::RetryCause};
///
/// let restart = RetryCause::Closed(Close::new(CloseCode::SERVICE_RESTART, "new version"));
/// assert!(restart.is_retryable());
/// assert!(RetryCause::Broken(Error::Disconnected).is_retryable());
/// assert!(!RetryCause::Closed(CloseCode::POLICY_VIOLATION.into()).is_retryable());
/// ```
#[derive(Debug)]
#[non_exhaustive]
pub enum RetryCause {
    /// Connecting failed.
    Failed(ConnectError),
    /// The connection was closed cleanly, with the peer's code and reason.
    Closed(Close<'static>),
    /// The connection failed.
    Broken(Error),
}

impl RetryCause {
    /// Whether another attempt may succeed later: the default of
    /// [`Reconnect::retry_if`](crate::reconnect::Reconnect::retry_if).
    ///
    /// A server that is unreachable or overloaded can recover. A server that rejects the client
    /// (401, 403, 404, 1008, 3000, 3003), violates the protocol, or has an invalid certificate will
    /// do so again, and after a close with 1000 the server has finished.
    #[must_use]
    pub fn is_retryable(&self) -> bool {
        match self {
            Self::Failed(error) => failure_is_retryable(error),
            Self::Broken(error) => {
                matches!(error, Error::Io(_) | Error::TimedOut(_) | Error::Disconnected)
            }
            Self::Closed(close) => code_is_retryable(close.code),
        }
    }
}

fn failure_is_retryable(error: &ConnectError) -> bool {
    match error {
        ConnectError::Rejected(response) => status_is_retryable(response.status()),
        #[cfg(feature = "proxy")]
        ConnectError::Proxy { error: crate::error::ProxyError::Rejected(response), .. } => {
            status_is_retryable(response.status())
        }
        #[cfg(feature = "proxy")]
        ConnectError::Proxy { error, .. } => {
            !matches!(error, crate::error::ProxyError::Ipv6 | crate::error::ProxyError::Tls(_))
        }
        ConnectError::Io(_)
        | ConnectError::Resolve { .. }
        | ConnectError::TimedOut(_)
        | ConnectError::Http(_)
        | ConnectError::Callback(_) => true,
        _ => false,
    }
}

fn status_is_retryable(status: StatusCode) -> bool {
    matches!(status.as_u16(), 408 | 425 | 429 | 500 | 502..=504 | 507..)
}

/// RFC 6455 §7.4, and the registry that it founds.
fn code_is_retryable(code: CloseCode) -> bool {
    matches!(u16::from(code), 1001 | 1005 | 1006 | 1011..=1014 | 3001 | 3002 | 3004..)
}

impl fmt::Display for RetryCause {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Failed(error) => fmt::Display::fmt(error, f),
            Self::Broken(error) => fmt::Display::fmt(error, f),
            Self::Closed(close) => write!(f, "closed: {close}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::{
        io::{self, ErrorKind},
        sync::Arc,
    };

    use http::Response;

    use super::*;
    use crate::{BoxError, Bytes, HandshakeError, ProtocolError, TimeoutKind};

    #[test]
    fn what_can_come_back_is_tried_again_and_what_cannot_is_not() {
        let refused = |status: u16| {
            let response = Response::builder().status(status).body(Bytes::new()).unwrap();
            RetryCause::Failed(ConnectError::Rejected(Box::new(response)))
        };
        for (retryable, statuses) in [
            (true, &[408, 425, 429, 500, 502, 503, 504, 520, 599][..]),
            (false, &[200, 302, 400, 401, 403, 404, 407, 410, 426, 501, 505]),
        ] {
            for status in statuses {
                assert_eq!(refused(*status).is_retryable(), retryable, "{status}");
            }
        }
        for (retryable, codes) in [
            (true, &[1001, 1005, 1006, 1011, 1012, 1013, 1014, 3999, 4000, 4999][..]),
            (false, &[1000, 1002, 1003, 1007, 1008, 1009, 1010, 3000, 3003]),
        ] {
            for code in codes {
                assert_eq!(code_is_retryable(CloseCode::from(*code)), retryable, "{code}");
            }
        }
        let failed = RetryCause::Failed;
        let bad_certificate = || Arc::from(BoxError::from("bad certificate"));
        assert!(failed(io::Error::from(ErrorKind::ConnectionRefused).into()).is_retryable());
        assert!(failed(ConnectError::TimedOut(TimeoutKind::Connect)).is_retryable());
        assert!(RetryCause::Broken(Error::Disconnected).is_retryable());
        assert!(RetryCause::Broken(Error::TimedOut(TimeoutKind::Heartbeat)).is_retryable());
        assert!(!RetryCause::Broken(Error::Protocol(ProtocolError::TextUtf8)).is_retryable());
        assert!(!failed(ConnectError::Tls(bad_certificate())).is_retryable());
        assert!(!failed(ConnectError::Handshake(HandshakeError::Accept)).is_retryable());
        #[cfg(feature = "proxy")]
        for (retryable, error) in [
            (
                true,
                crate::error::ProxyError::Unreachable(Arc::new(
                    ErrorKind::ConnectionRefused.into(),
                )),
            ),
            (false, crate::error::ProxyError::Tls(bad_certificate())),
            (false, crate::error::ProxyError::Ipv6),
        ] {
            assert_eq!(
                failed(ConnectError::Proxy { proxy: String::new(), error }).is_retryable(),
                retryable
            );
        }
    }
}
