//! What `Debug` does not show: it ends up in logs, and answers of servers hold cookies and tokens.

use std::fmt;

use bytes::Bytes;
use http::Response;

/// A response without the values of its header fields, and without its body.
pub(crate) struct Redacted<'r>(pub(crate) &'r Response<Bytes>);

impl fmt::Debug for Redacted<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Response")
            .field("status", &self.0.status())
            .field("headers", &self.0.headers().keys().collect::<Vec<_>>())
            .field("body_len", &self.0.body().len())
            .finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    #[cfg(feature = "server")]
    use crate::AcceptError;
    #[cfg(feature = "proxy")]
    use crate::error::ProxyError;
    #[cfg(feature = "client")]
    use crate::{ConnectError, Error, client::Rejected};

    #[test]
    fn a_rejection_is_shown_without_what_it_says() {
        let response = || {
            let response = Response::builder().status(401).header("set-cookie", "s3cret");
            response.body(Bytes::from_static(b"s3cret")).unwrap()
        };
        let shown = "Response { status: 401, headers: [\"set-cookie\"], body_len: 6 }";
        #[cfg(feature = "server")]
        {
            let error = AcceptError::Rejected(Box::new(response()));
            assert_eq!(format!("{error:?}"), format!("Rejected({shown})"));
        }
        #[cfg(feature = "proxy")]
        {
            let error = ProxyError::Rejected(Box::new(response()));
            let error = ConnectError::Proxy { proxy: "http://p:1".into(), error };
            let shown = format!("Proxy {{ proxy: \"http://p:1\", error: Rejected({shown}) }}");
            assert_eq!(format!("{error:?}"), shown);
        }
        #[cfg(feature = "client")]
        {
            let error = ConnectError::Rejected(Box::new(response()));
            assert_eq!(format!("{error:?}"), format!("Rejected({shown})"));
            let error = Error::from(error);
            assert_eq!(format!("{error:?}"), format!("Connect(Rejected({shown}))"));
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
