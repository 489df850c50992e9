//! One order per connection: what was accepted first leaves first.

use bowsprit::{
    Client, Deflate, Message, Server, Topics, WebSocket,
    message::{Fragment, MessageKind},
    testing::pair_of,
    topics::SlowConsumerPolicy,
};
use tokio::task::yield_now;

use super::{
    peer::{BINARY, CLOSE, TEXT},
    support::{paused, server_over, threaded},
};

const TOPIC: &str = "news";

fn topics(ws: &WebSocket, slow: SlowConsumerPolicy) -> Topics {
    let topics = Topics::new().slow_consumers(slow);
    assert!(topics.join(TOPIC, &ws.handle()));
    topics
}

/// Above the high-water mark, where publications wait.
#[test]
fn what_is_sent_after_a_publication_leaves_after_it() {
    let policies = [
        SlowConsumerPolicy::Wait,
        SlowConsumerPolicy::DropNewest,
        SlowConsumerPolicy::DropOldest,
        SlowConsumerPolicy::KeepLatest,
        SlowConsumerPolicy::default(),
    ];
    for slow in policies {
        paused(async move {
            let (ws, mut peer) = server_over(Server::builder(), 1000).await;
            let (topics, handle) = (topics(&ws, slow), ws.handle());
            handle.try_send(vec![1; 100_000]).unwrap();
            yield_now().await;
            for number in 0..50 {
                let delivery = topics.publish(TOPIC, format!("published {number}")).send_now();
                assert_eq!((delivery.queued, delivery.closed), (1, 0));
                handle.try_send(format!("sent {number}")).unwrap();
                if slow == SlowConsumerPolicy::KeepLatest {
                    break;
                }
            }
            peer.expect(BINARY, vec![1; 100_000]).await;
            let count = if slow == SlowConsumerPolicy::KeepLatest { 1 } else { 50 };
            for number in 0..count {
                peer.expect(TEXT, format!("published {number}")).await;
                peer.expect(TEXT, format!("sent {number}")).await;
            }
        });
    }
}

#[test]
fn only_publications_make_room_for_others() {
    paused(async {
        let (ws, mut peer) = server_over(Server::builder(), 1000).await;
        let (topics, handle) = (topics(&ws, SlowConsumerPolicy::DropOldest), ws.handle());
        handle.try_send(vec![1; 100_000]).unwrap();
        yield_now().await;
        topics.publish(TOPIC, vec![2; 500_000]).send_now();
        handle.try_send("between").unwrap();
        topics.publish(TOPIC, vec![3; 500_000]).send_now();
        // The first has to go for this one, but not what was sent behind it.
        let delivery = topics.publish(TOPIC, "last").send_now();
        assert_eq!((delivery.queued, delivery.dropped), (1, 1));
        peer.expect(BINARY, vec![1; 100_000]).await;
        peer.expect(TEXT, "between").await;
        peer.expect(BINARY, vec![3; 500_000]).await;
        peer.expect(TEXT, "last").await;
        assert_eq!(handle.dropped_messages(), 1);
    });
}

#[test]
fn a_fragmented_message_begins_behind_what_was_published() {
    paused(async {
        let (mut ws, mut peer) = server_over(Server::builder(), 1000).await;
        let topics = topics(&ws, SlowConsumerPolicy::Wait);
        ws.send(vec![1; 65_000]).await.unwrap();
        yield_now().await;
        // More than the high-water mark, so that the last waits; little enough to begin.
        while ws.queued_len() <= 64 * 1024 {
            topics.publish(TOPIC, "published").send_now();
        }
        let handle = ws.handle();
        let sending = tokio::spawn(async move {
            let piece = |payload, fin| Fragment { kind: MessageKind::Binary, payload, fin };
            ws.send_fragment(piece(b"one", false)).await.unwrap();
            ws.send_fragment(piece(b"two", true)).await.unwrap();
            ws
        });
        yield_now().await;
        topics.publish(TOPIC, "published").send_now();
        let mut frames = Vec::new();
        while frames.last() != Some(&b"two".to_vec()) {
            frames.push(peer.frame().await.payload);
        }
        assert_eq!(frames[frames.len() - 2], b"one");
        assert!(handle.queued_len() == 0 && frames.len() > 5);
        drop(sending.await.unwrap());
    });
}

#[test]
fn a_message_that_nobody_can_finish_closes_the_connection() {
    paused(async {
        let (ws, mut peer) = server_over(Server::builder(), 1000).await;
        let (receive, mut send) = ws.split();
        let handle = send.handle();
        let piece = Fragment { kind: MessageKind::Binary, payload: b"begun", fin: false };
        send.send_fragment(piece).await.unwrap();
        let other = tokio::spawn({
            let handle = handle.clone();
            async move { handle.send("behind").await }
        });
        yield_now().await;
        drop(send);
        assert!(other.await.unwrap().is_err(), "it would wait for the end of the message");
        assert_eq!(peer.frame().await.payload, b"begun");
        assert_eq!(peer.expect_close(1011).await, "a message was not finished");
        assert!(handle.try_send("late").is_err());
        drop(receive);
    });
}

#[test]
fn what_was_accepted_before_the_peers_close_frame_leaves_before_the_answer() {
    paused(async {
        let (mut ws, mut peer) = server_over(Server::builder(), 1000).await;
        let (topics, handle) = (topics(&ws, SlowConsumerPolicy::Wait), ws.handle());
        handle.try_send(vec![1; 100_000]).unwrap();
        yield_now().await;
        topics.publish(TOPIC, "published").send_now();
        handle.try_send("sent").unwrap();
        peer.send_close(1000, "").await;
        tokio::spawn(async move { ws.recv().await });
        peer.expect(BINARY, vec![1; 100_000]).await;
        peer.expect(TEXT, "sent").await;
        assert_eq!(peer.frame().await.opcode, CLOSE);
        assert_eq!(handle.dropped_messages(), 1, "nobody wants a publication any more");
    });
}

/// With messages that are compressed on other threads, and tasks that take turns at it.
#[test]
fn pairs_of_publications_and_messages_stay_in_order() {
    threaded(async {
        let server = Server::builder().deflate(Deflate::server()).build();
        let client = Client::new().deflate(Deflate::client());
        let (mut client, ws) = pair_of(&client, &server, "ws://localhost/").await.unwrap();
        let topics = topics(&ws, SlowConsumerPolicy::Wait);
        let mut tasks = Vec::new();
        for task in 0..4 {
            let (topics, handle) = (topics.clone(), ws.handle());
            tasks.push(tokio::spawn(async move {
                for pair in 0..100 {
                    // Every tenth is long.
                    let rest = " and more words".repeat(if pair % 10 == 0 { 6000 } else { 200 });
                    let text = |number| format!("{task} {number}{rest}");
                    topics.publish(TOPIC, text(2 * pair)).await;
                    handle.send(text(2 * pair + 1)).await.unwrap();
                }
            }));
        }
        let mut next = [0; 4];
        for _ in 0..800 {
            let message: Message = client.recv().await.unwrap().unwrap();
            let mut words = message.as_text().unwrap().split(' ');
            let mut number = || words.next().unwrap().parse::<usize>().unwrap();
            let (task, number) = (number(), number());
            assert_eq!(number, next[task], "of task {task}");
            next[task] += 1;
        }
        for task in tasks {
            task.await.unwrap();
        }
    });
}
