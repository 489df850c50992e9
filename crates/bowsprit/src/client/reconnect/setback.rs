//! Why there is no connection, and whether another attempt can help.

use std::fmt;

use http::StatusCode;

use crate::{Close, CloseCode, Error};

/// What stands between a client and its connection.
#[derive(Debug)]
#[non_exhaustive]
pub enum Setback {
    /// Connecting failed.
    Failed(Error),
    /// The connection was closed in good order, with the peer's code and reason.
    Closed(Close<'static>),
    /// The connection broke.
    Broken(Error),
}

impl Setback {
    /// Whether another attempt, later, can help: what a client goes by that is not told otherwise.
    ///
    /// A server that is away or overloaded can come back. One that does not want us (401, 403, 404,
    /// 1008, 3000, 3003), that does not speak as it should, or whose certificate is not good, stays
    /// like that; and after a close with 1000 everything is said.
    #[must_use]
    pub fn can_heal(&self) -> bool {
        match self {
            Self::Failed(error) | Self::Broken(error) => error_can_heal(error),
            Self::Closed(close) => code_can_heal(close.code),
        }
    }
}

fn error_can_heal(error: &Error) -> bool {
    match error {
        Error::Refused(response) => status_can_heal(response.status()),
        #[cfg(feature = "proxy")]
        Error::Proxy { error: crate::ProxyError::Refused(response), .. } => {
            status_can_heal(response.status())
        }
        #[cfg(feature = "proxy")]
        Error::Proxy { error, .. } => {
            !matches!(error, crate::ProxyError::Ipv6 | crate::ProxyError::Tls(_))
        }
        Error::Io(_)
        | Error::Resolve { .. }
        | Error::TimedOut(_)
        | Error::Http(_)
        | Error::Hook(_)
        | Error::Disconnected => true,
        _ => false,
    }
}

fn status_can_heal(status: StatusCode) -> bool {
    matches!(status.as_u16(), 408 | 425 | 429 | 500 | 502..=504 | 507..)
}

/// RFC 6455 §7.4, and the registry that it founds.
fn code_can_heal(code: CloseCode) -> bool {
    matches!(u16::from(code), 1001 | 1005 | 1006 | 1011..=1014 | 3001 | 3002 | 3004..)
}

impl fmt::Display for Setback {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Failed(error) | Self::Broken(error) => fmt::Display::fmt(error, f),
            Self::Closed(close) => write!(f, "closed: {close}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use http::Response;

    use super::*;
    use crate::{Bytes, HandshakeError, Timer};

    #[test]
    fn what_can_come_back_is_tried_again_and_what_cannot_is_not() {
        let refused = |status: u16| {
            let response = Response::builder().status(status).body(Bytes::new()).unwrap();
            Setback::Failed(Error::Refused(Box::new(response)))
        };
        for (heals, statuses) in [
            (true, &[408, 425, 429, 500, 502, 503, 504, 520, 599][..]),
            (false, &[200, 302, 400, 401, 403, 404, 407, 410, 426, 501, 505]),
        ] {
            for status in statuses {
                assert_eq!(refused(*status).can_heal(), heals, "{status}");
            }
        }
        for (heals, codes) in [
            (true, &[1001, 1005, 1006, 1011, 1012, 1013, 1014, 3999, 4000, 4999][..]),
            (false, &[1000, 1002, 1003, 1007, 1008, 1009, 1010, 3000, 3003]),
        ] {
            for code in codes {
                assert_eq!(code_can_heal(CloseCode::from(*code)), heals, "{code}");
            }
        }
        let failed = Setback::Failed;
        assert!(failed(Error::Io(std::io::ErrorKind::ConnectionRefused.into())).can_heal());
        assert!(failed(Error::TimedOut(Timer::Connect)).can_heal());
        assert!(Setback::Broken(Error::Disconnected).can_heal());
        assert!(!failed(Error::Tls("bad certificate".into())).can_heal());
        assert!(!failed(Error::Handshake(HandshakeError::Accept)).can_heal());
        #[cfg(feature = "proxy")]
        for (heals, error) in [
            (true, crate::ProxyError::Unreachable(std::io::ErrorKind::ConnectionRefused.into())),
            (false, crate::ProxyError::Tls("bad certificate".into())),
            (false, crate::ProxyError::Ipv6),
        ] {
            assert_eq!(failed(Error::Proxy { proxy: String::new(), error }).can_heal(), heals);
        }
    }
}
