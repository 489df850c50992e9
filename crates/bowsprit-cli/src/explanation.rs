//! Why there is no connection, and which option helps.

use std::error::Error;

use anyhow::anyhow;
use bowsprit::{Bytes, ConnectError, client::Url, error::ProxyError, http::Response};
use rustls::{CertificateError, InvalidMessage};

use crate::terminal::escaped;

/// How much of the body of a rejection is shown.
const MAX_SHOWN_LEN: usize = 1024;

/// Whose TLS failed.
struct Side {
    name: &'static str,
    plain_scheme: &'static str,
    ca: &'static str,
    insecure: &'static str,
}

const SERVER: Side =
    Side { name: "server", plain_scheme: "ws:", ca: "--ca", insecure: "--insecure" };
const PROXY: Side =
    Side { name: "proxy", plain_scheme: "http:", ca: "--proxy-ca", insecure: "--proxy-insecure" };

pub(crate) fn explained(error: ConnectError, url: &Url) -> anyhow::Error {
    let told = match &error {
        ConnectError::Rejected(response) => return anyhow!(rejection(response)),
        ConnectError::Tls(inner) => tls(&**inner, &SERVER),
        ConnectError::Proxy { proxy, error: ProxyError::Tls(inner) } => {
            tls(&**inner, &PROXY).map(|why| format!("proxy {proxy}: {why}"))
        }
        // The library tells it in words alone, and with the bytes that have come.
        ConnectError::Http(inner) if inner.to_string().contains("which is TLS") => {
            Some("the server speaks TLS there; try a wss: URL".to_owned())
        }
        ConnectError::InvalidProxy(_) => Some(format!(
            "{error}; the environment names it: --no-proxy leaves it out, --proxy URL names another"
        )),
        ConnectError::Resolve { host, .. } if host != url.host() => Some(format!(
            "{error}; this is the host of a proxy or a redirect, and --no-proxy connects without \
             a proxy"
        )),
        _ => None,
    };
    let error = told.map_or_else(|| anyhow!(error), |told| anyhow!(told));
    error.context(format!("cannot connect to {url}"))
}

fn tls(error: &(dyn Error + Send + Sync + 'static), side: &Side) -> Option<String> {
    let Side { name, plain_scheme, ca, insecure } = side;
    Some(match error.downcast_ref()? {
        rustls::Error::InvalidMessage(InvalidMessage::InvalidContentType) => {
            format!(
                "TLS failed: the {name} does not speak TLS there; try a URL with {plain_scheme}"
            )
        }
        rustls::Error::InvalidCertificate(CertificateError::UnknownIssuer) => format!(
            "TLS failed: invalid peer certificate: it is not signed by an authority that is \
             trusted here; {ca} FILE trusts the one in FILE, {insecure} accepts any certificate"
        ),
        rustls::Error::InvalidCertificate(fault) => format!(
            "TLS failed: invalid peer certificate: {}; {insecure} accepts any certificate",
            certificate_fault(fault)
        ),
        _ => return None,
    })
}

fn certificate_fault(fault: &CertificateError) -> String {
    match fault {
        CertificateError::Expired | CertificateError::ExpiredContext { .. } => {
            "it has expired".to_owned()
        }
        CertificateError::NotValidYet | CertificateError::NotValidYetContext { .. } => {
            "it is not valid yet".to_owned()
        }
        CertificateError::NotValidForNameContext { expected, .. } => {
            format!("it is not for {}", expected.to_str())
        }
        CertificateError::Other(other) if other.to_string() == "CaUsedAsEndEntity" => {
            "it is one of an authority, not of a server".to_owned()
        }
        fault => fault.to_string(),
    }
}

/// What the server says instead of 101.
fn rejection(response: &Response<Bytes>) -> String {
    let mut text = format!("the server rejected the connection: {}", response.status());
    for (name, value) in response.headers() {
        let value = String::from_utf8_lossy(value.as_bytes());
        text.push_str(&format!("\n  {name}: {}", escaped(&value)));
    }
    let body = String::from_utf8_lossy(response.body());
    let shown: String = body.chars().take(MAX_SHOWN_LEN).collect();
    if !shown.is_empty() {
        text.push_str(&format!("\n\n{}", escaped(shown.trim_end())));
    }
    text
}
