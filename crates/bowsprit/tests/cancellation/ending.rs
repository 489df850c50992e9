//! Closing.

use bowsprit::{CloseCode, ConnectionConfig, Error, Message, ReceiveHalf, State, WebSocket};

use crate::support::{
    background, collect,
    knife::{Knife, at_every_poll},
    open,
    rough::rough,
    run,
};

const FIRST: (CloseCode, &str) = (CloseCode::GOING_AWAY, "first");
const AGAIN: (CloseCode, &str) = (CloseCode::NORMAL, "again");

/// Has a client, or a server, close while its peer still sends. Returns what the peer was told.
async fn close_by(
    client: bool,
    knife: &mut Knife,
    close: impl AsyncFnOnce(WebSocket, &mut Knife),
) -> String {
    let (transport, peer, control) = rough(64);
    let config = ConnectionConfig::server();
    let (ws, mut peer) = if client {
        open(transport, peer, &config).await.unwrap()
    } else {
        let (peer, ws) = open(peer, transport, &config).await.unwrap();
        (ws, peer)
    };
    control.slow_down(1, 5);
    let peer = background(async move {
        for message in ["one", "two", "three"] {
            peer.send(message).await?;
        }
        let rest: Vec<Message> = collect(&mut peer).await?;
        assert_eq!(rest, ["before"]);
        Ok::<_, Error>(peer.peer_close().unwrap().reason.into_owned())
    });
    close(ws, knife).await;
    peer.await.unwrap()
}

/// Cuts at every poll, on clients and servers.
fn at_every_poll_of(close: impl AsyncFn(WebSocket, &mut Knife) + Send + 'static) {
    run(async move || {
        for client in [true, false] {
            let polls = at_every_poll(async |knife| {
                assert_eq!(close_by(client, knife, &close).await, FIRST.1);
            });
            let polls = polls.await;
            assert!(polls > 4, "only {polls} polls to cut at");
        }
    });
}

#[test]
fn a_close_that_is_dropped_is_on_its_way_and_can_be_called_again() {
    at_every_poll_of(async |mut ws, knife| {
        ws.send("before").await.unwrap();
        let mut next = FIRST;
        knife.insist(async || ws.close(std::mem::replace(&mut next, AGAIN)).await).await.unwrap();
        assert_eq!(ws.recv().await.unwrap(), None);
    });
}

#[test]
fn a_close_of_a_half_that_is_dropped_is_on_its_way_and_can_be_called_again() {
    at_every_poll_of(async |ws, knife| {
        let (mut receive, mut send): (ReceiveHalf, _) = ws.split();
        send.send("before").await.unwrap();
        let mut next = FIRST;
        let mut close = async || receive.close(std::mem::replace(&mut next, AGAIN)).await;
        knife.insist(&mut close).await.unwrap();
        assert_eq!(receive.recv().await.unwrap(), None);
    });
}

#[test]
fn after_a_close_that_was_dropped_recv_waits_for_the_end() {
    at_every_poll_of(async |mut ws, knife| {
        ws.send("before").await.unwrap();
        if knife.cut(ws.close(FIRST)).await.is_none() && ws.state() == State::Open {
            // It was dropped before its first poll.
            ws.close(FIRST).await.unwrap();
        }
        let received = collect(&mut ws).await.unwrap();
        // What the first call has not dropped is still there, to the last.
        let sent: Vec<Message> = ["one", "two", "three"].map(Message::from).into();
        assert!(sent.ends_with(&received), "{received:?}");
        assert_eq!(ws.recv().await.unwrap(), None);
    });
}
