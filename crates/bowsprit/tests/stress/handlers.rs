//! Handlers that block, and code of the application's that panics.

use std::{panic::resume_unwind, sync::Arc, time::Duration};

use bowsprit::{CloseCode, Handle, WebSocket, error::BoxError, http::Request, server::RequestExt};
use tokio::{
    runtime,
    sync::Mutex,
    task::{JoinSet, block_in_place},
    time::timeout,
};

use super::{
    harness::{Random, any_runtime, stress, threads},
    numbered::{Checker, numbered},
    served::{builder, client, echo, serve},
};

const LONG: Duration = Duration::from_secs(20);

/// Without a message: the hook of the process would print a backtrace for each.
fn panic_quietly() -> ! {
    resume_unwind(Box::new("on purpose"))
}

/// Answers whatever it is asked, until the end.
async fn answer(url: Arc<str>) {
    let mut ws = client().connect(&url).await.unwrap();
    let mut checker = Checker::default();
    while let Some(question) = ws.recv().await.unwrap() {
        checker.note(question.as_bytes());
        ws.send(question).await.unwrap();
    }
    assert_eq!(checker.count(), 20);
}

#[test]
fn handlers_block_in_place() {
    async fn ask(ws: &mut WebSocket, question: Vec<u8>) {
        ws.send(&question).await.unwrap();
        let answer = ws.recv().await.unwrap().unwrap();
        assert_eq!(answer.as_bytes(), &question);
    }
    stress(|mut random| {
        threads(3).block_on(async {
            let lens = Arc::new(Mutex::new(random.fork()));
            let served = serve(builder(&mut random), move |mut ws: WebSocket, _| {
                let lens = Arc::clone(&lens);
                async move {
                    for number in 0..20 {
                        let question = numbered(0, number, lens.lock().await.len());
                        block_in_place(|| {
                            runtime::Handle::current().block_on(ask(&mut ws, question));
                        });
                    }
                    Ok(())
                }
            })
            .await;
            let url: Arc<str> = served.url.as_str().into();
            let answering: JoinSet<_> = (0..4).map(|_| answer(Arc::clone(&url))).collect();
            timeout(LONG, answering.join_all()).await.expect("a question is not sent");
            served.expect_empty().await;
        });
    });
}

#[test]
fn threads_send_for_handlers_that_wait_for_them() {
    async fn listen(url: Arc<str>) {
        let mut ws = client().connect(&url).await.unwrap();
        let mut checker = Checker::default();
        while let Some(message) = ws.recv().await.unwrap() {
            checker.note(message.as_bytes());
        }
        assert_eq!(checker.count(), 20);
    }
    fn send_all(handle: &Handle, mut random: Random) {
        for number in 0..20 {
            handle.blocking_send(numbered(0, number, random.len())).unwrap();
        }
    }
    stress(|mut random| {
        any_runtime(&mut random).block_on(async {
            let seeds = Arc::new(Mutex::new(random.fork()));
            let served = serve(builder(&mut random), move |mut ws: WebSocket, _| {
                let seeds = Arc::clone(&seeds);
                async move {
                    let (handle, random) = (ws.handle(), seeds.lock().await.fork());
                    tokio::task::spawn_blocking(move || send_all(&handle, random)).await?;
                    ws.close(CloseCode::NORMAL).await?;
                    Ok(())
                }
            })
            .await;
            let url: Arc<str> = served.url.as_str().into();
            let listening: JoinSet<_> = (0..4).map(|_| listen(Arc::clone(&url))).collect();
            timeout(LONG, listening.join_all()).await.expect("a thread waits for ever");
            served.expect_empty().await;
        });
    });
}

/// What a client sends becomes of it: an answer, an error, a panic, or the end.
async fn obey(mut ws: WebSocket, _: Request<()>) -> Result<(), BoxError> {
    while let Some(message) = ws.recv().await? {
        match message.as_text() {
            Some("error") => return Err("as told".into()),
            Some("panic") => panic_quietly(),
            Some("end") => return Ok(()),
            _ => ws.send(message).await?,
        }
    }
    Ok(())
}

#[test]
fn handlers_panic_and_fail() {
    async fn give_orders(url: Arc<str>, mut random: Random) {
        let mut ws = client().connect(&url).await.unwrap();
        let (order, code) = [("error", 1011), ("panic", 1011), ("end", 1000)][random.below(3)];
        for number in 0..u32::try_from(random.below(5)).unwrap() {
            ws.send(numbered(0, number, random.len())).await.unwrap();
        }
        ws.send(order).await.unwrap();
        while let Some(_echo) = ws.recv().await.unwrap() {}
        let close = ws.closed().await.unwrap().unwrap();
        assert_eq!(close.code, CloseCode::from(code), "after {order:?}");
    }
    stress(|mut random| {
        any_runtime(&mut random).block_on(async {
            let served = serve(builder(&mut random), obey).await;
            let url: Arc<str> = served.url.as_str().into();
            let clients: JoinSet<_> =
                (0..16).map(|_| give_orders(Arc::clone(&url), random.fork())).collect();
            timeout(LONG, clients.join_all()).await.expect("a client waits for ever");
            served.expect_empty().await;
        });
    });
}

/// Whichever hook panics, others are served, and nothing stays.
#[test]
fn hooks_panic() {
    fn panic_if_told(request: &Request<()>, hook: &str) {
        if request.query("panic").as_deref() == Some(hook) {
            panic_quietly();
        }
    }
    fn panic_for(handle: &Handle, path: &str) {
        if handle.path() == path {
            panic_quietly();
        }
    }
    async fn connect(url: String) {
        if let Ok(mut ws) = client().subprotocol("chat").connect(&url).await {
            ws.send("hello").await.unwrap();
            assert!(ws.recv().await.unwrap().is_some());
            ws.close(CloseCode::NORMAL).await.unwrap();
        }
    }
    stress(|mut random| {
        any_runtime(&mut random).block_on(async {
            let builder = builder(&mut random)
                .should_handle(|request| {
                    panic_if_told(request, "should_handle");
                    true
                })
                .choose_subprotocol(|request, _| {
                    panic_if_told(request, "choose_subprotocol");
                    None
                })
                .response_headers(|request, _| panic_if_told(request, "response_headers"))
                .authorize(|request| async move {
                    panic_if_told(&request, "authorize");
                    Ok(())
                })
                .on_connect(|handle| panic_for(handle, "/join"))
                .on_disconnect(|handle| panic_for(handle, "/leave"));
            let served = serve(builder, echo).await;
            let mut clients = JoinSet::new();
            for _ in 0..16 {
                let paths = [
                    "",
                    "join",
                    "leave",
                    "?panic=should_handle",
                    "?panic=choose_subprotocol",
                    "?panic=response_headers",
                    "?panic=authorize",
                ];
                clients.spawn(connect(format!("{}{}", served.url, paths[random.below(7)])));
            }
            timeout(LONG, clients.join_all()).await.expect("a client waits for ever");
            served.expect_empty().await;
            let mut ws = client().connect(&served.url).await.unwrap();
            ws.close(CloseCode::NORMAL).await.unwrap();
        });
    });
}
