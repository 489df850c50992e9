//! Handlers that block their thread until something of their connection is there.

use std::{
    future::Future,
    net::SocketAddr,
    sync::{Arc, Mutex, mpsc},
};

use bowsprit::{
    ConnectionConfig, Error, Server, WebSocket,
    error::BoxError,
    message::{Fragment, MessageKind},
};
use tokio::{
    runtime::Handle,
    task::{JoinHandle, block_in_place},
    time::timeout,
};

use super::{
    peer::{BINARY, TEXT},
    support::{SECOND, dial, run_handler, threaded},
};

/// Above the mark from which senders wait.
const MUCH: usize = 100_000;

/// A server without pings whose handler blocks in place until what `ask` makes is ready.
async fn blocking<F>(
    ask: impl Fn(WebSocket) -> F + Copy + Send + Sync + 'static,
) -> (Server, SocketAddr, JoinHandle<Result<(), Error>>)
where
    F: Future<Output = Result<(), BoxError>> + Send + 'static,
{
    let config = ConnectionConfig::server().heartbeat(None).write_stall_timeout(None);
    let bound = Server::builder().config(config).bind("127.0.0.1:0").await.unwrap();
    let (server, addr) = (bound.server(), bound.local_addr().unwrap());
    let serving =
        tokio::spawn(bound.serve(move |ws, _| async move {
            block_in_place(|| Handle::current().block_on(ask(ws)))
        }));
    (server, addr, serving)
}

#[test]
fn a_question_is_written_although_the_handler_blocks_for_the_answer() {
    threaded(async {
        let (server, addr, serving) = blocking(|mut ws| async move {
            for question in ["who?", "why?"] {
                ws.send(question).await?;
                assert_eq!(ws.recv().await?.unwrap(), "because");
            }
            Ok(())
        })
        .await;
        let mut peer = dial(addr).await;
        let asked = timeout(5 * SECOND, async {
            for question in ["who?", "why?"] {
                peer.expect(TEXT, question).await;
                peer.send(TEXT, "because").await;
            }
            peer.finish(1000).await;
        });
        asked.await.expect("it is not written");
        drop(server);
        serving.abort();
    });
}

#[test]
fn last_words_are_written_although_the_handler_blocks_for_the_end() {
    threaded(async {
        let (server, addr, serving) = blocking(|mut ws| async move {
            ws.send("go").await?;
            drop(ws.closed().await);
            Ok(())
        })
        .await;
        let mut peer = dial(addr).await;
        timeout(5 * SECOND, peer.expect(TEXT, "go")).await.expect("it is not written");
        server.clients().for_each(|client| client.terminate());
        serving.abort();
    });
}

#[test]
fn room_is_made_although_the_handler_blocks_for_it() {
    threaded(async {
        let (server, addr, serving) = blocking(|mut ws| async move {
            for _ in 0..3 {
                ws.send(vec![1; MUCH]).await?;
            }
            for fin in [false, false, true] {
                let payload = &[2; MUCH];
                ws.send_fragment(Fragment { kind: MessageKind::Binary, payload, fin }).await?;
            }
            Ok(())
        })
        .await;
        let mut peer = dial(addr).await;
        let read = timeout(5 * SECOND, async {
            for _ in 0..3 {
                peer.expect(BINARY, vec![1; MUCH]).await;
            }
            for _ in 0..3 {
                assert_eq!(peer.frame().await.payload, [2; MUCH]);
            }
        });
        read.await.expect("it is not written");
        drop(server);
        serving.abort();
    });
}

/// As the documentation says.
#[test]
fn whoever_blocks_for_something_else_flushes() {
    threaded(async {
        let (end, ended) = mpsc::channel::<()>();
        let ended = Arc::new(Mutex::new(ended));
        let (addr, serving) = run_handler(Server::builder(), move |mut ws, _| {
            let ended = Arc::clone(&ended);
            async move {
                ws.send("a moment").await?;
                ws.flush().await?;
                let _ended = block_in_place(|| ended.lock().unwrap().recv());
                Ok(())
            }
        })
        .await;
        let mut peer = dial(addr).await;
        timeout(5 * SECOND, peer.expect(TEXT, "a moment")).await.expect("it is not written");
        drop(end);
        serving.abort();
    });
}
