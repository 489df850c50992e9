//! The opening handshake, from both ends.

use bowsprit::{AcceptError, Client, ConnectError, Error, Server};
use tokio::io::DuplexStream;

use crate::support::{
    URL, background,
    knife::at_every_poll,
    open,
    rough::{Rough, rough},
    run,
};

/// A pair of transports of which one is slow.
fn slow() -> (Rough, DuplexStream) {
    let (transport, peer, control) = rough(64);
    control.slow_down(1, 9);
    (transport, peer)
}

/// A connection opens and works although another one was given up.
async fn another_works() {
    let (transport, peer) = slow();
    let (mut client, mut server) =
        open(transport, peer, &bowsprit::ConnectionConfig::client()).await.unwrap();
    client.send("hello").await.unwrap();
    assert_eq!(server.recv().await.unwrap(), Some("hello".into()));
}

/// The other end has to notice, whatever it was doing.
fn is_about_the_end(error: &Error) -> bool {
    matches!(
        error,
        Error::Connect(ConnectError::Http(_) | ConnectError::Io(_))
            | Error::Accept(AcceptError::Http(_) | AcceptError::Disconnected | AcceptError::Io(_))
            | Error::Disconnected
            | Error::Io(_)
    )
}

#[test]
fn a_client_that_gives_up_the_handshake_gives_up_the_transport() {
    run(async || {
        let polls = at_every_poll(async |knife| {
            let (transport, peer) = slow();
            let server = background(async {
                let mut ws = Server::builder().build().accept(peer).await?;
                ws.recv().await
            });
            let opened = knife.cut(Client::new().connect_over(URL, transport)).await;
            match opened {
                None => {
                    let error = server.await.unwrap_err();
                    assert!(is_about_the_end(&error), "{error:?}");
                }
                Some(ws) => {
                    let mut ws = ws.unwrap();
                    ws.send("hello").await.unwrap();
                    ws.flush().await.unwrap();
                    assert_eq!(server.await.unwrap(), Some("hello".into()));
                }
            }
            another_works().await;
        });
        let polls = polls.await;
        assert!(polls > 10, "only {polls} polls to cut at");
    });
}

#[test]
fn a_server_that_gives_up_the_handshake_gives_up_the_transport() {
    run(async || {
        let polls = at_every_poll(async |knife| {
            let (transport, peer) = slow();
            let client = background(async {
                let mut ws = Client::new().connect_over(URL, peer).await?;
                ws.recv().await
            });
            let opened = knife.cut(Server::builder().build().accept(transport)).await;
            match opened {
                None => {
                    let error = client.await.unwrap_err();
                    assert!(is_about_the_end(&error), "{error:?}");
                }
                Some(ws) => {
                    let mut ws = ws.unwrap();
                    ws.send("hello").await.unwrap();
                    ws.flush().await.unwrap();
                    assert_eq!(client.await.unwrap(), Some("hello".into()));
                }
            }
            another_works().await;
        });
        let polls = polls.await;
        assert!(polls > 10, "only {polls} polls to cut at");
    });
}
