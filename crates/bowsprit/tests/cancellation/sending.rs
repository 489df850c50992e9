//! Sending: messages, fragments, and waiting until all is written.

use bowsprit::{
    CloseCode, Error, Message, WebSocket,
    message::{Fragment, MessageKind},
};

use crate::support::{
    background, collect,
    knife::{Knife, at_every_poll},
    narrow, open, pattern,
    rough::rough,
    run, text,
};

/// Lets a client, or a server, speak over a slow transport; returns what its peer has received.
async fn speak(
    client: bool,
    knife: &mut Knife,
    speak: impl AsyncFnOnce(&mut WebSocket, &mut Knife),
) -> Vec<Message> {
    let (transport, peer, control) = rough(64);
    let (mut ws, mut peer) = if client {
        open(transport, peer, &narrow()).await.unwrap()
    } else {
        let (peer, ws) = open(peer, transport, &narrow()).await.unwrap();
        (ws, peer)
    };
    control.slow_down(2, 11);
    let received = background(async move { collect(&mut peer).await });
    speak(&mut ws, knife).await;
    ws.close(CloseCode::NORMAL).await.unwrap();
    received.await.unwrap()
}

/// Cuts at every poll, on clients and servers, and expects that the futures have waited at all.
fn at_every_poll_of(scenario: impl AsyncFn(bool, &mut Knife) + Send + 'static) {
    run(async move || {
        for client in [true, false] {
            let polls = at_every_poll(async |knife| scenario(client, knife).await).await;
            assert!(polls > 1, "only {polls} polls to cut at");
        }
    });
}

/// Messages that are all different, around the high-water mark.
fn messages() -> impl Iterator<Item = Message> {
    (0..20).map(|i| {
        let len = [3, 90, 101, 300][i % 4];
        if i % 2 == 0 {
            text(len).replacen('a', &i.to_string(), 1).into()
        } else {
            let mut bytes = pattern(len);
            bytes[0] = i.to_le_bytes()[0];
            bytes.into()
        }
    })
}

/// What was sent has to be what the peer has got; what was dropped must not be there.
fn expect_equal(received: &[Message], sent: &[Message]) {
    let lengths = |messages: &[Message]| messages.iter().map(Message::len).collect::<Vec<_>>();
    assert!(received == sent, "{:?} and {:?}", lengths(received), lengths(sent));
}

#[test]
fn a_send_that_is_dropped_has_sent_nothing() {
    at_every_poll_of(async |client, knife| {
        let mut sent = Vec::new();
        let received = speak(client, knife, async |ws, knife| {
            for message in messages() {
                if let Some(result) = knife.cut(ws.send(message.clone())).await {
                    result.unwrap();
                    sent.push(message);
                }
            }
        });
        let received = received.await;
        expect_equal(&received, &sent);
    });
}

#[test]
fn a_send_of_a_half_that_is_dropped_can_be_made_again() {
    at_every_poll_of(async |client, knife| {
        let received = speak(client, knife, async |ws, knife| {
            let (_receive, send) = ws.split_mut();
            for message in messages() {
                knife.insist(async || send.send(message.clone()).await).await.unwrap();
            }
        });
        let received = received.await;
        expect_equal(&received, &messages().collect::<Vec<_>>());
    });
}

#[test]
fn a_send_of_a_handle_that_is_dropped_has_sent_nothing() {
    at_every_poll_of(async |client, knife| {
        let mut sent = Vec::new();
        let received = speak(client, knife, async |ws, knife| {
            let handle = ws.handle();
            for message in messages() {
                if let Some(result) = knife.cut(handle.send(message.clone())).await {
                    result.unwrap();
                    sent.push(message);
                }
            }
        });
        let received = received.await;
        expect_equal(&received, &sent);
    });
}

#[test]
fn a_send_of_a_handle_that_is_dropped_inside_of_a_fragmented_message_has_sent_nothing() {
    at_every_poll_of(async |client, knife| {
        let mut sent: Vec<Message> = Vec::new();
        let received = speak(client, knife, async |ws, knife| {
            let handle = ws.handle();
            let fragment = |payload, fin| Fragment { kind: MessageKind::Binary, payload, fin };
            ws.send_fragment(fragment(b"two ", false)).await.unwrap();
            let end = async {
                ws.flush().await.unwrap();
                tokio::task::yield_now().await;
                ws.send_fragment(fragment(b"parts", true)).await.unwrap();
            };
            let (interruption, ()) = tokio::join!(knife.cut(handle.send("one part")), end);
            sent.push(b"two parts".to_vec().into());
            if let Some(result) = interruption {
                result.unwrap();
                sent.push("one part".into());
            }
        });
        let received = received.await;
        expect_equal(&received, &sent);
    });
}

#[test]
fn a_fragment_that_is_dropped_can_be_sent_again() {
    at_every_poll_of(async |client, knife| {
        let messages: Vec<String> = [30, 250, 1000].map(text).into();
        let received = speak(client, knife, async |ws, knife| {
            for message in &messages {
                send_in_fragments(ws, message, knife).await.unwrap();
            }
        });
        let received = received.await;
        let messages: Vec<Message> = messages.into_iter().map(Into::into).collect();
        expect_equal(&received, &messages);
    });
}

/// In fragments that are cut inside of characters, with an empty one at the end.
async fn send_in_fragments(
    ws: &mut WebSocket,
    message: &str,
    knife: &mut Knife,
) -> Result<(), Error> {
    for payload in message.as_bytes().chunks(101).chain([&b""[..]]) {
        let fin = payload.is_empty();
        let fragment = Fragment { kind: MessageKind::Text, payload, fin };
        knife.insist(async || ws.send_fragment(fragment).await).await?;
    }
    Ok(())
}

#[test]
fn a_flush_that_is_dropped_changes_nothing() {
    at_every_poll_of(async |client, knife| {
        let received = speak(client, knife, async |ws, knife| {
            for message in messages() {
                ws.send(message).await.unwrap();
                knife.insist(async || ws.flush().await).await.unwrap();
                assert_eq!(ws.queued_len(), 0);
            }
        });
        let received = received.await;
        expect_equal(&received, &messages().collect::<Vec<_>>());
    });
}

#[test]
fn a_flush_of_a_half_that_is_dropped_changes_nothing() {
    at_every_poll_of(async |client, knife| {
        let received = speak(client, knife, async |ws, knife| {
            let (_receive, send) = ws.split_mut();
            for message in messages() {
                send.send(message).await.unwrap();
                if knife.cut(send.flush()).await.is_some() {
                    assert_eq!(send.queued_len(), 0);
                }
            }
        });
        let received = received.await;
        expect_equal(&received, &messages().collect::<Vec<_>>());
    });
}
