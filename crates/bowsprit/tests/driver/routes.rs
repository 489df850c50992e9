//! Several WebSocket servers on one listener.

use bowsprit::{
    AcceptError, Bytes, ConnectError, Error, Server,
    config::Limits,
    http::{Request, Response},
    server::{RequestExt, Route, ServerBuilder, SubprotocolPolicy},
};
use tokio::{
    io::{AsyncReadExt, DuplexStream},
    task::JoinHandle,
};

use super::{
    peer::{Peer, REQUEST, TEXT},
    support::{PIPE_LEN, accept_request, paused, real, run},
};

/// A route that tells its name.
fn named(name: &'static str) -> Route {
    Route::new(move |mut ws, _| async move { Ok(ws.send(name).await?) })
}

/// What a client that asks for `path` is answered with by a server: a 101, or everything.
async fn ask(builder: ServerBuilder, request: String) -> String {
    let (ours, theirs) = tokio::io::duplex(PIPE_LEN);
    let accepting: JoinHandle<Result<_, AcceptError>> =
        tokio::spawn(async move { builder.build().accept(ours).await.map(drop) });
    let mut peer: Peer<DuplexStream> = Peer::client(theirs);
    peer.write(request).await;
    let mut answer = Vec::new();
    peer.io.read_to_end(&mut answer).await.unwrap();
    drop(peer);
    let _either = accepting.await.unwrap();
    String::from_utf8(answer).unwrap()
}

fn request_for(path: &str) -> String {
    REQUEST.replace("/chat", path)
}

#[test]
fn each_path_has_its_own_handler() {
    real(async {
        let builder = Server::builder().route("/foo", named("foo")).route("/bar", named("bar"));
        let (addr, _server) = run(builder).await;
        for (path, name) in [("/foo", "foo"), ("/bar", "bar"), ("/foo?x=/bar", "foo")] {
            let mut ws = bowsprit::connect(&format!("ws://{addr}{path}")).await.unwrap();
            assert_eq!(ws.recv().await.unwrap().unwrap().as_text(), Some(name));
            assert_eq!(ws.recv().await.unwrap(), None);
        }
        for path in ["/", "/foo/", "/Foo", "/foo/bar"] {
            let refused = bowsprit::connect(&format!("ws://{addr}{path}")).await.unwrap_err();
            let ConnectError::Rejected(response) = refused else { panic!("{path}: {refused}") };
            assert_eq!(response.status(), 404, "{path}");
        }
    });
}

#[test]
fn paths_without_a_route_of_their_own_go_to_the_handler_of_serve() {
    real(async {
        let server = Server::builder().route("/foo", named("foo")).path("/other");
        let server = server.bind("127.0.0.1:0").await.unwrap();
        let addr = server.local_addr().unwrap();
        let serving = server.serve(|mut ws, _| async move { Ok(ws.send("own").await?) });
        let serving = tokio::spawn(serving);
        for (path, name) in [("/foo", "foo"), ("/other", "own")] {
            let mut ws = bowsprit::connect(&format!("ws://{addr}{path}")).await.unwrap();
            assert_eq!(ws.recv().await.unwrap().unwrap().as_text(), Some(name));
        }
        serving.abort();
    });
}

#[test]
fn a_route_has_its_own_options_and_the_rest_from_the_server() {
    let chat = || SubprotocolPolicy::Supported(vec!["chat".into()]);
    paused(async move {
        let builder = || {
            Server::builder()
                .route("/strict", named("").limits(Limits::SERVER.max_message_len(3)))
                .route("/plain", named("").subprotocols(SubprotocolPolicy::None))
                .limits(Limits::SERVER.max_message_len(5))
                .subprotocols(chat())
        };
        for (path, len, protocol) in [("/strict", 3, Some("chat")), ("/plain", 5, None)] {
            let request =
                request_for(path).replace("\r\n\r\n", "\r\nSec-WebSocket-Protocol: chat\r\n\r\n");
            let (mut ws, _, mut peer) = accept_request(&builder().build(), request).await;
            assert_eq!(ws.subprotocol(), protocol, "{path}");
            peer.send(TEXT, "x".repeat(len)).await;
            assert_eq!(ws.recv().await.unwrap().unwrap().len(), len, "{path}");
            peer.send(TEXT, "x".repeat(len + 1)).await;
            assert!(matches!(ws.recv().await, Err(Error::Protocol(_))), "{path}");
        }
    });
}

#[test]
fn parameters_of_a_path_are_decoded() {
    paused(async {
        let server = Server::builder().path("/rooms/{room}/{user}").path("/files/{*file}").build();
        for (path, name, value) in [
            ("/rooms/a/b", "room", Some("a")),
            ("/rooms/a/b?room=c", "user", Some("b")),
            ("/rooms/r%C3%A4um%2Fe/b", "room", Some("räum/e")),
            ("/rooms/50%/%zz", "room", Some("50%")),
            ("/rooms/50%/%zz", "user", Some("%zz")),
            ("/rooms/a/b", "name", None),
            ("/files/a/b/c", "file", Some("a/b/c")),
        ] {
            let (_, request, _) = accept_request(&server, request_for(path)).await;
            assert_eq!(request.param(name), value, "{path}");
        }
    });
}

#[test]
fn a_parameter_that_is_not_utf8_is_a_bad_request() {
    paused(async {
        let answer = ask(Server::builder().path("/{room}"), request_for("/%FF")).await;
        assert!(answer.starts_with("HTTP/1.1 400 "), "{answer}");
    });
}

#[test]
fn plain_requests_get_the_fallback_426_405_or_404() {
    let plain = |method: &str, path: &str| format!("{method} {path} HTTP/1.1\r\nHost: a\r\n\r\n");
    let to_h2c = |path| request_for(path).replace("websocket", "h2c");
    let post = |path| request_for(path).replace("GET", "POST");
    paused(async move {
        for (request, status) in [
            (plain("GET", "/page"), 200),
            // What does not ask for a WebSocket is plain, whatever else it would upgrade to.
            (to_h2c("/page"), 200),
            (post("/page"), 200),
            (request_for("/page"), 404),
            (to_h2c("/foo"), 400),
            (post("/foo"), 405),
            (plain("GET", "/foo"), 426),
            (plain("POST", "/foo"), 405),
            (plain("GET", "/other"), 404),
            (request_for("/other"), 404),
        ] {
            let builder = Server::builder().route("/foo", named("foo")).fallback(|request| {
                let page = request.uri().path() == "/page";
                page.then(|| Response::new(Bytes::from_static(b"page")))
            });
            let answer = ask(builder, request.clone()).await;
            assert!(answer.starts_with(&format!("HTTP/1.1 {status} ")), "{request}{answer}");
        }
    });
}

#[test]
fn an_upgrade_for_another_http_server_is_routed_as_well() {
    let server = Server::builder().route("/foo", named("foo")).build();
    let request = Request::builder().uri("/bar").body(()).unwrap();
    assert_eq!(server.upgrade(&request).unwrap_err().response().status(), 404);
    let request = Request::builder().uri("/foo").body(()).unwrap();
    assert_eq!(server.upgrade(&request).unwrap_err().response().status(), 400);
}

#[test]
fn run_wants_a_handler_for_every_path() {
    real(async {
        for builder in [Server::builder(), Server::builder().route("/a", named("a")).path("/b")] {
            let server = builder.bind("127.0.0.1:0").await.unwrap();
            assert!(matches!(server.run().await, Err(Error::Io(_))));
        }
    });
}

#[test]
#[should_panic(expected = "cannot be added")]
fn two_routes_for_one_path_are_a_mistake_of_the_program() {
    let _builder = Server::builder().route("/a/{b}", named("one")).route("/a/{c}", named("two"));
}
