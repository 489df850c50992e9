//! Receiving: [`recv`](bowsprit::WebSocket::recv) and its kin.

use bowsprit::{
    Close, CloseCode, ConnectionConfig, Error, Event, Message, WebSocket,
    config::Heartbeat,
    message::{Fragment, MessageKind},
};
use tokio::time::Duration;

use crate::support::{
    background, collect,
    knife::{Knife, at_every_poll},
    open, pattern,
    rough::rough,
    run, text,
};

/// A conversation to receive, and how slowly it comes.
#[derive(Clone, Copy, Debug)]
struct Pace {
    message_len: usize,
    piece: usize,
}

/// Cuts frames everywhere.
const TINY: Pace = Pace { message_len: 130, piece: 7 };

/// Through all the sizes of buffers.
const LARGE: Pace = Pace { message_len: 70_000, piece: 11_000 };

/// Everything that a peer can say.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Heard {
    Message(Message),
    Ping(Vec<u8>),
    Pong(Vec<u8>),
    Close(Close<'static>),
}

fn messages(pace: Pace) -> Vec<Message> {
    let len = pace.message_len;
    let fragmented = [text(len), "é".to_owned()].concat();
    vec![
        "".into(),
        "a".into(),
        pattern(len).into(),
        fragmented.into(),
        "last".into(),
        text(len).into(),
    ]
}

/// Sends the messages, the fourth in fragments with a ping between them, and closes.
async fn talk(mut ws: WebSocket, pace: Pace) -> Result<(), Error> {
    let messages = messages(pace);
    for (i, message) in messages.into_iter().enumerate() {
        if i == 3 {
            send_fragments(&mut ws, message.as_bytes()).await?;
        } else {
            ws.send(message).await?;
        }
    }
    ws.close((CloseCode::GOING_AWAY, "done")).await
}

/// In three fragments; the last cut is inside of a character.
async fn send_fragments(ws: &mut WebSocket, payload: &[u8]) -> Result<(), Error> {
    let (first, rest) = payload.split_at(payload.len() / 2);
    let (middle, last) = rest.split_at(rest.len() - 1);
    for (payload, fin) in [(first, false), (middle, false), (last, true)] {
        ws.send_fragment(Fragment { kind: MessageKind::Text, payload, fin }).await?;
        if !fin {
            ws.ping(b"between")?;
        }
    }
    Ok(())
}

/// Lets a peer talk over a slow transport to a client, or a server, which `listen` makes listen.
async fn listen_to(
    pace: Pace,
    client: bool,
    knife: &mut Knife,
    listen: &impl AsyncFn(&mut WebSocket, &mut Knife),
) {
    let (transport, peer, control) = rough(1 << 16);
    let config = ConnectionConfig::server();
    let (mut ws, peer) = if client {
        open(transport, peer, &config).await.unwrap()
    } else {
        let (peer, ws) = open(peer, transport, &config).await.unwrap();
        (ws, peer)
    };
    control.slow_down(1, pace.piece);
    let talking = background(talk(peer, pace));
    listen(&mut ws, knife).await;
    talking.await.unwrap();
    let close = ws.peer_close().unwrap();
    assert_eq!((close.code, &*close.reason), (CloseCode::GOING_AWAY, "done"));
}

/// Cuts at every poll, on clients and servers, with small and large messages.
fn at_every_poll_of(listen: impl AsyncFn(&mut WebSocket, &mut Knife) + Send + 'static) {
    run(async move || {
        for client in [true, false] {
            for pace in [TINY, LARGE] {
                let polls =
                    at_every_poll(async |knife| listen_to(pace, client, knife, &listen).await);
                let polls = polls.await;
                assert!(polls > 1, "only {polls} polls to cut at");
            }
        }
    });
}

fn heard_messages(heard: Vec<Heard>) -> Vec<Message> {
    let messages = heard.into_iter().filter_map(|heard| match heard {
        Heard::Message(message) => Some(message),
        _ => None,
    });
    messages.collect()
}

/// The pace that messages were sent at, told by their lengths.
fn expect_all(received: &[Message]) {
    let pace = if received.iter().any(|m| m.len() >= LARGE.message_len) { LARGE } else { TINY };
    assert!(received == messages(pace), "lengths {:?}", lengths(received));
}

fn lengths(messages: &[Message]) -> Vec<usize> {
    messages.iter().map(Message::len).collect()
}

#[test]
fn a_recv_that_is_dropped_loses_nothing() {
    at_every_poll_of(async |ws, knife| {
        let mut received = Vec::new();
        while let Some(message) = knife.insist(async || ws.recv().await).await.unwrap() {
            received.push(message);
        }
        expect_all(&received);
    });
}

#[test]
fn a_recv_of_a_half_that_is_dropped_loses_nothing() {
    at_every_poll_of(async |ws, knife| {
        let (receive, _send) = ws.split_mut();
        let mut received = Vec::new();
        while let Some(message) = knife.insist(async || receive.recv().await).await.unwrap() {
            received.push(message);
        }
        expect_all(&received);
    });
}

fn owned(event: Event<'_>) -> Heard {
    match event {
        Event::Text(text) => Heard::Message(text.into()),
        Event::Binary(bytes) => Heard::Message(bytes.to_vec().into()),
        Event::Ping(payload) => Heard::Ping(payload.to_vec()),
        Event::Pong(payload) => Heard::Pong(payload.to_vec()),
        Event::Close(close) => Heard::Close(close.into_owned()),
        other => panic!("{other:?}"),
    }
}

#[test]
fn a_next_event_that_is_dropped_loses_nothing() {
    at_every_poll_of(async |ws, knife| {
        let mut heard = Vec::new();
        let mut next = async || ws.next_event().await.map(|event| event.map(owned));
        while let Some(event) = knife.insist(&mut next).await.unwrap() {
            heard.push(event);
        }
        let pings = heard.iter().filter(|heard| **heard == Heard::Ping(b"between".to_vec()));
        assert_eq!(pings.count(), 2);
        assert!(matches!(heard.last(), Some(Heard::Close(close)) if close.reason == "done"));
        expect_all(&heard_messages(heard));
    });
}

#[test]
fn a_next_chunk_that_is_dropped_loses_nothing() {
    at_every_poll_of(async |ws, knife| {
        let (mut received, mut message) = (Vec::new(), Vec::new());
        let mut next = async || {
            let chunk = ws.next_chunk().await?;
            Ok::<_, Error>(chunk.map(|chunk| {
                let is_text = chunk.as_text().is_some();
                assert_eq!(is_text, chunk.kind == MessageKind::Text);
                (chunk.payload.to_vec(), chunk.first, chunk.last, is_text)
            }))
        };
        while let Some((payload, first, last, is_text)) = knife.insist(&mut next).await.unwrap() {
            assert_eq!(first, message.is_empty() || payload.is_empty() && !last);
            message.extend(payload);
            if last {
                let whole = std::mem::take(&mut message);
                received.push(if is_text {
                    String::from_utf8(whole).unwrap().into()
                } else {
                    whole.into()
                });
            }
        }
        expect_all(&received);
    });
}

#[test]
fn a_recv_that_was_dropped_does_not_make_the_peer_look_dead() {
    run(async || {
        let (client, server, _control) = rough(1 << 16);
        let mut config = ConnectionConfig::server();
        let seconds = Duration::from_secs;
        config.heartbeat = Some(Heartbeat::new(seconds(20), seconds(20)));
        let (mut client, mut server) = open(client, server, &config).await.unwrap();
        let client = background(async move {
            client.send("late").await.unwrap();
            collect(&mut client).await
        });
        assert_eq!(server.recv().await.unwrap(), Some("late".into()));
        // Something else is more urgent, and goes on for long. The pong comes, but nobody reads it.
        let waiting = tokio::time::timeout(seconds(1), server.recv()).await;
        assert!(waiting.is_err(), "nothing was sent");
        tokio::time::sleep(seconds(300)).await;
        server.send("still there?").await.unwrap();
        server.close(CloseCode::NORMAL).await.unwrap();
        assert_eq!(client.await.unwrap(), ["still there?"]);
    });
}
