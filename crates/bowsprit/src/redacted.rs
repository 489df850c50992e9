//! What `Debug` does not show: it ends up in logs, and answers of servers hold cookies and tokens.

use std::fmt;

use bytes::Bytes;
use http::Response;

use crate::Error;
#[cfg(feature = "client")]
use crate::Rejected;
#[cfg(feature = "proxy")]
use crate::error::ProxyError;

/// A response without the values of its header fields, and without its body.
struct Redacted<'r>(&'r Response<Bytes>);

impl fmt::Debug for Redacted<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Response")
            .field("status", &self.0.status())
            .field("headers", &self.0.headers().keys().collect::<Vec<_>>())
            .field("body_len", &self.0.body().len())
            .finish()
    }
}

#[cfg(feature = "client")]
impl fmt::Debug for Rejected {
    /// Names of header fields, but not their values, nor the body.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Rejected")
            .field("url", &self.url)
            .field("response", &Redacted(&self.response))
            .finish()
    }
}

impl fmt::Debug for Error {
    /// Of a response, names of header fields, but not their values, nor the body.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let one = |f: &mut fmt::Formatter<'_>, name, field: &dyn fmt::Debug| {
            f.debug_tuple(name).field(field).finish()
        };
        match self {
            Self::Url(error) => one(f, "Url", error),
            Self::Header(error) => one(f, "Header", error),
            Self::NoTls => f.write_str("NoTls"),
            Self::NoRuntime => f.write_str("NoRuntime"),
            Self::Resolve { host, error } => {
                f.debug_struct("Resolve").field("host", host).field("error", error).finish()
            }
            #[cfg(feature = "proxy")]
            Self::InvalidProxy(why) => one(f, "InvalidProxy", why),
            #[cfg(feature = "proxy")]
            Self::Proxy { proxy, error } => {
                f.debug_struct("Proxy").field("proxy", proxy).field("error", error).finish()
            }
            #[cfg(feature = "client")]
            Self::Redirect { from, error } => {
                f.debug_struct("Redirect").field("from", from).field("error", error).finish()
            }
            Self::Callback(error) => one(f, "Callback", error),
            Self::Tls(error) => one(f, "Tls", error),
            Self::Handshake(error) => one(f, "Handshake", error),
            Self::Refused(response) => one(f, "Refused", &Redacted(response)),
            Self::Http(error) => one(f, "Http", error),
            Self::Protocol(error) => one(f, "Protocol", error),
            Self::Send(error) => one(f, "Send", error),
            Self::QueueFull => f.write_str("QueueFull"),
            Self::Closed(close) => one(f, "Closed", close),
            Self::Disconnected => f.write_str("Disconnected"),
            Self::TimedOut(timer) => one(f, "TimedOut", timer),
            Self::Terminated => f.write_str("Terminated"),
            Self::Io(error) => one(f, "Io", error),
            #[cfg(feature = "json")]
            Self::Json(error) => one(f, "Json", error),
        }
    }
}

#[cfg(feature = "proxy")]
impl fmt::Debug for ProxyError {
    /// Of a response, names of header fields, but not their values, nor the body.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Unreachable(error) => f.debug_tuple("Unreachable").field(error).finish(),
            Self::Refused(response) => f.debug_tuple("Refused").field(&Redacted(response)).finish(),
            Self::Tls(error) => f.debug_tuple("Tls").field(error).finish(),
            Self::Http(error) => f.debug_tuple("Http").field(error).finish(),
            Self::Socks(error) => f.debug_tuple("Socks").field(error).finish(),
            Self::Ipv6 => f.write_str("Ipv6"),
            Self::UnexpectedData => f.write_str("UnexpectedData"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_refusal_is_shown_without_what_it_says() {
        let response = || {
            let response = Response::builder().status(401).header("set-cookie", "s3cret");
            response.body(Bytes::from_static(b"s3cret")).unwrap()
        };
        let shown = "Response { status: 401, headers: [\"set-cookie\"], body_len: 6 }";
        let error = Error::Refused(Box::new(response()));
        assert_eq!(format!("{error:?}"), format!("Refused({shown})"));
        #[cfg(feature = "proxy")]
        {
            let error = ProxyError::Refused(Box::new(response()));
            let error = Error::Proxy { proxy: "http://p:1".into(), error };
            let shown = format!("Proxy {{ proxy: \"http://p:1\", error: Refused({shown}) }}");
            assert_eq!(format!("{error:?}"), shown);
        }
        #[cfg(feature = "client")]
        {
            let url = "ws://user:s3cret@a/b?s3cret".parse().unwrap();
            let rejected = Rejected { url, response: response() };
            let shown = format!("Rejected {{ url: Url(ws://a/b?…), response: {shown} }}");
            assert_eq!(format!("{rejected:?}"), shown);
        }
    }

    #[cfg(feature = "client")]
    #[test]
    fn a_client_is_shown_without_its_secrets() {
        let client = crate::Client::new()
            .header("x-api-key", "s3cret")
            .bearer_auth("s3cret")
            .subprotocol("s3cret");
        let shown = format!("{client:?} {:?}", client.reconnect("ws://u:s3cret@a/").unwrap());
        assert!(!shown.contains("s3cret"), "{shown}");
        assert!(shown.contains("x-api-key") && shown.contains("subprotocols: 1"), "{shown}");
    }
}
