//! The ways to use a connection: halves, events, streams and sinks, handles.

use bowsprit::{
    Close, CloseCode, Error, Event, Message, Server, WebSocket,
    config::Limits,
    error::SendError,
    message::{Fragment, MessageKind},
};
use futures_util::{SinkExt, StreamExt};
use tokio::task::JoinSet;

use super::{
    peer::{BINARY, Frame, PING, PONG, TEXT},
    support::{client, pair, paused, server, server_with, sockets, threaded},
};

fn text(payload: &[u8], fin: bool) -> Fragment<'_> {
    Fragment { kind: MessageKind::Text, payload, fin }
}

#[test]
fn everything_that_can_be_sent_arrives_as_what_it_is() {
    paused(async {
        let (mut ws, mut other) = pair().await;
        ws.send("str").await.unwrap();
        ws.send(&String::from("string")).await.unwrap();
        ws.send(String::from("String")).await.unwrap();
        ws.send(b"array").await.unwrap();
        ws.send(&b"slice"[..]).await.unwrap();
        ws.send(b"Vec".to_vec()).await.unwrap();
        ws.send(bowsprit::Bytes::from_static(b"Bytes")).await.unwrap();
        ws.send(Message::text("Message")).await.unwrap();
        for expected in [
            Message::text("str"),
            Message::text("string"),
            Message::text("String"),
            Message::binary(&b"array"[..]),
            Message::binary(&b"slice"[..]),
            Message::binary(&b"Vec"[..]),
            Message::binary(&b"Bytes"[..]),
            Message::text("Message"),
        ] {
            assert_eq!(other.recv().await.unwrap(), Some(expected));
        }
    });
}

#[test]
fn a_client_and_a_server_talk_and_close() {
    paused(async {
        let (mut client, mut server) = pair().await;
        let served = tokio::spawn(async move {
            while let Some(message) = server.recv().await? {
                server.send(message).await?;
            }
            Ok::<_, Error>(server.peer_close())
        });
        for len in [0, 1, 125, 126, 65_535, 65_536, 1 << 20] {
            client.send(vec![7; len]).await.unwrap();
            assert_eq!(client.recv().await.unwrap().unwrap().len(), len);
        }
        client.close((CloseCode::NORMAL, "done")).await.unwrap();
        let told = served.await.unwrap().unwrap();
        assert_eq!(told, Some(Close::new(CloseCode::NORMAL, "done")));
    });
}

/// RFC: 5.4-3
#[test]
fn two_tasks_use_the_two_halves_at_full_speed() {
    async fn send_numbers(ws: WebSocket) -> (u32, Halves) {
        let (mut receive, mut send) = ws.split();
        let sending = tokio::spawn(async move {
            for number in 0..20_000_u32 {
                send.send(&number.to_be_bytes()).await.unwrap();
            }
            send.flush().await.unwrap();
            send
        });
        let mut expected = 0_u32;
        while expected < 20_000 {
            let message = receive.recv().await.unwrap().unwrap();
            assert_eq!(message.as_bytes()[..], expected.to_be_bytes());
            expected += 1;
        }
        (expected, Halves { receive, send: sending.await.unwrap() })
    }
    threaded(async {
        let (near, far) = sockets().await;
        let server = Server::builder().build();
        let client = bowsprit::Client::new();
        let (client, server) =
            tokio::join!(client.connect_over("ws://localhost/", near), server.accept(far));
        let client = tokio::spawn(send_numbers(client.unwrap()));
        let (received, mut server) = send_numbers(server.unwrap()).await;
        let (also_received, mut client) = client.await.unwrap();
        assert_eq!((received, also_received), (20_000, 20_000));
        client.send.start_close(CloseCode::NORMAL).unwrap();
        let (ended, also_ended) = tokio::join!(server.receive.recv(), client.receive.recv());
        assert!(ended.unwrap().is_none() && also_ended.unwrap().is_none());
        assert!(server.send.send("late").await.is_err());
    });
}

/// Both halves, after two tasks have used them.
struct Halves {
    receive: bowsprit::ReceiveHalf,
    send: bowsprit::SendHalf,
}

#[test]
fn borrowed_halves_echo_borrowed_events() {
    paused(async {
        let (mut ws, mut peer) = server().await;
        tokio::spawn(async move {
            let (receive, send) = ws.split_mut();
            while let Some(event) = receive.next_event().await? {
                match event {
                    Event::Text(text) => send.send(text).await?,
                    Event::Binary(bytes) => send.send(bytes).await?,
                    _ => {}
                }
            }
            Ok::<_, Error>(())
        });
        for (opcode, payload) in [(TEXT, "text"), (BINARY, "binary"), (TEXT, "")] {
            peer.send(opcode, payload).await;
            peer.expect(opcode, payload).await;
        }
        peer.send_close(1000, "").await;
        peer.expect_close(1000).await;
        peer.expect_end().await;
    });
}

/// RFC: 5.5.2-2, 5.5.3-2
#[test]
fn events_show_control_frames_which_are_answered_already() {
    paused(async {
        let (mut ws, mut peer) = client().await;
        peer.send(PING, "ping").await;
        peer.send(PONG, "unasked").await;
        peer.send(TEXT, "text").await;
        peer.send_close(1001, "bye").await;
        peer.shut_down().await;
        assert_eq!(ws.next_event().await.unwrap(), Some(Event::Ping(b"ping")));
        assert_eq!(ws.next_event().await.unwrap(), Some(Event::Pong(b"unasked")));
        assert_eq!(ws.next_event().await.unwrap(), Some(Event::Text("text")));
        let close = Close::new(CloseCode::GOING_AWAY, "bye");
        assert_eq!(ws.next_event().await.unwrap(), Some(Event::Close(close)));
        assert_eq!(ws.next_event().await.unwrap(), None);
        assert_eq!(ws.next_event().await.unwrap(), None);
        peer.expect(PONG, "ping").await;
        assert_eq!(peer.expect_close(1001).await, "bye");
        peer.expect_end().await;
    });
}

#[test]
fn a_ping_is_answered_by_the_peer() {
    paused(async {
        let (mut ws, mut other) = pair().await;
        tokio::spawn(async move { other.recv().await });
        ws.ping(b"are you there?").unwrap();
        assert_eq!(ws.next_event().await.unwrap(), Some(Event::Pong(b"are you there?")));
        let long = ws.ping(&[0; 126]);
        assert!(matches!(long, Err(Error::Send(SendError::ControlTooLong))), "{long:?}");
    });
}

#[test]
fn a_connection_is_a_stream_and_a_sink() {
    paused(async {
        let (ws, mut peer) = server().await;
        let (sink, stream) = StreamExt::split(ws);
        tokio::spawn(stream.forward(sink));
        for text in ["one", "two"] {
            peer.send(TEXT, text).await;
            peer.expect(TEXT, text).await;
        }
        peer.send_close(1000, "").await;
        peer.expect_close(1000).await;
    });
}

#[test]
fn the_halves_are_a_stream_and_a_sink() {
    paused(async {
        let (ws, mut peer) = server().await;
        let (mut receive, mut send) = ws.split();
        SinkExt::feed(&mut send, Message::text("fed")).await.unwrap();
        SinkExt::send(&mut send, Message::text("sent")).await.unwrap();
        for text in ["fed", "sent"] {
            peer.expect(TEXT, text).await;
        }
        peer.send(TEXT, "hello").await;
        assert_eq!(receive.next().await.unwrap().unwrap(), Message::text("hello"));
        SinkExt::close(&mut send).await.unwrap();
        SinkExt::close(&mut send).await.expect("closing again does nothing");
        let (ended, ()) = tokio::join!(receive.next(), peer.finish(1000));
        assert!(ended.is_none());
    });
}

#[test]
fn a_stream_ends_after_its_error() {
    paused(async {
        let (mut ws, peer) = server().await;
        drop(peer);
        assert!(matches!(ws.next().await, Some(Err(Error::Disconnected))));
        assert!(ws.next().await.is_none());
    });
}

/// RFC: 5.4-4, 6.1-2, 6.1-3
#[test]
fn messages_of_handles_wait_until_a_fragmented_message_has_ended() {
    paused(async {
        let (mut ws, mut peer) = server().await;
        let handle = ws.handle();
        ws.send_fragment(text(b"one ", false)).await.unwrap();
        assert!(matches!(handle.try_send("no"), Err(Error::QueueFull)));
        let waiting = tokio::spawn(async move { handle.send("waited").await });
        tokio::task::yield_now().await;
        let refused = ws.send("no").await;
        assert!(matches!(refused, Err(Error::Send(SendError::FragmentOpen))), "{refused:?}");
        ws.ping(b"between").unwrap();
        let binary = Fragment { kind: MessageKind::Binary, payload: b"", fin: false };
        let refused = ws.send_fragment(binary).await;
        assert!(matches!(refused, Err(Error::Send(SendError::FragmentKind))), "{refused:?}");
        // A character may be cut in two.
        ws.send_fragment(text(b"\xc3", false)).await.unwrap();
        assert!(!waiting.is_finished());
        ws.send_fragment(text(b"\xa9", true)).await.unwrap();
        waiting.await.unwrap().unwrap();
        let fragment = |opcode, payload: &[u8], fin| Frame { fin, ..Frame::new(opcode, payload) };
        assert_eq!(peer.frame().await, fragment(TEXT, b"one ", false));
        peer.expect(PING, "between").await;
        assert_eq!(peer.frame().await, fragment(0, b"\xc3", false));
        assert_eq!(peer.frame().await, fragment(0, b"\xa9", true));
        peer.expect(TEXT, "waited").await;
    });
}

#[test]
fn a_close_inside_a_fragmented_message_refuses_those_who_wait_for_its_end() {
    paused(async {
        let (mut ws, mut peer) = server().await;
        let handle = ws.handle();
        ws.send_fragment(text(b"unfinished", false)).await.unwrap();
        let waiting = tokio::spawn(async move { handle.send("waits").await });
        tokio::task::yield_now().await;
        ws.handle().start_close(CloseCode::NORMAL).unwrap();
        let refused = waiting.await.unwrap();
        assert!(matches!(refused, Err(Error::Send(SendError::Closed))), "{refused:?}");
        assert!(!peer.frame().await.fin);
        peer.expect_close(1000).await;
    });
}

/// RFC: 6.1-5
#[test]
fn many_handles_send_from_many_tasks_and_nothing_is_lost() {
    const SENDERS: usize = 16;
    const MESSAGES: usize = 500;
    threaded(async {
        let (near, far) = sockets().await;
        let server = Server::builder().build();
        let client = bowsprit::Client::new();
        let (client, server) =
            tokio::join!(client.connect_over("ws://localhost/", near), server.accept(far));
        let (mut client, server) = (client.unwrap(), server.unwrap());
        let mut senders = JoinSet::new();
        for sender in 0..SENDERS {
            let handle = server.handle();
            senders.spawn(async move {
                for number in 0..MESSAGES {
                    handle.clone().send(format!("{sender} {number}")).await.unwrap();
                }
            });
        }
        let mut next = [0; SENDERS];
        for _ in 0..SENDERS * MESSAGES {
            let message = client.recv().await.unwrap().unwrap();
            let (sender, number) = message.as_text().unwrap().split_once(' ').unwrap();
            let next = &mut next[sender.parse::<usize>().unwrap()];
            assert_eq!(number.parse::<usize>().unwrap(), *next, "of sender {sender}");
            *next += 1;
        }
        senders.join_all().await;
    });
}

/// RFC: 10.4-1
#[test]
fn a_message_over_the_limit_is_refused_by_its_header() {
    paused(async {
        let limits = Limits::SERVER.max_message_len(1000);
        let (mut ws, mut peer) = server_with(Server::builder().limits(limits)).await;
        peer.send(BINARY, [0; 1000]).await;
        assert_eq!(ws.recv().await.unwrap().unwrap().len(), 1000);
        // Only the header: 1,001 bytes are to come.
        peer.write([0x82, 0xfe, 0x03, 0xe9, 0, 0, 0, 0]).await;
        peer.shut_down().await;
        assert!(matches!(ws.recv().await, Err(Error::Protocol(_))));
        peer.expect_close(1009).await;
    });
}
