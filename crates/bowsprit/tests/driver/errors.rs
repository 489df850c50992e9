//! Errors as programs use them: with `?` in functions of several kinds, matched, copied and shown.

use std::{error::Error as StdError, io};

use bowsprit::{
    AcceptError, Client, ConnectError, Error, Message, Server,
    client::Url,
    error::{HandshakeError, InvalidUrl, SendError, TimeoutKind},
    http::{Request, StatusCode},
    server::Rejection,
    testing,
};

use super::support::{paused, real};

/// What bowsprit's errors are made into.
trait Target:
    From<ConnectError> + From<AcceptError> + From<Error> + From<Rejection> + From<InvalidUrl>
{
}

impl Target for Error {}
impl Target for anyhow::Error {}
impl Target for Box<dyn StdError + Send + Sync> {}

/// Parses, judges, connects, accepts and talks, all with `?`.
async fn converse<E: Target>(url: &str, server: &Server, client: &Client) -> Result<Message, E> {
    url.parse::<Url>()?;
    let (near, far) = tokio::io::duplex(4096);
    let (near, far) = tokio::join!(client.connect_over(url, near), server.accept(far));
    let (mut near, mut far) = (near?, far?);
    near.send("hello").await?;
    let received = far.recv().await?;
    server.upgrade(&Request::new(()))?;
    Ok(received.expect("open"))
}

/// The same into `io::Error`, which knows no refusals and invalid URLs.
async fn converse_io(server: &Server, client: &Client) -> io::Result<Message> {
    let (near, far) = tokio::io::duplex(4096);
    let (near, far) = tokio::join!(client.connect_over("ws://h/", near), server.accept(far));
    let (mut near, mut far) = (near?, far?);
    near.send("hello").await?;
    Ok(far.recv().await?.expect("open"))
}

#[test]
fn one_function_connects_accepts_and_talks_with_question_marks() {
    paused(async {
        let (server, client) = (Server::builder().build(), Client::new());
        // The last question mark meets a request without any header field.
        let ours = converse::<Error>("ws://h/", &server, &client).await.unwrap_err();
        assert!(
            matches!(ours, Error::Accept(AcceptError::Handshake(HandshakeError::Missing(_)))),
            "{ours:?}"
        );
        let any = converse::<anyhow::Error>("ws://h/", &server, &client).await.unwrap_err();
        assert!(any.downcast_ref::<Rejection>().is_some(), "{any:?}");
        let boxed = converse::<Box<dyn StdError + Send + Sync>>("nowhere", &server, &client).await;
        assert!(boxed.unwrap_err().downcast_ref::<InvalidUrl>().is_some());
        let ours = converse::<Error>("nowhere", &server, &client).await.unwrap_err();
        assert!(matches!(ours, Error::Connect(ConnectError::Url(_))), "{ours:?}");
        assert_eq!(converse_io(&server, &client).await.unwrap(), "hello");
    });
}

#[test]
fn a_rejection_is_matched_at_either_end() {
    paused(async {
        let server = Server::builder().path("/chat").build();
        let client = Client::new();
        let (near, far) = tokio::io::duplex(4096);
        let (near, far) = tokio::join!(client.connect_over("ws://h/", near), server.accept(far));
        match near {
            Err(ConnectError::Rejected(response)) if response.status() == StatusCode::NOT_FOUND => {
                assert_eq!(response.body(), "nothing here\n");
            }
            other => panic!("{other:?}"),
        }
        assert!(
            matches!(&far, Err(AcceptError::Rejected(response)) if response.status() == 404),
            "{far:?}"
        );
        let either = testing::pair_of(&client, &server, "ws://h/").await.unwrap_err();
        assert!(matches!(&either, Error::Connect(ConnectError::Rejected(_))), "{either:?}");
        let told = "the server rejected the connection: 404 Not Found";
        assert_eq!(either.to_string(), told);
        let io = io::Error::from(either);
        assert_eq!((io.kind(), io.to_string()), (io::ErrorKind::ConnectionRefused, told.into()));
    });
}

#[test]
fn an_io_error_has_the_nearest_kind_and_the_error_inside() {
    let connect = |error: ConnectError| io::Error::from(Error::from(error));
    let accept = |error: AcceptError| io::Error::from(Error::from(error));
    let refused = io::Error::from(io::ErrorKind::ConnectionRefused);
    for (error, kind) in [
        (connect(refused.into()), io::ErrorKind::ConnectionRefused),
        (connect(InvalidUrl::Scheme.into()), io::ErrorKind::InvalidInput),
        (connect(ConnectError::TimedOut(TimeoutKind::Connect)), io::ErrorKind::TimedOut),
        (connect(HandshakeError::Accept.into()), io::ErrorKind::InvalidData),
        (connect(ConnectError::NoTls), io::ErrorKind::Unsupported),
        (accept(AcceptError::Disconnected), io::ErrorKind::UnexpectedEof),
        (accept(AcceptError::Evicted), io::ErrorKind::ConnectionAborted),
        (accept(AcceptError::ShuttingDown), io::ErrorKind::ConnectionAborted),
        (accept(AcceptError::TimedOut(TimeoutKind::Handshake)), io::ErrorKind::TimedOut),
        (Error::Disconnected.into(), io::ErrorKind::UnexpectedEof),
        (Error::TimedOut(TimeoutKind::Idle).into(), io::ErrorKind::TimedOut),
        (Error::Send(SendError::Closed).into(), io::ErrorKind::BrokenPipe),
        (Error::Terminated.into(), io::ErrorKind::ConnectionAborted),
        (Error::QueueFull.into(), io::ErrorKind::Other),
    ] {
        assert_eq!(error.kind(), kind, "{error:?}");
        let text = error.to_string();
        let inner = error.into_inner().expect("the error itself").downcast::<Error>();
        assert_eq!(inner.expect("of bowsprit").to_string(), text);
    }
    let direct = io::Error::from(ConnectError::NoTls);
    assert!(direct.get_ref().is_some_and(<dyn StdError + Send + Sync>::is::<ConnectError>));
    let direct = io::Error::from(AcceptError::Evicted);
    assert!(direct.get_ref().is_some_and(<dyn StdError + Send + Sync>::is::<AcceptError>));
}

/// One task tells others how a connection has ended.
#[test]
fn errors_can_be_copied_and_say_the_same() {
    real(async {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("ws://{}/", listener.local_addr().unwrap());
        drop(listener);
        let error = bowsprit::connect(&url).await.unwrap_err();
        let copy = error.clone();
        assert_eq!(format!("{error:?} {error}"), format!("{copy:?} {copy}"));
        let ConnectError::Io(io) = copy else { panic!("{copy:?}") };
        assert_eq!(io.kind(), io::ErrorKind::ConnectionRefused);
    });
    paused(async {
        let (mut client, server) = testing::pair().await;
        drop(server);
        let ended = client.recv().await.unwrap_err();
        assert_eq!(format!("{:?}", ended.clone()), format!("{ended:?}"));
    });
}

/// What is shown is what happened, once: nothing of the message is repeated by the source.
#[test]
fn the_chain_of_sources_does_not_repeat_the_message() {
    let callback = || anyhow::anyhow!("no token").context("the key server is away");
    let error = ConnectError::Callback(std::sync::Arc::from(
        Box::<dyn StdError + Send + Sync>::from(callback()),
    ));
    assert_eq!(error.to_string(), "a callback of the application failed: the key server is away");
    let chain = anyhow::Error::from(Error::from(error));
    let shown: Vec<_> = chain.chain().map(ToString::to_string).collect();
    assert_eq!(shown[1..], ["no token"]);
}
