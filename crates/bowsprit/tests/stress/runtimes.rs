//! Several runtimes, of which one ends, or is driven for single calls only.

use std::{
    sync::{Arc, Mutex, mpsc},
    thread,
    time::{Duration, Instant},
};

use bowsprit::{CloseCode, Deflate, Error, Handle, Server, State, WebSocket};
use tokio::{runtime::Runtime, task::JoinSet, time::timeout};

use super::{
    harness::{Random, any_runtime, one_thread, stress, threads},
    numbered::{Checker, numbered},
    served::{builder, client, config, echo, serve},
};

const LONG: Duration = Duration::from_secs(20);

/// Ends a runtime in one of the ways that there are.
fn end(runtime: Runtime, random: &mut Random) {
    match random.below(3) {
        0 => drop(runtime),
        1 => runtime.shutdown_timeout(random.time(20)),
        _ => runtime.shutdown_background(),
    }
}

/// Each is told that its connection is over.
fn expect_ended(handles: &[Handle]) {
    let begun = Instant::now();
    for handle in handles {
        while handle.state() != State::Closed {
            assert!(begun.elapsed() < LONG, "a connection outlives its runtime");
            thread::sleep(Duration::from_millis(1));
        }
        assert!(handle.try_send("more").is_err());
    }
}

/// Messages that are long enough to be compressed elsewhere.
async fn talk_until_the_end(url: Arc<str>, mut random: Random) {
    let Ok(mut ws) = client().connect(&url).await else { return };
    for number in 0.. {
        let len = if random.once_in(2) { 100_000 } else { random.len() };
        if ws.send(numbered(0, number, len)).await.is_err() {
            return;
        }
        if !matches!(ws.recv().await, Ok(Some(_))) {
            return;
        }
    }
}

/// The runtime of a server ends while its connections are busy.
fn end_servers_runtime(deflate: Option<Deflate>, mut random: Random) {
    let (clients, servers) = (threads(2), any_runtime(&mut random));
    let builder = Server::builder().config(config()).deflate(deflate);
    let kept = Arc::new(Mutex::new(Vec::new()));
    let keeping = Arc::clone(&kept);
    let serving = serve(builder, move |ws: WebSocket, request| {
        keeping.lock().unwrap().push(ws.handle());
        echo(ws, request)
    });
    let served = servers.block_on(serving);
    let url: Arc<str> = served.url.as_str().into();
    let mut talking = JoinSet::new();
    for _ in 0..6 {
        let talk = talk_until_the_end(Arc::clone(&url), random.fork());
        talking.spawn_on(talk, clients.handle());
    }
    let time = random.time(40);
    servers.block_on(async { tokio::time::sleep(time).await });
    drop(served);
    end(servers, &mut random);
    let ended = clients.block_on(async { timeout(LONG, talking.join_all()).await });
    ended.expect("a client waits for ever");
    expect_ended(&kept.lock().unwrap());
}

#[test]
fn the_runtime_of_a_server_ends_at_any_moment() {
    stress(|random| end_servers_runtime(None, random));
}

#[test]
fn the_runtime_of_a_server_ends_while_messages_are_compressed() {
    stress(|random| end_servers_runtime(Some(Deflate::server()), random));
}

#[test]
fn the_runtime_of_clients_ends_under_threads_that_send() {
    stress(|mut random| {
        let (clients, servers) = (any_runtime(&mut random), threads(2));
        let served = servers.block_on(serve(builder(&mut random), |mut ws, _| async move {
            while ws.recv().await?.is_some() {}
            Ok(())
        }));
        let mut senders = Vec::new();
        for sender in 0..4 {
            let ws = clients.block_on(client().connect(&served.url)).unwrap();
            let mut random = random.fork();
            senders.push(thread::spawn(move || {
                let handle = ws.handle();
                let ended = (0..).find_map(|number| {
                    handle.blocking_send(numbered(sender, number, random.len())).err()
                });
                assert!(matches!(ended, Some(Error::Terminated)), "{ended:?}");
                drop(ws);
            }));
        }
        let time = random.time(20);
        clients.block_on(async { tokio::time::sleep(time).await });
        end(clients, &mut random);
        senders.into_iter().for_each(|sender| sender.join().unwrap());
        servers.block_on(served.expect_empty());
        // Before the runtime that its task is of.
        drop(served);
    });
}

/// Opened on one runtime, used on two others.
#[test]
fn the_halves_of_a_connection_live_in_two_runtimes() {
    stress(|mut random| {
        let (home, near, far) = (threads(1), any_runtime(&mut random), any_runtime(&mut random));
        let served = home.block_on(serve(builder(&mut random), echo));
        let ws = home.block_on(client().connect(&served.url)).unwrap();
        let (mut receive, mut send) = ws.split();
        let count = 50;
        let (told, receiving) = mpsc::channel();
        let other = thread::spawn(move || {
            far.block_on(async {
                let mut checker = Checker::default();
                while let Some(message) = receive.recv().await.unwrap() {
                    checker.note(message.as_bytes());
                    told.send(checker.count()).unwrap();
                }
            });
        });
        near.block_on(async {
            for number in 0..count {
                send.send(numbered(0, number, random.len())).await.unwrap();
            }
        });
        while receiving.recv().unwrap() < usize::try_from(count).unwrap() {}
        send.start_close(CloseCode::NORMAL).unwrap();
        other.join().unwrap();
        home.block_on(served.expect_empty());
        drop(served);
    });
}

/// As programs do that are not async.
#[test]
fn a_runtime_is_driven_for_single_calls() {
    stress(|mut random| {
        let (home, ours) = (threads(1), one_thread());
        let served = home.block_on(serve(builder(&mut random), echo));
        let mut ws = ours.block_on(client().connect(&served.url)).unwrap();
        let mut checker = Checker::default();
        for number in 0..20 {
            let message = numbered(0, number, random.len());
            if random.once_in(2) {
                ours.block_on(ws.send(message)).unwrap();
                ours.block_on(ws.flush()).unwrap();
            } else {
                ours.block_on(async { ws.send(message).await.and(ws.flush().await) }).unwrap();
            }
            if random.once_in(2) {
                thread::sleep(random.time(1));
            }
            let answer = ours.block_on(ws.recv()).unwrap().unwrap();
            checker.note(answer.as_bytes());
        }
        ours.block_on(ws.close(CloseCode::NORMAL)).unwrap();
        home.block_on(served.expect_empty());
        drop(served);
    });
}
