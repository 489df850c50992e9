//! HTTP CONNECT, RFC 9110 §9.3.6.

use http::{HeaderValue, Method, Request, header};

use super::Proxy;
use crate::{
    Error,
    client::{
        exchange::{Bounds, exchange},
        network::Destination,
    },
    error::ProxyError,
    head::Spelling,
    io::Transport,
};

/// Asks the proxy for a tunnel.
pub(super) async fn open(
    proxy: &Proxy,
    to: &Destination,
    transport: Transport,
    bounds: Bounds,
) -> Result<Transport, Error> {
    let request = request(proxy, to)?;
    match exchange(&request, &Spelling::default(), transport, bounds).await {
        // Nobody speaks before we do: what is there is no part of the tunnel.
        Ok(tunnel) if !tunnel.received.is_empty() => Err(proxy.failed(ProxyError::UnexpectedData)),
        Ok(tunnel) => Ok(tunnel.transport),
        Err(Error::Refused(response)) => Err(proxy.failed(ProxyError::Refused(response))),
        Err(Error::Http(error)) => Err(proxy.failed(ProxyError::Http(error))),
        Err(Error::Io(error)) => Err(proxy.failed(ProxyError::Http(error.into()))),
        Err(error) => Err(error),
    }
}

/// The target, and the proxy's credentials; nothing of the request that the server will get.
fn request(proxy: &Proxy, to: &Destination) -> Result<Request<()>, Error> {
    let target = match to.host.contains(':') {
        true => format!("[{}]:{}", to.host, to.port),
        false => format!("{}:{}", to.host, to.port),
    };
    let mut request = Request::new(());
    *request.method_mut() = Method::CONNECT;
    let host = HeaderValue::from_str(&target).map_err(|error| Error::Header(error.into()))?;
    *request.uri_mut() =
        target.parse().map_err(|error: http::uri::InvalidUri| Error::Header(error.into()))?;
    request.headers_mut().insert(header::HOST, host);
    if let Some(authorization) = proxy.authorization() {
        request.headers_mut().insert(header::PROXY_AUTHORIZATION, authorization);
    }
    Ok(request)
}
