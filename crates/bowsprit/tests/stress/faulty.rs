//! Conversations through a proxy that spoils them: what has a clean end is whole, and of what has
//! none there is a beginning. Afterwards nothing stays behind.

use std::{
    collections::HashSet,
    net::SocketAddr,
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, Ordering},
    },
    time::{Duration, Instant},
};

use bowsprit::{
    Client, CloseCode, ConnectionConfig, Error, Topics, WebSocket,
    config::Heartbeat,
    error::BoxError,
    reconnect::Backoff,
    server::ServerBuilder,
    stats::{Stats, TrafficCounts},
    topics::SlowConsumerPolicy,
};
use tokio::{sync::mpsc::unbounded_channel, task::JoinSet, time::timeout};

use super::{
    harness::{Random, any_runtime, stress},
    numbered::{Checker, numbered},
    proxy::{Proxy, Way},
    served::{Served, builder, client, config, serve},
};

const LONG: Duration = Duration::from_secs(30);
const SHORT: Duration = Duration::from_millis(300);
const EACH: u32 = 60;

/// Who notices soon that the other is gone.
fn impatient() -> ConnectionConfig {
    config()
        .heartbeat(Heartbeat::new(SHORT, SHORT))
        .write_stall_timeout(SHORT)
        .close_timeout(SHORT)
        .linger_timeout(SHORT)
}

fn impatient_server(random: &mut Random) -> ServerBuilder {
    builder(random).config(impatient()).handshake_timeout(SHORT)
}

fn impatient_client() -> Client {
    client().config(impatient()).handshake_timeout(SHORT)
}

fn address(served: &Served) -> SocketAddr {
    served.url.trim_start_matches("ws://").trim_end_matches('/').parse().unwrap()
}

/// Sends so many messages and receives as many, at the same time. None that is before another one
/// may be missing.
async fn converse(ws: &mut WebSocket, mut random: Random) -> Result<usize, Error> {
    let (receive, send) = ws.split_mut();
    let mut checker = Checker::default();
    let sending = async {
        for number in 0..EACH {
            send.send(numbered(0, number, random.len())).await?;
        }
        Ok::<_, Error>(())
    };
    let receiving = async {
        while checker.count() < usize::try_from(EACH).unwrap() {
            match receive.recv().await? {
                Some(message) => checker.note(message.as_bytes()),
                None => break,
            }
        }
        Ok::<_, Error>(())
    };
    tokio::try_join!(sending, receiving)?;
    Ok(checker.count())
}

/// A server whose handlers converse with their clients, and then wait for the end.
async fn conversing(builder: ServerBuilder, random: &mut Random) -> Served {
    let seeds = Mutex::new(random.fork());
    let handler = move |mut ws: WebSocket, _| {
        let random = seeds.lock().unwrap().fork();
        async move {
            converse(&mut ws, random).await?;
            while ws.recv().await?.is_some() {}
            Ok::<_, BoxError>(())
        }
    };
    serve(builder, handler).await
}

/// As many messages and bytes as the one has sent, the other has received.
fn expect_same(client: &Stats, server: &Stats) {
    let of = |sent: &TrafficCounts| (sent.messages(), sent.payload_bytes, sent.wire_bytes);
    assert_eq!(of(&client.sent), of(&server.received));
    assert_eq!(of(&server.sent), of(&client.received));
}

/// A client has no connection any more either.
async fn expect_over(client: &Client) {
    let begun = Instant::now();
    loop {
        let stats = client.stats();
        if stats.connections == 0 && stats.closes.total() == stats.handshakes.accepted {
            return;
        }
        assert!(begun.elapsed() < LONG, "{stats:?}");
        tokio::time::sleep(Duration::from_millis(2)).await;
    }
}

#[test]
fn what_is_only_slow_arrives_whole() {
    stress(|mut random| {
        any_runtime(&mut random).block_on(async {
            let builder = builder(&mut random);
            let served = conversing(builder, &mut random).await;
            let mut ways = random.fork();
            let proxy = Proxy::start(address(&served), move |_| {
                ([Way::slow(&mut ways), Way::slow(&mut ways)], ways.fork())
            })
            .await;
            let (client, mut talking) = (client(), JoinSet::new());
            for _ in 0..3 {
                let (client, url, random) = (client.clone(), proxy.url.clone(), random.fork());
                talking.spawn(async move {
                    let mut ws = client.connect(&url).await.unwrap();
                    let received = converse(&mut ws, random).await.unwrap();
                    assert_eq!(received, usize::try_from(EACH).unwrap());
                    ws.close(CloseCode::NORMAL).await.unwrap();
                });
            }
            timeout(LONG, talking.join_all()).await.expect("a conversation hangs");
            served.expect_empty().await;
            expect_over(&client).await;
            let (near, far) = (client.stats(), served.server.stats());
            assert_eq!((near.closes.by_us, far.closes.by_peer), (3, 3), "{near:?} {far:?}");
            expect_same(&near, &far);
        });
    });
}

#[test]
fn what_breaks_off_has_a_beginning_and_leaves_nothing_behind() {
    stress(|mut random| {
        any_runtime(&mut random).block_on(async {
            let builder = impatient_server(&mut random);
            let served = conversing(builder, &mut random).await;
            let mut ways = random.fork();
            let proxy = Proxy::start(address(&served), move |_| {
                let mut ways = ways.fork();
                let mut both = [Way::slow(&mut ways), Way::slow(&mut ways)];
                both[ways.below(2)] = Way::faulty(&mut ways);
                (both, ways)
            })
            .await;
            let (client, mut talking) = (impatient_client(), JoinSet::new());
            for _ in 0..8 {
                let (client, url, random) = (client.clone(), proxy.url.clone(), random.fork());
                talking.spawn(async move {
                    let Ok(mut ws) = client.connect(&url).await else { return };
                    if converse(&mut ws, random).await.is_ok() {
                        // The fault may still be before us.
                        let _closed = ws.close(CloseCode::NORMAL).await;
                    }
                });
            }
            timeout(LONG, talking.join_all()).await.expect("a conversation hangs");
            served.expect_empty().await;
            expect_over(&client).await;
        });
    });
}

/// What becomes of publications for a member that is behind.
struct Published {
    received: Checker,
    last: Option<u32>,
    /// What the connection was closed with.
    code: CloseCode,
    stats: Stats,
}

/// Publishes faster than the proxy passes it on, and closes then.
async fn publish_to_slow_member(slow: SlowConsumerPolicy, mut random: Random) -> Published {
    const COUNT: u32 = 300;
    let topics = Arc::new(Topics::new().slow_consumers(slow));
    let joining = Arc::clone(&topics);
    let builder = builder(&mut random).on_connect(move |handle| {
        joining.join("news", handle);
    });
    let (ended, mut ends) = unbounded_channel();
    let ended = Arc::new(ended);
    let served = serve(builder, move |mut ws, _| {
        let ended = Arc::clone(&ended);
        async move {
            while ws.recv().await?.is_some() {}
            ended.send(ws.handle())?;
            Ok(())
        }
    })
    .await;
    let mut ways = random.fork();
    let proxy = Proxy::start(address(&served), move |_| {
        let back = Way { single: 3000, pause: 20, fault: None };
        ([Way::default(), back], ways.fork())
    })
    .await;
    let mut ws = client().connect(&proxy.url).await.unwrap();
    let receiving = tokio::spawn(async move {
        let (mut received, mut last) = (Checker::default(), None);
        while let Some(message) = ws.recv().await.unwrap() {
            last = Some(received.note_with_gaps(message.as_bytes()));
        }
        (received, last, ws.closed().await.unwrap().unwrap().code)
    });
    while served.server.connections() == 0 {
        tokio::task::yield_now().await;
    }
    for number in 0..COUNT {
        topics.publish("news", numbered(0, number, 5000 + random.below(10_000))).await;
    }
    for member in served.server.clients() {
        // Closed already, it may be.
        let _closed = member.start_close(CloseCode::NORMAL);
    }
    let (received, last, code) = receiving.await.unwrap();
    let handle = ends.recv().await.unwrap();
    served.expect_empty().await;
    let stats = served.server.stats();
    assert_eq!(handle.dropped_messages(), stats.dropped);
    if stats.slow_closes == 0 {
        let all = u64::try_from(received.count()).unwrap() + stats.dropped;
        assert_eq!(all, u64::from(COUNT), "{slow:?}: {stats:?}");
    }
    assert_eq!(stats.sent.messages(), u64::try_from(received.count()).unwrap());
    Published { received, last, code, stats }
}

#[test]
fn slow_consumers_get_what_their_policy_says() {
    stress(|mut random| {
        let policies = [
            SlowConsumerPolicy::Wait,
            SlowConsumerPolicy::DropNewest,
            SlowConsumerPolicy::DropOldest,
            SlowConsumerPolicy::KeepLatest,
            SlowConsumerPolicy::Close(CloseCode::TRY_AGAIN_LATER),
        ];
        let slow = policies[random.below(policies.len())];
        any_runtime(&mut random).block_on(async {
            let publishing = publish_to_slow_member(slow, random.fork());
            let Published { received, last, code, stats } =
                timeout(LONG, publishing).await.expect("it hangs");
            let closed = stats.slow_closes == 1;
            let expected = if closed { CloseCode::TRY_AGAIN_LATER } else { CloseCode::NORMAL };
            assert_eq!(code, expected, "{stats:?}");
            match slow {
                SlowConsumerPolicy::Wait => assert_eq!((received.count(), stats.dropped), (300, 0)),
                SlowConsumerPolicy::DropOldest | SlowConsumerPolicy::KeepLatest => {
                    assert_eq!(last, Some(299))
                }
                // What comes before the end is all that was published until then.
                SlowConsumerPolicy::Close(_) => {
                    assert_eq!(last.map_or(0, |last| last + 1) as usize, received.count());
                }
                _ => {}
            }
        });
    });
}

/// What all handlers of a server have got, over the connections of one client.
#[derive(Default)]
struct Got {
    numbers: HashSet<u32>,
}

/// Connections that a proxy breaks before it lets them pass.
const FAULTY: usize = 4;

/// A proxy that breaks the first connections and is only slow later.
async fn mending(served: &Served, mut ways: Random) -> Proxy {
    Proxy::start(address(served), move |number| {
        let mut ways = ways.fork();
        let mut both = [Way::slow(&mut ways), Way::slow(&mut ways)];
        if number < FAULTY {
            both[ways.below(2)] = Way::breaking(&mut ways);
        }
        (both, ways)
    })
    .await
}

#[test]
fn connections_come_back_and_send_nothing_twice() {
    stress(|mut random| {
        any_runtime(&mut random).block_on(async {
            let got = Arc::new(Mutex::new(Got::default()));
            let served = serve(impatient_server(&mut random), move |mut ws, _| {
                let got = Arc::clone(&got);
                async move {
                    let mut checker = Checker::default();
                    while let Some(message) = ws.recv().await? {
                        let number = checker.note_with_gaps(message.as_bytes());
                        assert!(got.lock().unwrap().numbers.insert(number), "{number} twice");
                        ws.send(message).await?;
                    }
                    Ok(())
                }
            })
            .await;
            let proxy = mending(&served, random.fork()).await;
            let client = impatient_client();
            let backoff = Backoff::default().first(Duration::from_millis(5));
            let reconnect = client.reconnect(&proxy.url).unwrap();
            let reconnect = reconnect.backoff(backoff.max(Duration::from_millis(20)));
            let mut ws = reconnect.retry_if(|_| true).websocket();
            let (handle, over) = (ws.handle(), Arc::new(AtomicBool::new(false)));
            let (until, mut lens) = (Arc::clone(&over), random.fork());
            let sending = tokio::spawn(async move {
                let mut number = 0;
                while !until.load(Ordering::Relaxed) {
                    match handle.try_send(numbered(0, number, lens.len())) {
                        Ok(()) => number += 1,
                        Err(Error::QueueFull) => {}
                        Err(error) => panic!("{error:?}"),
                    }
                    tokio::time::sleep(Duration::from_millis(1)).await;
                }
                handle.start_close();
            });
            let conversation = async {
                let (mut checker, mut since) = (Checker::default(), 0);
                while let Some(echo) = ws.recv().await.unwrap() {
                    checker.note_with_gaps(echo.as_bytes());
                    since += usize::from(proxy.carried() > FAULTY);
                    if since == 20 {
                        over.store(true, Ordering::Relaxed);
                    }
                }
            };
            timeout(LONG, conversation).await.expect("it hangs");
            sending.await.unwrap();
            served.expect_empty().await;
            expect_over(&client).await;
        });
    });
}
