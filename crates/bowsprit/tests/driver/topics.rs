//! The order of publications to a topic, and what joining and leaving takes.

use std::{thread, time::Duration};

use bowsprit::{
    CloseCode, ConnectionConfig, Handle, Server, Topics, WebSocket, topics::SlowConsumerPolicy,
};
use tokio::{io::DuplexStream, task::JoinSet};
use tracing::{Event, Metadata, Subscriber, span};

use super::{
    peer::Peer,
    support::{PIPE_LEN, SECOND, paused, threaded},
};

async fn open(server: &Server, pipe_len: usize) -> (WebSocket, Peer<DuplexStream>) {
    let (ours, theirs) = tokio::io::duplex(pipe_len);
    let (ws, peer) = tokio::join!(server.accept(ours), Peer::connect(theirs));
    (ws.unwrap(), peer)
}

/// The payloads of the next messages.
async fn payloads(peer: &mut Peer<DuplexStream>, count: usize) -> Vec<Vec<u8>> {
    let mut payloads = Vec::new();
    for _ in 0..count {
        payloads.push(peer.frame().await.payload);
    }
    payloads
}

#[test]
fn all_members_see_publications_in_one_order() {
    const PUBLISHERS: usize = 8;
    const MESSAGES: usize = 50;
    threaded(async {
        let (server, topics) = (Server::builder().build(), Topics::new());
        let mut members = Vec::new();
        for _ in 0..100 {
            let (ws, peer) = open(&server, PIPE_LEN).await;
            topics.join("news", &ws.handle());
            members.push((ws, peer));
        }
        let publishers = (0..PUBLISHERS).map(|publisher| {
            let topics = topics.clone();
            thread::spawn(move || {
                for message in 0..MESSAGES {
                    let news = format!("{publisher} {message}");
                    assert_eq!(topics.publish("news", news).send_now().queued, 100);
                }
            })
        });
        publishers.collect::<Vec<_>>().into_iter().for_each(|publisher| publisher.join().unwrap());
        let mut expected = None;
        for (_ws, peer) in &mut members {
            let seen = payloads(peer, PUBLISHERS * MESSAGES).await;
            assert!(*expected.get_or_insert_with(|| seen.clone()) == seen, "another order");
        }
    });
}

#[test]
fn publications_that_wait_keep_their_order() {
    const PUBLISHERS: usize = 4;
    const MESSAGES: usize = 25;
    paused(async {
        let mut config = ConnectionConfig::server();
        config.high_water_mark = 2000;
        config.max_queue_len = 4000;
        let server = Server::builder().config(config).build();
        let topics = Topics::new().slow_consumers(SlowConsumerPolicy::Wait);
        let mut readers = JoinSet::new();
        for member in 0..3 {
            let (ws, mut peer) = open(&server, 1000).await;
            topics.join("news", &ws.handle());
            readers.spawn(async move {
                let mut seen = Vec::new();
                for message in 0..PUBLISHERS * MESSAGES {
                    // Each is slow at another time.
                    if message % 10 == member {
                        tokio::time::sleep(SECOND).await;
                    }
                    seen.extend(payloads(&mut peer, 1).await);
                }
                drop(ws);
                seen
            });
        }
        let mut publishers = JoinSet::new();
        for publisher in 0..PUBLISHERS {
            let topics = topics.clone();
            publishers.spawn(async move {
                for message in 0..MESSAGES {
                    let news = [format!("{publisher} {message}").as_bytes(), &[0; 1000]].concat();
                    assert_eq!(topics.publish("news", news).await.queued, 3);
                }
            });
        }
        publishers.join_all().await;
        let seen = readers.join_all().await;
        assert!(seen.windows(2).all(|pair| pair[0] == pair[1]), "different orders");
    });
}

/// Publishes whenever it is told of something.
struct Publisher(Topics);

impl Subscriber for Publisher {
    fn enabled(&self, _: &Metadata<'_>) -> bool {
        true
    }

    fn new_span(&self, _: &span::Attributes<'_>) -> span::Id {
        span::Id::from_u64(1)
    }

    fn record(&self, _: &span::Id, _: &span::Record<'_>) {}
    fn record_follows_from(&self, _: &span::Id, _: &span::Id) {}

    fn event(&self, event: &Event<'_>) {
        if event.metadata().target().starts_with("bowsprit::conn") {
            self.0.publish("log", "something was told").send_now();
            self.0.publish("news", "something was told").send_now();
        }
    }

    fn enter(&self, _: &span::Id) {}
    fn exit(&self, _: &span::Id) {}
}

#[test]
fn what_a_publication_runs_may_publish_itself() {
    paused(async {
        let mut config = ConnectionConfig::server();
        config.max_queue_len = 1000;
        let server = Server::builder().config(config).build();
        let topics = Topics::new().slow_consumers(SlowConsumerPolicy::DropNewest);
        let (slow, _slow_peer) = open(&server, 100).await;
        let (log, mut log_peer) = open(&server, PIPE_LEN).await;
        topics.join("news", &slow.handle());
        topics.join("log", &log.handle());
        topics.publish("news", vec![0; 2000]).send_now();
        let subscriber = Publisher(topics.clone());
        let delivery = tracing::subscriber::with_default(subscriber, || {
            topics.publish("news", vec![0; 2000]).send_now()
        });
        assert_eq!((delivery.queued, delivery.dropped), (0, 1));
        assert_eq!(payloads(&mut log_peer, 1).await, [b"something was told"]);
    });
}

/// How long leaving and joining again takes where a connection has joined so many topics.
fn time_to_leave(topics: &Topics, member: &Handle, joined: usize) -> Duration {
    for topic in 0..joined {
        topics.join(&format!("{joined} {topic}"), member);
    }
    let rounds = (0..20).map(|_| {
        let begun = std::time::Instant::now();
        for topic in (0..joined).step_by(joined / 20) {
            let topic = format!("{joined} {topic}");
            assert!(topics.leave(&topic, member));
            assert!(topics.join(&topic, member));
        }
        begun.elapsed()
    });
    let least = rounds.min().unwrap_or_default();
    for topic in 0..joined {
        assert!(topics.leave(&format!("{joined} {topic}"), member));
    }
    least
}

#[test]
fn leaving_one_of_many_topics_takes_no_longer() {
    paused(async {
        let server = Server::builder().build();
        let (ws, _peer) = open(&server, PIPE_LEN).await;
        let topics = Topics::new();
        let few = time_to_leave(&topics, &ws.handle(), 20);
        let many = time_to_leave(&topics, &ws.handle(), 20_000);
        assert!(many < few * 20, "{few:?} {many:?}");
        assert_eq!(topics.names().count(), 0);
    });
}

#[test]
fn topics_that_are_joined_and_left_at_once_lose_nobody() {
    threaded(async {
        let (server, topics) = (Server::builder().build(), Topics::new());
        let mut members = Vec::new();
        for _ in 0..4 {
            members.push(open(&server, PIPE_LEN).await);
        }
        let threads = members.iter().map(|(ws, _)| {
            let (topics, handle) = (topics.clone(), ws.handle());
            thread::spawn(move || {
                for _ in 0..5000 {
                    assert!(topics.join("news", &handle));
                    assert!(topics.members("news").any(|member| member == handle));
                    assert!(!topics.join("news", &handle));
                    assert!(topics.leave("news", &handle));
                    assert!(!topics.members("news").any(|member| member == handle));
                }
                assert!(topics.join("news", &handle));
            })
        });
        threads.collect::<Vec<_>>().into_iter().for_each(|thread| thread.join().unwrap());
        assert_eq!(topics.publish("news", "all are there").send_now().queued, 4);
        for (ws, _peer) in members {
            let handle = ws.handle();
            drop(ws);
            assert!(!topics.join("news", &handle), "it has ended");
            assert!(handle.start_close(CloseCode::NORMAL).is_err());
        }
        assert_eq!(topics.names().count(), 0);
    });
}
