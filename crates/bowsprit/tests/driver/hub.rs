//! Broadcasts and topics, and what becomes of consumers that are slow.

use bowsprit::{
    CloseCode, ConnectionConfig, Handle, Message, Server, Topics, WebSocket,
    message::{Fragment, MessageKind},
    topics::{Delivery, SlowConsumerPolicy},
};
use tokio::{io::DuplexStream, task::yield_now, time::timeout};

use super::{
    peer::{BINARY, CLOSE, PING, PONG, Peer, TEXT},
    support::{PIPE_LEN, SECOND, paused, threaded},
    watched::watched_server,
};

/// What the pipe to a peer holds in these tests, and what may be queued for it.
const NARROW_LEN: usize = 1000;
const CONTINUATION: u8 = 0;
const MAX_QUEUE_LEN: usize = 20_000;

async fn settle() {
    for _ in 0..100 {
        yield_now().await;
    }
}

async fn open(server: &Server, pipe_len: usize) -> (WebSocket, Peer<DuplexStream>) {
    let (ours, theirs) = tokio::io::duplex(pipe_len);
    let (ws, peer) = tokio::join!(server.accept(ours), Peer::connect(theirs));
    (ws.unwrap(), peer)
}

fn narrow() -> Server {
    let mut config = ConnectionConfig::server();
    config.high_water_mark = 2000;
    config.max_queue_len = MAX_QUEUE_LEN;
    Server::builder().config(config).build()
}

/// Message `number`, 1,000 bytes.
fn numbered(number: u32) -> Vec<u8> {
    [&number.to_be_bytes()[..], &[0; 996]].concat()
}

/// The numbers of the messages that come until nothing does for a while.
async fn numbers(peer: &mut Peer<DuplexStream>) -> Vec<u32> {
    let mut numbers = Vec::new();
    while let Ok(frame) = timeout(SECOND, peer.frame()).await {
        assert!([BINARY, CONTINUATION].contains(&frame.opcode), "{frame:?}");
        assert_eq!(frame.payload.len(), 1000);
        numbers.push(u32::from_be_bytes(frame.payload[..4].try_into().unwrap()));
    }
    numbers
}

/// Publishes 100 messages to a peer that reads nothing meanwhile; what comes of them in all.
async fn flood(server: &Server, slow: SlowConsumerPolicy) -> Delivery {
    let mut total = Delivery::default();
    for number in 0..100 {
        let delivery = server.broadcast(numbered(number)).slow_consumers(slow).send_now();
        total.queued += delivery.queued;
        total.dropped += delivery.dropped;
        total.closed += delivery.closed;
        settle().await;
        for client in server.clients() {
            assert!(client.queued_len() <= MAX_QUEUE_LEN + 1100, "{}", client.queued_len());
        }
    }
    total
}

#[test]
fn a_broadcast_reaches_all_but_the_one_that_is_left_out() {
    paused(async {
        let server = Server::builder().build();
        let mut open_ones = Vec::new();
        for _ in 0..3 {
            open_ones.push(open(&server, PIPE_LEN).await);
        }
        let sender = open_ones[0].0.handle();
        let delivery = server.broadcast("to the others").except(&sender).await;
        assert_eq!((delivery.queued, delivery.dropped, delivery.closed), (2, 0, 0));
        assert_eq!(server.broadcast("to all").send_now().queued, 3);
        for (index, (_, peer)) in open_ones.iter_mut().enumerate() {
            if index > 0 {
                peer.expect(TEXT, "to the others").await;
            }
            peer.expect(TEXT, "to all").await;
        }
    });
}

#[test]
fn a_broadcast_can_be_for_one_path() {
    paused(async {
        let server = Server::builder().path("/chat").path("/other").build();
        let (_ws, mut peer) = open(&server, PIPE_LEN).await;
        assert_eq!(server.broadcast_at("/other", "not for you").send_now().queued, 0);
        assert_eq!(server.broadcast_at("/chat", "for you").send_now().queued, 1);
        peer.expect(TEXT, "for you").await;
    });
}

#[test]
fn those_who_have_gone_count_neither_as_queued_nor_as_dropped() {
    paused(async {
        let topics = Topics::new();
        let server = Server::builder().build();
        let (ws, _peer) = open(&server, PIPE_LEN).await;
        assert!(topics.join("news", &ws.handle()));
        ws.handle().start_close(CloseCode::NORMAL).unwrap();
        assert_eq!(topics.publish("news", "late").send_now(), Delivery::default());
    });
}

#[test]
fn the_newest_are_left_out_and_counted() {
    paused(async {
        let server = narrow();
        let (ws, mut peer) = open(&server, NARROW_LEN).await;
        let total = flood(&server, SlowConsumerPolicy::DropNewest).await;
        assert_eq!(total.queued + total.dropped, 100);
        assert_eq!(ws.handle().dropped_messages(), total.dropped as u64);
        let received = numbers(&mut peer).await;
        assert!((20..25).contains(&received.len()), "{received:?}");
        assert!(received.into_iter().eq(0..u32::try_from(total.queued).unwrap()));
        server.broadcast(numbered(100)).send_now();
        assert_eq!(numbers(&mut peer).await, [100], "there is room again");
    });
}

#[test]
fn the_oldest_that_have_not_begun_are_left_out_and_counted() {
    paused(async {
        let server = narrow();
        let (ws, mut peer) = open(&server, NARROW_LEN).await;
        let total = flood(&server, SlowConsumerPolicy::DropOldest).await;
        assert_eq!(total.queued, 100);
        assert_eq!(ws.handle().dropped_messages(), total.dropped as u64);
        let received = numbers(&mut peer).await;
        assert_eq!(received.len(), 100 - total.dropped);
        // What was on its way comes first, then the newest without a gap.
        let begun = received.windows(2).filter(|pair| pair[0] + 1 == pair[1]).count();
        assert_eq!(begun, received.len() - 2, "one gap: {received:?}");
        assert_eq!((received[0], received[received.len() - 1]), (0, 99));
        assert!(received.len() > 15, "{received:?}");
    });
}

#[test]
fn only_the_latest_of_each_topic_is_kept() {
    paused(async {
        let server = narrow();
        let (ws, mut peer) = open(&server, NARROW_LEN).await;
        let topics = Topics::new().slow_consumers(SlowConsumerPolicy::KeepLatest);
        for topic in ["even", "odd"] {
            topics.join(topic, &ws.handle());
        }
        let mut dropped = 0;
        for number in 0..100 {
            let topic = if number % 2 == 0 { "even" } else { "odd" };
            dropped += topics.publish(topic, numbered(number)).send_now().dropped;
            settle().await;
        }
        assert!(ws.handle().queued_len() < 4000, "{}", ws.handle().queued_len());
        let received = numbers(&mut peer).await;
        assert_eq!(received.len(), 100 - dropped);
        assert!(received.len() <= 5, "{received:?}");
        assert!(received.ends_with(&[98, 99]), "{received:?}");
    });
}

#[test]
fn a_slow_consumer_is_closed_behind_what_was_queued() {
    paused(async {
        let server = narrow();
        let (mut ws, mut peer) = open(&server, NARROW_LEN).await;
        let reading = tokio::spawn(async move { ws.recv().await });
        let total = flood(&server, SlowConsumerPolicy::Close(CloseCode::POLICY_VIOLATION)).await;
        assert_eq!((total.closed, total.dropped), (1, 0));
        for number in 0..total.queued {
            let payload = numbered(u32::try_from(number).unwrap());
            assert_eq!(peer.frame().await.payload, payload, "{number}");
        }
        let close = peer.frame().await;
        assert_eq!((close.opcode, &close.payload[..2]), (CLOSE, &1008_u16.to_be_bytes()[..]));
        peer.send_close(1008, "").await;
        assert_eq!(reading.await.unwrap().unwrap(), None);
    });
}

#[test]
fn a_publication_that_waits_waits_for_the_slow_and_serves_the_others() {
    paused(async {
        let server = narrow();
        let (_slow, mut slow_peer) = open(&server, NARROW_LEN).await;
        let (_fast, mut fast_peer) = open(&server, 1 << 20).await;
        let publisher = server.clone();
        let publishing = tokio::spawn(async move {
            for number in 0..100 {
                let publication = publisher.broadcast(numbered(number));
                let delivery = publication.slow_consumers(SlowConsumerPolicy::Wait).await;
                assert_eq!((delivery.queued, delivery.dropped), (2, 0));
            }
        });
        let fast = numbers(&mut fast_peer).await;
        assert!((20..30).contains(&fast.len()), "{}", fast.len());
        assert!(!publishing.is_finished());
        let (slow, fast) = tokio::join!(numbers(&mut slow_peer), numbers(&mut fast_peer));
        assert!(slow.into_iter().eq(0..100));
        assert_eq!(fast.last(), Some(&99));
        publishing.await.unwrap();
    });
}

#[test]
fn a_publication_does_not_wait_for_a_consumer_that_leaves() {
    paused(async {
        let server = narrow();
        let (ws, _peer) = open(&server, NARROW_LEN).await;
        flood(&server, SlowConsumerPolicy::Wait).await;
        let publisher = server.clone();
        let publishing = tokio::spawn(async move {
            publisher.broadcast("never heard").slow_consumers(SlowConsumerPolicy::Wait).await
        });
        settle().await;
        assert!(!publishing.is_finished());
        drop(ws);
        assert_eq!(publishing.await.unwrap(), Delivery::default());
    });
}

#[test]
fn pongs_and_pings_are_never_left_out() {
    paused(async {
        let server = narrow();
        let (mut ws, mut peer) = open(&server, NARROW_LEN).await;
        flood(&server, SlowConsumerPolicy::DropOldest).await;
        ws.ping(b"still there?").unwrap();
        peer.send(PING, "are you?").await;
        let reading = tokio::spawn(async move { ws.recv().await });
        let mut control = Vec::new();
        while let Ok(frame) = timeout(SECOND, peer.frame()).await {
            if frame.opcode != BINARY {
                control.push((frame.opcode, String::from_utf8(frame.payload).unwrap()));
            }
        }
        control.sort();
        assert_eq!(control, [(PING, "still there?".into()), (PONG, "are you?".into())]);
        reading.abort();
    });
}

#[test]
fn publications_wait_for_the_end_of_a_fragmented_message() {
    paused(async {
        let server = Server::builder().build();
        let (mut ws, mut peer) = open(&server, PIPE_LEN).await;
        let fragment = |payload, fin| Fragment { kind: MessageKind::Binary, payload, fin };
        ws.send_fragment(fragment(b"one", false)).await.unwrap();
        assert_eq!(server.broadcast("between").send_now().queued, 1);
        settle().await;
        ws.send_fragment(fragment(b"two", true)).await.unwrap();
        assert_eq!(peer.frame().await.payload, b"one");
        assert_eq!(peer.frame().await.payload, b"two");
        peer.expect(TEXT, "between").await;
    });
}

#[test]
fn flush_does_not_wait_for_publications_that_wait_for_the_next_fragment() {
    paused(async {
        let server = Server::builder().build();
        let (mut ws, mut peer) = open(&server, PIPE_LEN).await;
        let fragment = |payload, fin| Fragment { kind: MessageKind::Binary, payload, fin };
        ws.send_fragment(fragment(b"one", false)).await.unwrap();
        assert_eq!(server.broadcast("between").send_now().queued, 1);
        timeout(SECOND, ws.flush()).await.expect("all fragments are written").unwrap();
        assert_eq!(peer.frame().await.payload, b"one");
        ws.send_fragment(fragment(b"two", true)).await.unwrap();
        ws.flush().await.unwrap();
        assert_eq!(peer.frame().await.payload, b"two");
        peer.expect(TEXT, "between").await;
    });
}

#[test]
fn a_fragmented_message_does_not_wait_for_publications_that_wait_for_it() {
    paused(async {
        let server = narrow();
        let (mut ws, mut peer) = open(&server, NARROW_LEN).await;
        let payload = &[0; 1000];
        let fragment = |fin| Fragment { kind: MessageKind::Binary, payload, fin };
        ws.send_fragment(fragment(false)).await.unwrap();
        let total = flood(&server, SlowConsumerPolicy::DropOldest).await;
        let sending = tokio::spawn(async move {
            for fin in [false, false, false, true] {
                ws.send_fragment(fragment(fin)).await.unwrap();
            }
            ws
        });
        let received = numbers(&mut peer).await;
        assert_eq!(received.len(), 5 + 100 - total.dropped);
        assert_eq!(received.last(), Some(&99));
        sending.await.unwrap();
    });
}

#[test]
fn flush_waits_for_publications_as_well() {
    paused(async {
        let server = narrow();
        let (mut ws, mut peer) = open(&server, NARROW_LEN).await;
        flood(&server, SlowConsumerPolicy::DropOldest).await;
        assert!(timeout(SECOND, ws.flush()).await.is_err());
        let (flushed, received) = tokio::join!(ws.flush(), numbers(&mut peer));
        flushed.unwrap();
        assert_eq!(received.last(), Some(&99));
    });
}

#[test]
fn publications_of_one_poll_leave_in_one_write() {
    paused(async {
        let (ws, mut peer, book) = watched_server(1 << 16).await;
        let topics = Topics::new();
        topics.join("news", &ws.handle());
        for round in 0..3 {
            for number in 0..50 {
                topics.publish("news", numbered(number)).send_now();
            }
            assert_eq!(ws.handle().queued_len(), 50 * (1000 + 4));
            for number in 0..50 {
                assert_eq!(peer.frame().await.payload, numbered(number));
            }
            assert_eq!(book.take_writes().len(), 1, "round {round}");
            assert_eq!(ws.handle().queued_len(), 0);
        }
    });
}

#[test]
fn what_is_sent_after_a_publication_comes_after_it() {
    paused(async {
        let server = Server::builder().build();
        let (mut ws, mut peer) = open(&server, PIPE_LEN).await;
        server.broadcast("one").send_now();
        ws.send("two").await.unwrap();
        server.broadcast("three").send_now();
        server.broadcast("four").send_now();
        ws.ping(b"five").unwrap();
        server.broadcast("six").send_now();
        let fragment = |payload, fin| Fragment { kind: MessageKind::Text, payload, fin };
        ws.send_fragment(fragment(b"seven", false)).await.unwrap();
        ws.send_fragment(fragment(b"", true)).await.unwrap();
        server.broadcast("eight").send_now();
        ws.handle().start_close(CloseCode::NORMAL).unwrap();
        for expected in ["one", "two", "three", "four", "five", "six", "seven", "", "eight"] {
            assert_eq!(peer.frame().await.payload, expected.as_bytes());
        }
        assert_eq!(peer.frame().await.opcode, CLOSE);
    });
}

#[test]
fn each_gets_its_own_messages_among_those_for_all() {
    paused(async {
        let server = Server::builder().build();
        let mut open_ones = Vec::new();
        for _ in 0..4 {
            open_ones.push(open(&server, PIPE_LEN).await);
        }
        let mut expected = vec![Vec::new(); open_ones.len()];
        for number in 0..200 {
            let sender = number % 7;
            let publication = server.broadcast(format!("{number}"));
            if let Some((ws, _)) = open_ones.get(sender) {
                publication.except(&ws.handle()).send_now();
                ws.handle().try_send(format!("own {number}")).unwrap();
            } else {
                publication.send_now();
            }
            for (index, expected) in expected.iter_mut().enumerate() {
                let own = if index == sender { "own " } else { "" };
                expected.push(format!("{own}{number}"));
            }
            if number % 31 == 0 {
                settle().await;
            }
        }
        for ((_, peer), expected) in open_ones.iter_mut().zip(expected) {
            for message in expected {
                peer.expect(TEXT, message).await;
            }
        }
    });
}

#[test]
fn publications_that_a_transport_takes_in_pieces_come_whole() {
    paused(async {
        let server = Server::builder().build();
        let (_ws, mut peer) = open(&server, 333).await;
        for number in 0..30 {
            server.broadcast(numbered(number)).send_now();
        }
        assert!(numbers(&mut peer).await.into_iter().eq(0..30));
    });
}

#[test]
fn members_of_a_topic_hear_of_it_until_they_leave_or_end() {
    paused(async {
        let server = Server::builder().build();
        let topics = Topics::new();
        let (one, mut one_peer) = open(&server, PIPE_LEN).await;
        let (two, mut two_peer) = open(&server, PIPE_LEN).await;
        assert!(topics.join("news", &one.handle()) && topics.join("news", &two.handle()));
        assert!(!topics.join("news", &one.handle()), "once is enough");
        assert!(topics.clone().join("weather", &one.handle()));
        assert_eq!(topics.publish("news", "first").except(&two.handle()).await.queued, 1);
        assert_eq!(topics.publish("news", "second").await.queued, 2);
        assert_eq!(topics.publish("nothing", "nobody").await, Delivery::default());
        one_peer.expect(TEXT, "first").await;
        one_peer.expect(TEXT, "second").await;
        two_peer.expect(TEXT, "second").await;
        assert!(topics.leave("news", &one.handle()));
        assert!(!topics.leave("news", &one.handle()));
        assert!(topics.members("news").eq([two.handle()]));
        drop(two);
        assert_eq!(topics.members("news").count(), 0);
        assert!(topics.names().eq(["weather".into()]), "a topic without members is none");
        drop(one);
        assert_eq!(topics.names().count(), 0);
    });
}

#[test]
fn who_has_ended_cannot_join() {
    paused(async {
        let topics = Topics::new();
        let (ws, _peer) = open(&Server::builder().build(), PIPE_LEN).await;
        let handle: Handle = ws.handle();
        drop(ws);
        assert!(!topics.join("news", &handle));
        assert_eq!(topics.names().count(), 0);
    });
}

#[test]
fn the_same_name_in_other_topics_is_another_topic() {
    paused(async {
        let (ones, others) = (Topics::new(), Topics::new());
        let (ws, _peer) = open(&Server::builder().build(), PIPE_LEN).await;
        ones.join("news", &ws.handle());
        others.join("news", &ws.handle());
        assert!(ones.leave("news", &ws.handle()));
        assert_eq!((ones.names().count(), others.names().count()), (0, 1));
    });
}

#[test]
fn connections_join_and_end_while_others_publish() {
    threaded(async {
        let topics = Topics::new();
        let mut tasks = tokio::task::JoinSet::new();
        for number in 0..100 {
            let topics = topics.clone();
            tasks.spawn(async move {
                let (mut client, ws) = bowsprit::testing::pair().await;
                topics.join(if number % 2 == 0 { "even" } else { "odd" }, &ws.handle());
                topics.publish("even", "hello").await;
                if number % 2 == 0 {
                    assert_eq!(client.recv().await.unwrap(), Some(Message::text("hello")));
                }
            });
        }
        while let Some(joined) = tasks.join_next().await {
            joined.unwrap();
        }
        assert_eq!(topics.names().count(), 0);
    });
}
