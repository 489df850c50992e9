//! Ends that come at any moment, and several at once.

use std::sync::Arc;

use bowsprit::{
    CloseCode, Error, Handle, Server, WebSocket,
    message::{Fragment, MessageKind},
    server::Shutdown,
};
use tokio::{
    task::JoinSet,
    time::{Duration, timeout},
};

use super::{
    harness::{Random, any_runtime, stress, threads},
    numbered::{Checker, numbered},
    served::{builder, client, echo, serve},
};

/// Longer than any end may take.
const LONG: Duration = Duration::from_secs(20);

/// Ends a connection, in one of several ways and in none.
async fn end(handle: Handle, mut random: Random) {
    random.pause(5).await;
    match random.below(4) {
        0 => drop(handle.start_close(CloseCode::NORMAL)),
        1 => handle.terminate(),
        2 => drop(handle.start_close((CloseCode::GOING_AWAY, "bye"))),
        _ => {}
    }
}

/// Sends and receives until the connection ends, or chance has it dropped: whole, or in halves.
async fn talk(mut ws: WebSocket, mut random: Random) {
    let mut checker = Checker::default();
    for number in 0..random.below(40) {
        let number = u32::try_from(number).unwrap();
        if ws.send(numbered(0, number, random.len())).await.is_err() {
            break;
        }
        match ws.recv().await {
            Ok(Some(message)) => checker.note(message.as_bytes()),
            Ok(None) | Err(_) => break,
        }
    }
    match random.below(4) {
        0 => drop(ws),
        1 => drop(ws.close(CloseCode::NORMAL).await),
        2 => {
            let (receive, send) = ws.split();
            drop(receive);
            random.pause(1).await;
            drop(send);
        }
        _ => {
            let (mut receive, send) = ws.split();
            drop(send);
            let _end = timeout(random.time(5), receive.recv()).await;
        }
    }
}

#[test]
fn close_terminate_and_drop_race() {
    stress(|mut random| {
        any_runtime(&mut random).block_on(async {
            let served = serve(builder(&mut random), echo).await;
            let mut tasks = JoinSet::new();
            for _ in 0..8 {
                let ws = client().connect(&served.url).await.unwrap();
                tasks.spawn(end(ws.handle(), random.fork()));
                tasks.spawn(end(ws.handle(), random.fork()));
                tasks.spawn(talk(ws, random.fork()));
            }
            for handle in served.server.clients() {
                tasks.spawn(end(handle, random.fork()));
            }
            timeout(LONG, tasks.join_all()).await.expect("somebody waits for ever");
            served.expect_empty().await;
        });
    });
}

/// In the midst of a message, too.
#[test]
fn connections_end_inside_fragmented_messages() {
    async fn send_pieces(mut ws: WebSocket, mut random: Random) {
        for piece in 0..random.below(20) {
            let payload = &vec![7; random.len()];
            let fragment = Fragment { kind: MessageKind::Binary, payload, fin: piece % 7 == 6 };
            if ws.send_fragment(fragment).await.is_err() {
                return;
            }
            random.pause(1).await;
        }
        if random.once_in(2) {
            let _ended = timeout(LONG, ws.close(CloseCode::NORMAL)).await.unwrap();
        }
    }
    stress(|mut random| {
        any_runtime(&mut random).block_on(async {
            let served = serve(builder(&mut random), echo).await;
            let mut tasks = JoinSet::new();
            for _ in 0..8 {
                let ws = client().connect(&served.url).await.unwrap();
                let (handle, mut random) = (ws.handle(), random.fork());
                tasks.spawn(end(ws.handle(), random.fork()));
                tasks.spawn(send_pieces(ws, random.fork()));
                // It waits for the end of the message, or of the connection.
                tasks.spawn(async move { drop(handle.send(vec![1; random.len()]).await) });
            }
            timeout(LONG, tasks.join_all()).await.expect("somebody waits for ever");
            served.expect_empty().await;
        });
    });
}

/// Connects and talks as long as there is a server.
async fn keep_talking(url: Arc<str>, mut random: Random) {
    while let Ok(ws) = client().connect(&url).await {
        talk(ws, random.fork()).await;
    }
}

#[test]
fn a_server_shuts_down_at_any_moment() {
    stress(|mut random| {
        any_runtime(&mut random).block_on(async {
            let bound = builder(&mut random).bind("127.0.0.1:0").await.unwrap();
            let url: Arc<str> = format!("ws://{}/", bound.local_addr().unwrap()).into();
            let server = bound.server();
            let mut clients = JoinSet::new();
            for _ in 0..8 {
                clients.spawn(keep_talking(Arc::clone(&url), random.fork()));
            }
            let shutdown = Shutdown::within(random.time(200)).jitter(random.time(20));
            let signal = tokio::time::sleep(random.time(30));
            let serving = bound.serve_until(echo, signal, shutdown);
            timeout(LONG, serving).await.expect("it does not shut down").unwrap();
            timeout(LONG, clients.join_all()).await.expect("a client waits for ever");
            expect_nobody(&server).await;
        });
    });
}

async fn expect_nobody(server: &Server) {
    let gone = timeout(LONG, async {
        while server.connections() > 0 {
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
    });
    gone.await.expect("a connection stays");
}

/// All who wait for an end are told, however it comes.
#[test]
fn all_who_wait_for_the_end_are_told() {
    stress(|mut random| {
        threads(2).block_on(async {
            let served = serve(builder(&mut random), echo).await;
            let ws = client().connect(&served.url).await.unwrap();
            let mut waiting = JoinSet::new();
            for _ in 0..32 {
                let (handle, mut random) = (ws.handle(), random.fork());
                waiting.spawn(async move {
                    random.pause(3).await;
                    if random.once_in(4) {
                        let _given_up = timeout(random.time(1), handle.closed()).await;
                    }
                    handle.closed().await.map(drop)
                });
            }
            let handle = ws.handle();
            let reading = tokio::spawn(async move {
                let mut ws = ws;
                while let Ok(Some(_)) = ws.recv().await {}
            });
            random.pause(3).await;
            if random.once_in(2) {
                handle.start_close(CloseCode::NORMAL).unwrap();
            } else {
                handle.terminate();
            }
            let told = timeout(LONG, waiting.join_all()).await.expect("somebody is not told");
            let clean = told.iter().filter(|told| told.is_ok()).count();
            assert!(clean == 0 || clean == 32, "{told:?}");
            assert!(told.iter().all(|told| matches!(told, Ok(()) | Err(Error::Terminated))));
            reading.await.unwrap();
            served.expect_empty().await;
        });
    });
}
