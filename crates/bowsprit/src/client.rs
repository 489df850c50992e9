//! Opening connections, RFC 6455 §4.1.

use std::{
    future::{Future, poll_fn},
    pin::pin,
    sync::Arc,
    task::Poll,
    time::Duration,
};

use bowsprit_proto::handshake::{ClientHandshake, Offer};
use bytes::{Bytes, BytesMut};
use http::{HeaderName, HeaderValue, Request, Response, StatusCode};
use http_body_util::{BodyExt, Empty};
use hyper::{
    body::Incoming,
    client::conn::http1::{self, Connection, Parts},
};
use hyper_util::rt::TokioIo;
use tokio::{net::TcpStream, time::timeout};

use crate::{
    Deflate, Error, Io, Limits, Options, Role, Timer, Url, Version, WebSocket, entropy,
    io::Transport,
    websocket::{Opened, Opening},
};

/// How much of the body of a refusal is kept.
const MAX_REFUSAL_LEN: usize = 64 * 1024;

/// How long its body is read.
const REFUSAL_TIMEOUT: Duration = Duration::from_secs(2);

/// hyper's limits on the response's head: bytes and header fields.
const MAX_HEAD_LEN: usize = 16 * 1024;
const MAX_HEADERS: usize = 100;

/// Connects to a `ws:` URL with the default options. See [`Client`] for others.
///
/// # Errors
///
/// See [`Client::connect`].
///
/// # Cancel safety
///
/// Dropping the future gives up the connection.
pub async fn connect(url: &str) -> Result<WebSocket, Error> {
    Client::new().connect(url).await
}

/// Opens connections.
///
/// ```no_run
/// # async fn example() -> Result<(), bowsprit::Error> {
/// let client = bowsprit::Client::new()
///     .header("authorization", "Bearer 1234")
///     .subprotocol("chat.v2")
///     .subprotocol("chat.v1");
/// let ws = client.connect("ws://127.0.0.1:8080/chat").await?;
/// println!("speaking {:?} with {}", ws.subprotocol(), ws.url().unwrap());
/// # Ok(())
/// # }
/// ```
#[derive(Debug)]
pub struct Client {
    offer: Offer,
    options: Arc<Options>,
    handshake_timeout: Duration,
    invalid: Option<http::Error>,
}

impl Default for Client {
    fn default() -> Self {
        Self::new()
    }
}

impl Client {
    /// A client with the default options.
    #[must_use]
    pub fn new() -> Self {
        let mut offer = Offer::default();
        offer.deflate = Some(Deflate::client());
        Self {
            offer,
            options: Arc::new(Options::client()),
            handshake_timeout: Duration::from_secs(10),
            invalid: None,
        }
    }

    /// Adds a header field to the request, such as a cookie or credentials.
    ///
    /// Those of the handshake itself cannot be set; `Host` can be replaced. An invalid name or
    /// value is an error when connecting.
    #[must_use]
    pub fn header<N, V>(mut self, name: N, value: V) -> Self
    where
        N: TryInto<HeaderName, Error: Into<http::Error>>,
        V: TryInto<HeaderValue, Error: Into<http::Error>>,
    {
        match (name.try_into(), value.try_into()) {
            (Ok(name), Ok(value)) => drop(self.offer.headers.append(name, value)),
            (Err(error), _) => self.invalid = Some(error.into()),
            (_, Err(error)) => self.invalid = Some(error.into()),
        }
        self
    }

    /// Names an origin, as browsers do for the page that connects.
    #[must_use]
    pub fn origin<V>(mut self, origin: V) -> Self
    where
        V: TryInto<HeaderValue, Error: Into<http::Error>>,
    {
        match origin.try_into() {
            Ok(origin) => self.offer.origin = Some(origin),
            Err(error) => self.invalid = Some(error.into()),
        }
        self
    }

    /// Asks for a subprotocol; the first one asked for is preferred.
    ///
    /// If the server then chooses none, connecting fails, as it does in browsers.
    /// [`subprotocol_optional`](Self::subprotocol_optional) changes that.
    #[must_use]
    pub fn subprotocol(mut self, name: impl Into<String>) -> Self {
        self.offer.subprotocols.push(name.into());
        self
    }

    /// Goes on without a subprotocol if the server chooses none of those asked for.
    #[must_use]
    pub const fn subprotocol_optional(mut self) -> Self {
        self.offer.subprotocol_optional = true;
        self
    }

    /// Speaks another version of the protocol. Default: [`Version::V13`], RFC 6455.
    #[must_use]
    pub const fn version(mut self, version: Version) -> Self {
        self.offer.version = version;
        self
    }

    /// The compression to offer. Default: [`Deflate::client`]; `None` offers none.
    #[must_use]
    pub fn deflate(mut self, deflate: impl Into<Option<Deflate>>) -> Self {
        self.offer.deflate = deflate.into();
        self
    }

    /// What the server may make us hold. Default: [`Limits::CLIENT`].
    #[must_use]
    pub fn limits(mut self, limits: Limits) -> Self {
        Arc::make_mut(&mut self.options).limits = limits;
        self
    }

    /// Limits and timers of the open connection. Default: [`Options::client`].
    #[must_use]
    pub fn options(mut self, options: Options) -> Self {
        self.options = Arc::new(options);
        self
    }

    /// How long connecting may take in all: name, transport and handshake. Default: 10 s.
    #[must_use]
    pub const fn handshake_timeout(mut self, timeout: Duration) -> Self {
        self.handshake_timeout = timeout;
        self
    }

    /// Connects to a `ws:` URL.
    ///
    /// # Errors
    ///
    /// The URL is invalid, the server cannot be reached, it [refuses](Error::Refused), or it breaks
    /// a rule of the handshake.
    ///
    /// # Cancel safety
    ///
    /// Dropping the future gives up the connection.
    pub async fn connect(&self, url: &str) -> Result<WebSocket, Error> {
        let url: Url = url.parse()?;
        if url.is_secure() {
            return Err(Error::NoTls);
        }
        self.in_time(async {
            let stream = TcpStream::connect((url.host(), url.port())).await?;
            self.open(&url, stream).await
        })
        .await
    }

    /// Opens a connection over a transport that is there already. The URL gives `Host` and path;
    /// for `wss:` the transport has to be encrypted.
    ///
    /// # Errors
    ///
    /// As [`connect`](Self::connect).
    ///
    /// # Cancel safety
    ///
    /// Dropping the future gives up the transport.
    pub async fn connect_over(&self, url: &str, io: impl Io) -> Result<WebSocket, Error> {
        let url: Url = url.parse()?;
        self.in_time(self.open(&url, io)).await
    }

    async fn in_time<T>(
        &self,
        connecting: impl Future<Output = Result<T, Error>>,
    ) -> Result<T, Error> {
        let opened = timeout(self.handshake_timeout, connecting).await;
        opened.unwrap_or(Err(Error::TimedOut(Timer::Handshake)))
    }

    /// Speaks the opening handshake over `io`.
    async fn open<T: Io>(&self, url: &Url, io: T) -> Result<WebSocket, Error> {
        if let Some(error) = &self.invalid {
            return Err(Error::Header(again(error)));
        }
        let (handshake, request) = ClientHandshake::new(url, &self.offer, entropy::random())?;
        let (response, parts) = exchange(request, io).await?;
        let negotiated = handshake.verify(&response)?;
        let (transport, _) = Transport::recognise(parts.io.into_inner());
        let opened = Opened {
            role: Role::Client,
            peer_addr: transport.peer_addr(),
            transport,
            path: path(url.resource_name()),
            negotiated,
            received: &parts.read_buf,
            options: Arc::clone(&self.options),
            deflate: self.offer.deflate.unwrap_or_else(Deflate::client),
        };
        let opening = Opening { url: url.clone(), response };
        Ok(opened.into_websocket(Some(Box::new(opening))))
    }
}

/// The error of an invalid header field, for a client that is used again.
fn again(error: &http::Error) -> http::Error {
    if error.is::<http::header::InvalidHeaderName>() {
        HeaderName::from_bytes(b"\0").map_or_else(Into::into, |_| unreachable!("not a name"))
    } else {
        HeaderValue::from_bytes(b"\0").map_or_else(Into::into, |_| unreachable!("not a value"))
    }
}

fn path(resource_name: &str) -> &str {
    resource_name.split_once('?').map_or(resource_name, |(path, _)| path)
}

/// Sends the request and reads the head of the response; gives the transport back, with what was
/// read from it after the head.
async fn exchange<T: Io>(
    request: Request<()>,
    io: T,
) -> Result<(Response<()>, Parts<TokioIo<T>>), Error> {
    let (mut requests, mut connection) = http1::Builder::new()
        .title_case_headers(true)
        .max_buf_size(MAX_HEAD_LEN)
        .max_headers(MAX_HEADERS)
        .handshake::<_, Empty<Bytes>>(TokioIo::new(io))
        .await
        .map_err(http_error)?;
    let request = requests.send_request(request.map(|()| Empty::new()));
    let response = drive(&mut connection, request).await?.map_err(http_error)?;
    if response.status() != StatusCode::SWITCHING_PROTOCOLS {
        let refusal = drive(&mut connection, refusal(response)).await?;
        return Err(Error::Refused(Box::new(refusal)));
    }
    poll_fn(|cx| connection.poll_without_shutdown(cx)).await.map_err(http_error)?;
    Ok((response.map(drop), connection.into_parts()))
}

/// Runs `future` while hyper's connection does the work for it.
async fn drive<T: Io, F: Future>(
    connection: &mut Connection<TokioIo<T>, Empty<Bytes>>,
    future: F,
) -> Result<F::Output, Error> {
    let mut future = pin!(future);
    let mut ended = false;
    poll_fn(|cx| {
        if let Poll::Ready(output) = future.as_mut().poll(cx) {
            return Poll::Ready(Ok(output));
        }
        if !ended && let Poll::Ready(result) = connection.poll_without_shutdown(cx) {
            ended = true;
            result.map_err(http_error)?;
        }
        // What the connection has just done may be all that the future was waiting for.
        future.as_mut().poll(cx).map(Ok)
    })
    .await
}

/// A refusal with the start of its body.
async fn refusal(response: Response<Incoming>) -> Response<Bytes> {
    let (head, mut body) = response.into_parts();
    let mut start = BytesMut::new();
    let reading = async {
        while start.len() < MAX_REFUSAL_LEN
            && let Some(Ok(frame)) = body.frame().await
        {
            start.extend_from_slice(frame.data_ref().unwrap_or(&Bytes::new()));
        }
    };
    // Status and headers are worth more than the rest of a body that does not end.
    let _too_slow = timeout(REFUSAL_TIMEOUT, reading).await;
    start.truncate(MAX_REFUSAL_LEN);
    Response::from_parts(head, start.freeze())
}

fn http_error(error: hyper::Error) -> Error {
    Error::Http(error.into())
}
