//! Publications, beside messages of others, to members that come and go.

use std::{sync::Arc, time::Duration};

use bowsprit::{CloseCode, Handle, Server, Topics, WebSocket, topics::SlowConsumerPolicy};
use tokio::{sync::Barrier, task::JoinSet, time::timeout};

use super::{
    harness::{Random, any_runtime, stress},
    numbered::{Checker, numbered},
    served::{builder, client, serve},
};

const LONG: Duration = Duration::from_secs(20);
const PUBLISHERS: u32 = 4;
const EACH: u32 = 40;

async fn publish(topics: Arc<Topics>, publisher: u32, mut random: Random) {
    for number in 0..EACH {
        let message = numbered(publisher, number, random.len());
        topics.publish("news", message).slow_consumers(SlowConsumerPolicy::Wait).await;
        random.pause(1).await;
    }
}

/// Sends as a member of its own: `sender` is none of the publishers.
async fn send(handle: Handle, sender: u32, mut random: Random) {
    for number in 0..EACH {
        handle.send(numbered(sender, number, random.len())).await.unwrap();
        random.pause(1).await;
    }
}

#[test]
fn publications_and_messages_keep_their_order() {
    async fn receive(mut ws: WebSocket) -> Vec<u32> {
        let (mut checker, mut order) = (Checker::default(), Vec::new());
        while let Some(message) = ws.recv().await.unwrap() {
            checker.note(message.as_bytes());
            let sender = u32::from_be_bytes(message.as_bytes()[..4].try_into().unwrap());
            if sender < PUBLISHERS {
                order.push(sender);
            }
        }
        assert_eq!(checker.count(), usize::try_from((PUBLISHERS + 1) * EACH).unwrap());
        order
    }
    stress(|mut random| {
        any_runtime(&mut random).block_on(async {
            let topics = Arc::new(Topics::new());
            let joining = Arc::clone(&topics);
            let builder = builder(&mut random).on_connect(move |handle| {
                assert!(joining.join("news", handle));
            });
            let served = serve(builder, |mut ws, _| async move {
                while ws.recv().await?.is_some() {}
                Ok(())
            })
            .await;
            let mut members = JoinSet::new();
            for _ in 0..6 {
                members.spawn(receive(client().connect(&served.url).await.unwrap()));
            }
            while served.server.connections() < 6 {
                tokio::task::yield_now().await;
            }
            let mut senders = JoinSet::new();
            for publisher in 0..PUBLISHERS {
                senders.spawn(publish(Arc::clone(&topics), publisher, random.fork()));
            }
            for (sender, handle) in (PUBLISHERS..).zip(served.server.clients()) {
                senders.spawn(send(handle, sender, random.fork()));
            }
            timeout(LONG, senders.join_all()).await.expect("a publisher waits for ever");
            close_all(&served.server);
            let orders = timeout(LONG, members.join_all()).await.expect("a member waits for ever");
            assert!(orders.windows(2).all(|pair| pair[0] == pair[1]), "not in one order");
            served.expect_empty().await;
            assert_eq!(topics.names().count(), 0);
        });
    });
}

fn close_all(server: &Server) {
    for handle in server.clients() {
        handle.start_close(CloseCode::NORMAL).unwrap();
    }
}

/// Hears of what is published until its end, which may come at any moment.
async fn wander(ws: WebSocket, mut random: Random) {
    let (mut receive, send) = ws.split();
    let reading = tokio::spawn(async move {
        // A member that comes late misses what was before, and nothing after that; what came
        // while it had left, too.
        let mut checker = Checker::default();
        while let Ok(Some(message)) = receive.recv().await {
            checker.note_with_gaps(message.as_bytes());
        }
    });
    random.pause(20).await;
    if random.once_in(2) {
        drop(send);
    } else {
        let _closing = send.handle().start_close(CloseCode::NORMAL);
    }
    reading.await.unwrap();
}

async fn come_and_go(topics: Arc<Topics>, member: Handle, mut random: Random) {
    for _ in 0..20 {
        let topic = ["news", "other"][random.below(2)];
        if random.once_in(2) {
            topics.join(topic, &member);
        } else {
            topics.leave(topic, &member);
        }
        random.pause(1).await;
    }
    member.terminate();
}

#[test]
fn members_join_leave_and_end_while_others_publish() {
    const POLICIES: [SlowConsumerPolicy; 4] = [
        SlowConsumerPolicy::Wait,
        SlowConsumerPolicy::DropNewest,
        SlowConsumerPolicy::DropOldest,
        SlowConsumerPolicy::KeepLatest,
    ];
    stress(|mut random| {
        any_runtime(&mut random).block_on(async {
            let topics = Arc::new(Topics::new().slow_consumers(POLICIES[random.below(4)]));
            let served = serve(builder(&mut random), |mut ws, _| async move {
                while ws.recv().await?.is_some() {}
                Ok(())
            })
            .await;
            let mut members = Vec::new();
            for _ in 0..8 {
                members.push(client().connect(&served.url).await.unwrap());
            }
            while served.server.connections() < 8 {
                tokio::task::yield_now().await;
            }
            let mut tasks = JoinSet::new();
            for ws in members {
                tasks.spawn(wander(ws, random.fork()));
            }
            for member in served.server.clients() {
                tasks.spawn(come_and_go(Arc::clone(&topics), member, random.fork()));
            }
            for publisher in 0..PUBLISHERS {
                let topics = Arc::clone(&topics);
                tasks.spawn(publish(topics, publisher, random.fork()));
            }
            timeout(LONG, tasks.join_all()).await.expect("somebody waits for ever");
            served.expect_empty().await;
            assert_eq!(topics.names().count(), 0, "a topic without members stays");
        });
    });
}

/// Broadcasts of one moment are joined, and each is still one.
#[test]
fn broadcasts_from_many_tasks_arrive_once() {
    stress(|mut random| {
        any_runtime(&mut random).block_on(async {
            let served = serve(builder(&mut random), |mut ws, _| async move {
                while ws.recv().await?.is_some() {}
                Ok(())
            })
            .await;
            let mut members = JoinSet::new();
            for _ in 0..16 {
                let mut ws = client().connect(&served.url).await.unwrap();
                members.spawn(async move {
                    let mut checker = Checker::default();
                    while let Some(message) = ws.recv().await.unwrap() {
                        checker.note(message.as_bytes());
                    }
                    checker.count()
                });
            }
            while served.server.connections() < 16 {
                tokio::task::yield_now().await;
            }
            let together = Arc::new(Barrier::new(4));
            let mut tasks = JoinSet::new();
            for sender in 0..4 {
                let (server, together) = (served.server.clone(), Arc::clone(&together));
                let mut random = random.fork();
                tasks.spawn(async move {
                    together.wait().await;
                    for number in 0..50 {
                        let message = numbered(sender, number, random.below(300));
                        server.broadcast(message).slow_consumers(SlowConsumerPolicy::Wait).await;
                    }
                });
            }
            timeout(LONG, tasks.join_all()).await.expect("a publisher waits for ever");
            close_all(&served.server);
            let counts = timeout(LONG, members.join_all()).await.expect("a member waits for ever");
            assert_eq!(counts, [200; 16]);
            served.expect_empty().await;
        });
    });
}
