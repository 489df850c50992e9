//! What is left of a connection that is over, and how much time and how many bytes an end takes.

use std::{
    io::Read,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use bowsprit::{
    Close, CloseCode, ConnectionConfig, Error, Server, State, WebSocket, error::TimeoutKind,
    server::Shutdown,
};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt, DuplexStream},
    net::{TcpListener, TcpStream},
    runtime::Builder,
    time::{Instant, sleep, timeout},
};

use super::{
    peer::{BINARY, Peer, TEXT},
    support::{PIPE_LEN, SECOND, dial, paused, real, server, server_opts, server_over, watched},
    watched::{Book, watched_server},
};

const MIB: usize = 1 << 20;

/// What one read may bring, and what is on its way.
const SLACK: usize = 4 * 65536;

/// A connection of this server.
async fn open(server: &Server) -> (WebSocket, Peer<DuplexStream>) {
    let (ours, theirs) = tokio::io::duplex(PIPE_LEN);
    let (ws, peer) = tokio::join!(server.accept(ours), Peer::connect(theirs));
    (ws.unwrap(), peer)
}

/// Sends messages until the connection is cut, or far too many.
async fn flood(peer: &mut Peer<DuplexStream>) {
    let message = peer.encode(BINARY, [0; 4096]);
    for _ in 0..16 * MIB / message.len() {
        if peer.io.write_all(&message).await.is_err() {
            return;
        }
    }
    panic!("all of it was read");
}

/// That little more than this was read.
#[track_caller]
fn assert_read(book: &Book, len: usize) {
    let read = book.read_len();
    assert!((len..len + SLACK).contains(&read), "{read}, {len}");
}

#[test]
fn a_connection_that_is_over_keeps_its_place_until_the_transport_has_ended() {
    paused(async {
        let left = Arc::new(AtomicUsize::new(0));
        let leaving = Arc::clone(&left);
        let builder = Server::builder()
            .max_connections(1)
            .on_disconnect(move |_| _ = leaving.fetch_add(1, Ordering::SeqCst));
        let server = builder.build();
        let (mut ws, mut peer) = open(&server).await;
        let handle = ws.handle();
        peer.send_close(1000, "").await;
        assert!(ws.recv().await.unwrap().is_none());
        drop(ws);
        peer.expect_close(1000).await;
        peer.expect_end().await;
        // Over for all who use it, but not gone.
        assert_eq!(handle.state(), State::Closed);
        assert!(handle.try_send("late").is_err());
        let expected = Close::from(CloseCode::NORMAL);
        assert_eq!(handle.closed().await.unwrap(), Some(expected));
        assert_eq!((server.connections(), left.load(Ordering::SeqCst)), (1, 0));
        let (ours, theirs) = tokio::io::duplex(PIPE_LEN);
        let (refused, head) = tokio::join!(server.accept(ours), async {
            let mut peer = Peer::client(theirs);
            peer.write(super::peer::REQUEST).await;
            peer.head().await
        });
        assert!(refused.is_err() && head.starts_with("HTTP/1.1 503 "), "{head}");
        peer.shut_down().await;
        let begun = Instant::now();
        while server.connections() > 0 {
            sleep(SECOND / 100).await;
        }
        assert!(begun.elapsed() < SECOND);
        assert_eq!(left.load(Ordering::SeqCst), 1);
        open(&server).await;
    });
}

#[test]
fn who_waits_for_the_end_does_not_wait_for_that_of_the_transport() {
    paused(async {
        let (mut ws, mut peer) = server().await;
        let handle = ws.handle();
        let told = tokio::spawn(async move {
            handle.closed().await.unwrap();
            Instant::now()
        });
        sleep(SECOND).await;
        let begun = Instant::now();
        peer.send_close(1000, "").await;
        assert!(ws.recv().await.unwrap().is_none());
        assert!(told.await.unwrap() - begun < SECOND);
        drop((ws, peer));
    });
}

#[test]
fn a_server_that_shuts_down_waits_for_the_transport() {
    paused(async {
        let server = Server::builder().build();
        let (mut ws, mut peer) = open(&server).await;
        peer.send_close(1000, "").await;
        assert!(ws.recv().await.unwrap().is_none());
        let leaving = server.clone();
        let leaving = tokio::spawn(async move { leaving.shutdown(Shutdown::default()).await });
        sleep(SECOND).await;
        assert!(!leaving.is_finished());
        peer.shut_down().await;
        assert_eq!(leaving.await.unwrap().closed, 1);
    });
}

#[test]
fn a_handler_that_has_seen_the_end_returns_and_the_close_frame_still_gets_through() {
    real(async {
        let bound = Server::builder().bind("127.0.0.1:0").await.unwrap();
        let (server, addr) = (bound.server(), bound.local_addr().unwrap());
        let serving = tokio::spawn(bound.serve(|mut ws, _| async move {
            while ws.recv().await?.is_some() {}
            Ok(())
        }));
        let mut peer = dial(addr).await;
        peer.send_close(1000, "").await;
        // Read by nobody, it must not have the socket take back what it has sent.
        peer.send(TEXT, "after the close frame").await;
        peer.expect_close(1000).await;
        peer.expect_end().await;
        assert_eq!(server.connections(), 1);
        drop(peer);
        while server.connections() > 0 {
            tokio::task::yield_now().await;
        }
        serving.abort();
    });
}

#[test]
fn whoever_terminates_does_not_wait_for_the_transport() {
    paused(async {
        let (mut ws, mut peer, book) = watched_server(PIPE_LEN).await;
        peer.send_close(1000, "").await;
        assert!(ws.recv().await.unwrap().is_none());
        assert!(!book.is_released());
        ws.handle().terminate();
        tokio::task::yield_now().await;
        assert!(book.is_released());
        drop(ws);
    });
}

#[test]
fn a_runtime_that_ends_drops_the_transport() {
    watched(|| {
        let runtime = Builder::new_current_thread().enable_all().build().unwrap();
        let (ws, mut peer) = runtime.block_on(async {
            let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
            let dialing = TcpStream::connect(listener.local_addr().unwrap());
            let (near, far) = tokio::join!(listener.accept(), dialing);
            let server = Server::builder().build();
            let (ws, peer) =
                tokio::join!(server.accept(near.unwrap().0), Peer::connect(far.unwrap()));
            let (mut ws, mut peer) = (ws.unwrap(), peer);
            peer.send_close(1000, "").await;
            ws.close(CloseCode::NORMAL).await.unwrap();
            (ws, peer.io.into_std().unwrap())
        });
        assert_eq!(ws.state(), State::Closed);
        drop(runtime);
        peer.set_nonblocking(false).unwrap();
        let mut rest = Vec::new();
        peer.read_to_end(&mut rest).unwrap();
        assert_eq!(rest.len(), 4, "a close frame");
        assert!(ws.handle().try_send("late").is_err());
    });
}

/// RFC: 7.1.1-1, 10.4-1
#[test]
fn a_peer_that_floods_instead_of_closing_is_cut() {
    paused(async {
        let (mut ws, mut peer, book) = watched_server(PIPE_LEN).await;
        let (closed, ()) = tokio::join!(ws.close(CloseCode::NORMAL), flood(&mut peer));
        assert!(matches!(closed, Err(Error::TimedOut(TimeoutKind::Close))), "{closed:?}");
        assert_read(&book, MIB);
    });
}

#[test]
fn a_peer_that_floods_after_both_close_frames_is_cut() {
    paused(async {
        let (mut ws, mut peer, book) = watched_server(PIPE_LEN).await;
        peer.send_close(1000, "").await;
        assert!(ws.recv().await.unwrap().is_none());
        flood(&mut peer).await;
        assert_read(&book, MIB);
        assert!(book.is_released());
    });
}

#[test]
fn a_peer_that_floods_after_a_violation_is_cut() {
    paused(async {
        let (mut ws, mut peer, book) = watched_server(PIPE_LEN).await;
        peer.write([0xff, 0xff]).await;
        assert!(matches!(ws.recv().await, Err(Error::Protocol(_))));
        flood(&mut peer).await;
        assert_read(&book, MIB);
        assert!(book.is_released());
    });
}

#[test]
fn a_peer_that_floods_a_connection_that_was_dropped_is_cut() {
    paused(async {
        let (mut ws, mut peer, book) = watched_server(PIPE_LEN).await;
        ws.send("has sent something").await.unwrap();
        drop(ws);
        flood(&mut peer).await;
        assert_read(&book, MIB);
        assert!(book.is_released());
    });
}

#[test]
fn a_frame_that_the_peer_has_begun_does_not_count() {
    paused(async {
        let (mut ws, mut peer, book) = watched_server(PIPE_LEN).await;
        let frame = peer.encode(BINARY, vec![0; MIB]);
        let (first, rest) = frame.split_at(1000);
        peer.write(first).await;
        assert!(timeout(SECOND, ws.recv()).await.is_err());
        let client = async {
            peer.write(rest).await;
            peer.send(BINARY, vec![0; MIB - 1000]).await;
            peer.send_close(1000, "").await;
        };
        let (closed, ()) = tokio::join!(ws.close(CloseCode::NORMAL), client);
        closed.unwrap();
        assert_read(&book, 2 * MIB - 1000);
    });
}

#[test]
fn what_the_application_receives_itself_does_not_count() {
    paused(async {
        let (ws, mut peer) = server().await;
        let (mut receive, mut send) = ws.split();
        send.start_close(CloseCode::NORMAL).unwrap();
        let client = async {
            for _ in 0..8 {
                peer.send(BINARY, vec![0; MIB]).await;
            }
            peer.send_close(1000, "").await;
        };
        let receiving = async {
            let mut count = 0;
            while let Some(message) = receive.recv().await? {
                assert_eq!(message.len(), MIB);
                count += 1;
            }
            Ok::<_, Error>(count)
        };
        let (received, ()) = tokio::join!(receiving, client);
        assert_eq!(received.unwrap(), 8);
    });
}

/// A peer that answers as much as it gets.
#[test]
fn as_much_as_was_queued_may_still_come() {
    paused(async {
        let (mut ws, peer) = server_over(Server::builder(), PIPE_LEN).await;
        ws.send(vec![0; 3 * MIB]).await.unwrap();
        let (mut read, mut write) = tokio::io::split(peer.io);
        let echo = tokio::spawn(async move {
            let mut got = vec![0; 3 * MIB + 10 + 4];
            read.read_exact(&mut got).await.unwrap();
        });
        let answers = tokio::spawn(async move {
            let peer = Peer::client(tokio::io::empty());
            for _ in 0..3 {
                write.write_all(&peer.encode(BINARY, vec![0; MIB])).await.unwrap();
            }
            let close = peer.encode(super::peer::CLOSE, 1000_u16.to_be_bytes());
            write.write_all(&close).await.unwrap();
        });
        ws.close(CloseCode::NORMAL).await.unwrap();
        echo.await.unwrap();
        answers.await.unwrap();
    });
}

/// Takes a byte now and then, and tells when the connection was cut.
async fn trickle(peer: &mut Peer<DuplexStream>, pause: Duration) -> Duration {
    let begun = Instant::now();
    while let Ok(Ok(1)) = timeout(60 * SECOND, peer.io.read(&mut [0])).await {
        sleep(pause).await;
        assert!(begun.elapsed() < 600 * SECOND, "it goes on for ever");
    }
    begun.elapsed()
}

#[test]
fn bytes_that_the_peer_takes_do_not_extend_the_end() {
    paused(async {
        let config = ConnectionConfig::server().close_timeout(3 * SECOND);
        let builder = Server::builder().config(config);
        let (mut ws, mut peer) = server_over(builder, 16).await;
        ws.send(vec![0; 4 * 65536]).await.unwrap();
        let begun = Instant::now();
        let (closed, _) = tokio::join!(
            async {
                let closed = ws.close(CloseCode::NORMAL).await;
                // A second for each 64 KiB that waits.
                let waited = begun.elapsed();
                assert!((7 * SECOND..8 * SECOND).contains(&waited), "{waited:?}");
                closed
            },
            trickle(&mut peer, SECOND),
        );
        assert!(matches!(closed, Err(Error::TimedOut(TimeoutKind::Close))), "{closed:?}");
    });
}

#[test]
fn the_time_for_the_end_holds_for_a_violation_and_for_the_peers_close_as_well() {
    paused(async {
        let config = || ConnectionConfig::server().close_timeout(3 * SECOND);
        for violates in [true, false] {
            let builder = Server::builder().config(config());
            let (mut ws, mut peer) = server_over(builder, 16).await;
            ws.send(vec![0; 4 * 65536]).await.unwrap();
            let bytes = if violates {
                vec![0xff, 0xff]
            } else {
                peer.encode(super::peer::CLOSE, 1000_u16.to_be_bytes())
            };
            peer.write(bytes).await;
            let begun = Instant::now();
            let (ended, _) = tokio::join!(
                async {
                    let ended = ws.recv().await;
                    let waited = begun.elapsed();
                    assert!((7 * SECOND..8 * SECOND).contains(&waited), "{waited:?}");
                    ended
                },
                trickle(&mut peer, SECOND),
            );
            assert_eq!(matches!(ended, Err(Error::Protocol(_))), violates, "{ended:?}");
        }
    });
}

#[test]
fn the_transport_is_awaited_within_the_time_for_the_whole_end() {
    paused(async {
        let config = ConnectionConfig::server().close_timeout(SECOND).linger_timeout(60 * SECOND);
        let (mut ws, mut peer) = server_opts(config).await;
        peer.send_close(1000, "").await;
        assert!(ws.recv().await.unwrap().is_none());
        let begun = Instant::now();
        peer.expect_close(1000).await;
        peer.expect_end().await;
        while peer.io.write(&[0]).await.is_ok() {
            sleep(SECOND / 10).await;
        }
        assert!(begun.elapsed() < 2 * SECOND, "{:?}", begun.elapsed());
    });
}
