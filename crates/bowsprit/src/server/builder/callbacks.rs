//! What a server asks and tells the application.

use bytes::Bytes;
use http::{Request, Response};

use super::{super::Rejection, ServerBuilder};
use crate::{AcceptError, Handle};

/// Callbacks.
impl ServerBuilder {
    /// Answers requests that do not ask for a WebSocket. If it returns `None`, WebSocket paths are
    /// answered 426 and others 404. The connection is closed after the response.
    ///
    /// ```
    /// use bowsprit::{Bytes, Server, http::Response};
    ///
    /// let server = Server::builder().path("/chat").fallback(|request| {
    ///     let page = Bytes::from_static(b"<!doctype html>\n<h1>Chat</h1>\n");
    ///     let html = Response::builder().header("content-type", "text/html; charset=utf-8");
    ///     if request.uri().path() == "/" { html.body(page).ok() } else { None }
    /// });
    /// ```
    #[must_use]
    pub fn fallback<F>(mut self, answer: F) -> Self
    where
        F: Fn(&Request<()>) -> Option<Response<Bytes>> + Send + Sync + 'static,
    {
        self.fallback = Box::new(answer);
        self
    }

    /// Called for each request that is rejected, for any reason, including requests that do not ask
    /// for a WebSocket and are answered 426 or 404. It returns the response: the one that it is
    /// passed, possibly with more header fields, or another one.
    ///
    /// ```
    /// use bowsprit::{Server, http::{HeaderValue, header}};
    ///
    /// let server = Server::builder().on_reject(|request, rejection| {
    ///     println!("{}: {}", request.uri().path(), rejection.response().status());
    ///     rejection.header(header::RETRY_AFTER, HeaderValue::from_static("60"))
    /// });
    /// ```
    #[must_use]
    pub fn on_reject<R>(mut self, hook: R) -> Self
    where
        R: Fn(&Request<()>, Rejection) -> Rejection + Send + Sync + 'static,
    {
        self.on_reject = Box::new(hook);
        self
    }

    /// Called when a connection fails before it is open without having been rejected: the client
    /// sent invalid HTTP or too much of it, a time-out expired, the client disconnected, or a
    /// response could not be written.
    ///
    /// ```
    /// use bowsprit::{AcceptError, Server};
    ///
    /// let server = Server::builder().on_handshake_error(|error| match error {
    ///     AcceptError::Disconnected => {}
    ///     error => eprintln!("no connection: {error}"),
    /// });
    /// ```
    #[must_use]
    pub fn on_handshake_error<R>(mut self, hook: R) -> Self
    where
        R: Fn(&AcceptError) + Send + Sync + 'static,
    {
        self.on_handshake_error = Box::new(hook);
        self
    }

    /// Called for each connection that was opened, before its handler is called and before it is in
    /// the server's [`clients`](crate::Server::clients). Messages that it sends are the first on
    /// the connection. It must not block.
    ///
    /// ```
    /// use bowsprit::Server;
    ///
    /// let server = Server::builder().on_connect(|client| {
    ///     println!("{:?} has connected to {}", client.peer_addr(), client.path());
    ///     // Fails only if the client has gone already.
    ///     let _ = client.try_send("welcome");
    /// });
    /// ```
    #[must_use]
    pub fn on_connect(mut self, hook: impl Fn(&Handle) + Send + Sync + 'static) -> Self {
        self.on_connect = Some(Box::new(hook));
        self
    }

    /// Called for each connection that has ended, in whatever way, after it was removed from the
    /// server's [`clients`](crate::Server::clients). It must not block.
    ///
    /// [`Handle::data`] and [`Topics::of`](crate::Topics::of) still return the connection's data
    /// and topics, so that it can say who has left which room:
    ///
    /// ```
    /// use bowsprit::{Server, Topics};
    ///
    /// struct Name(String);
    ///
    /// let topics = Topics::new();
    /// let rooms = topics.clone();
    /// let server = Server::builder().on_disconnect(move |client| {
    ///     let Some(name) = client.data::<Name>() else { return };
    ///     for room in rooms.of(client) {
    ///         rooms.publish(&room, format!("{} has left {room}", name.0)).send_now();
    ///     }
    /// });
    /// ```
    #[must_use]
    pub fn on_disconnect(mut self, hook: impl Fn(&Handle) + Send + Sync + 'static) -> Self {
        self.on_disconnect = Some(Box::new(hook));
        self
    }
}
