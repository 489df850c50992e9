//! HTTP CONNECT, RFC 9110 §9.3.6.

use http::{HeaderValue, Method, Request, header};

use super::Proxy;
use crate::{
    ConnectError,
    client::{
        exchange::{Bounds, exchange},
        network::Destination,
    },
    error::ProxyError,
    head::Spelling,
    transport::AnyTransport,
};

/// Asks the proxy for a tunnel.
pub(super) async fn open(
    proxy: &Proxy,
    to: &Destination,
    transport: AnyTransport,
    bounds: Bounds,
) -> Result<AnyTransport, ConnectError> {
    let request = request(proxy, to)?;
    match exchange(&request, &Spelling::default(), transport, bounds).await {
        // Nobody speaks before we do: what is there is no part of the tunnel.
        Ok(tunnel) if !tunnel.received.is_empty() => Err(proxy.failed(ProxyError::UnexpectedData)),
        Ok(tunnel) => Ok(tunnel.transport),
        Err(ConnectError::Rejected(response)) => Err(proxy.failed(ProxyError::Rejected(response))),
        Err(ConnectError::Http(error)) => Err(proxy.failed(ProxyError::Http(error))),
        Err(ConnectError::Io(error)) => Err(proxy.failed(ProxyError::Http(error))),
        Err(error) => Err(error),
    }
}

/// The target, and the proxy's credentials; nothing of the request that the server will get.
fn request(proxy: &Proxy, to: &Destination) -> Result<Request<()>, ConnectError> {
    let target = match to.host.contains(':') {
        true => format!("[{}]:{}", to.host, to.port),
        false => format!("{}:{}", to.host, to.port),
    };
    let mut request = Request::new(());
    *request.method_mut() = Method::CONNECT;
    let host = HeaderValue::from_str(&target)
        .map_err(|_| ConnectError::Header("Host cannot name the server"))?;
    *request.uri_mut() =
        target.parse().map_err(|_| ConnectError::Header("no request line can name the server"))?;
    request.headers_mut().insert(header::HOST, host);
    if let Some(authorization) = proxy.authorization() {
        request.headers_mut().insert(header::PROXY_AUTHORIZATION, authorization);
    }
    Ok(request)
}
