//! Connections that nobody receives from: pings and the close are answered all the same, and the
//! end is noticed.

use std::{future::pending, time::Duration};

use bowsprit::{
    CloseCode, ConnectionConfig, Error, Event, Message, Server, WebSocket, config::Heartbeat,
    error::TimeoutKind,
};
use tokio::{
    net::TcpStream,
    sync::{mpsc, oneshot},
    time::{Instant, sleep, timeout},
};

use super::{
    peer::{BINARY, CLOSE, Frame, PING, PONG, Peer, TEXT},
    support::{
        SECOND, client, dial, pair, paused, real, run_handler, serve, server, server_opts, threaded,
    },
};

/// How soon the helper notices that nobody reads: after two sweeps.
const SOON: Duration = Duration::from_millis(1500);

/// Runs a test with a connection that never receives, of a server and of a client.
macro_rules! with_both {
    (|$ws:ident, $peer:ident| $test:expr) => {
        paused(async {
            {
                let ($ws, $peer) = server().await;
                $test
            }
            let ($ws, $peer) = client().await;
            $test
        });
    };
}

/// Expects that a ping comes back.
async fn expect_pong<S>(peer: &mut Peer<S>, payload: &str)
where
    S: tokio::io::AsyncRead + tokio::io::AsyncWrite + Unpin,
{
    peer.send(PING, payload).await;
    peer.expect(PONG, payload).await;
}

/// RFC: 5.5.2-1
#[test]
fn pings_are_answered_while_nobody_receives() {
    with_both!(|ws, peer| {
        let mut peer = peer;
        let begun = Instant::now();
        expect_pong(&mut peer, "first").await;
        assert!(begun.elapsed() <= SOON, "{:?}", begun.elapsed());
        // From then on at once.
        for payload in ["second", "third"] {
            let begun = Instant::now();
            expect_pong(&mut peer, payload).await;
            assert_eq!(begun.elapsed(), Duration::ZERO);
        }
        drop(ws);
    });
}

#[test]
fn the_peers_close_is_answered_while_nobody_receives() {
    with_both!(|ws, peer| {
        let (mut ws, mut peer) = (ws, peer);
        peer.send_close(1001, "bye").await;
        let closing = async {
            peer.expect_close(1001).await;
            peer.shut_down().await;
        };
        let (closed, ()) = tokio::join!(timeout(2 * SECOND, ws.closed()), closing);
        assert_eq!(closed.unwrap().unwrap().unwrap().code, CloseCode::GOING_AWAY);
        assert!(matches!(ws.send("late").await, Err(Error::Send(_))));
        assert!(ws.recv().await.unwrap().is_none());
    });
}

#[test]
fn the_end_is_noticed_while_nobody_receives_and_told_to_who_receives_next() {
    with_both!(|ws, peer| {
        let mut ws = ws;
        drop(peer);
        let closed = timeout(2 * SECOND, ws.closed()).await.unwrap();
        assert!(matches!(closed, Err(Error::Disconnected)), "{closed:?}");
        assert!(matches!(ws.send("").await, Err(Error::Disconnected)));
        assert!(matches!(ws.recv().await, Err(Error::Disconnected)));
        assert!(ws.recv().await.unwrap().is_none());
    });
}

#[test]
fn what_breaks_the_protocol_ends_a_connection_that_nobody_reads() {
    with_both!(|ws, peer| {
        let (mut ws, mut peer) = (ws, peer);
        // A reserved opcode.
        peer.send(0x0b, "").await;
        peer.expect_close(1002).await;
        drop(peer);
        let received = ws.recv().await;
        assert!(matches!(received, Err(Error::Protocol(_))), "{received:?}");
    });
}

#[test]
fn a_receive_call_that_was_given_up_reads_no_more() {
    with_both!(|ws, peer| {
        let (mut ws, mut peer) = (ws, peer);
        assert!(timeout(SECOND / 10, ws.recv()).await.is_err());
        expect_pong(&mut peer, "recv").await;
        assert!(timeout(SECOND / 10, ws.next_event()).await.is_err());
        expect_pong(&mut peer, "next_event").await;
        assert!(timeout(SECOND / 10, ws.next_chunk()).await.is_err());
        expect_pong(&mut peer, "next_chunk").await;
        assert!(ws.try_recv().is_err());
        expect_pong(&mut peer, "try_recv").await;
    });
}

/// The borrowed event is looked at until then.
#[test]
fn after_a_borrowed_event_sending_gives_the_connection_back() {
    with_both!(|ws, peer| {
        let (mut ws, mut peer) = (ws, peer);
        peer.send(TEXT, "subscribe").await;
        assert_eq!(ws.next_event().await.unwrap(), Some(Event::Text("subscribe")));
        ws.send("tick").await.unwrap();
        peer.expect(TEXT, "tick").await;
        expect_pong(&mut peer, "there?").await;
    });
}

#[test]
fn data_stays_for_who_receives_later() {
    with_both!(|ws, peer| {
        let (mut ws, mut peer) = (ws, peer);
        expect_pong(&mut peer, "before").await;
        // The header comes byte by byte.
        for byte in peer.encode(TEXT, "x".repeat(300)) {
            peer.write([byte]).await;
            sleep(SECOND / 100).await;
        }
        let mut begin = Frame::new(TEXT, "one ");
        begin.fin = false;
        let masked = peer.encode(PING, "")[1] & 0x80 != 0;
        peer.write(begin.encode(masked)).await;
        peer.send(PING, "between").await;
        peer.send(0, "two").await;
        peer.send(BINARY, vec![7; 20_000]).await;
        assert!(timeout(10 * SECOND, peer.frame()).await.is_err(), "the ping is behind data");
        assert_eq!(ws.recv().await.unwrap().unwrap().as_text().unwrap().len(), 300);
        assert_eq!(ws.recv().await.unwrap().unwrap().as_text(), Some("one two"));
        peer.expect(PONG, "between").await;
        assert_eq!(ws.recv().await.unwrap().unwrap().into_bytes(), vec![7; 20_000]);
    });
}

/// The application answers them, so it has to see them.
#[test]
fn without_automatic_pongs_pings_stay_for_who_receives_later() {
    paused(async {
        let (mut ws, mut peer) = server_opts(ConnectionConfig::server().auto_pong(false)).await;
        peer.send(PING, "yours").await;
        sleep(10 * SECOND).await;
        assert_eq!(ws.next_event().await.unwrap(), Some(Event::Ping(b"yours")));
    });
}

/// More than are read at a time. Only the last that wait to be answered are.
#[test]
fn many_pings_are_read_while_nobody_receives() {
    paused(async {
        let (_ws, mut peer) = server().await;
        let pings: Vec<_> = (0..2000).flat_map(|i| peer.encode(PING, format!("{i}"))).collect();
        peer.write(pings).await;
        while peer.frame().await.payload != b"1999" {}
    });
}

/// The first fragment was taken, the next is yet to come.
#[test]
fn a_ping_inside_of_a_message_is_answered_while_nobody_receives() {
    with_both!(|ws, peer| {
        let (mut ws, mut peer) = (ws, peer);
        let mut begin = Frame::new(TEXT, "one ");
        begin.fin = false;
        let masked = peer.encode(PING, "")[1] & 0x80 != 0;
        peer.write(begin.encode(masked)).await;
        assert!(timeout(SECOND / 10, ws.recv()).await.is_err());
        expect_pong(&mut peer, "between").await;
        peer.send(0, "two").await;
        sleep(2 * SECOND).await;
        assert_eq!(ws.recv().await.unwrap().unwrap().as_text(), Some("one two"));
    });
}

#[test]
fn incoming_messages_can_be_discarded() {
    with_both!(|ws, peer| {
        let (mut ws, mut peer) = (ws, peer);
        ws.discard_incoming();
        for _ in 0..64 {
            peer.send(BINARY, vec![7; 50_000]).await;
        }
        expect_pong(&mut peer, "behind").await;
        ws.send("still here").await.unwrap();
        peer.expect(TEXT, "still here").await;
        assert!(timeout(SECOND, ws.recv()).await.is_err(), "only the end is told");
        peer.send(TEXT, "dropped as well").await;
        peer.send_close(1000, "").await;
        let (received, _) = tokio::join!(ws.recv(), async {
            peer.expect_close(1000).await;
            peer.shut_down().await;
        });
        assert!(received.unwrap().is_none());
    });
}

#[test]
fn who_keeps_only_the_sending_half_is_a_live_peer() {
    with_both!(|ws, peer| {
        let mut peer = peer;
        let (receive, mut send) = ws.split();
        peer.send(TEXT, "unread").await;
        drop(receive);
        for _ in 0..64 {
            peer.send(BINARY, vec![7; 50_000]).await;
        }
        expect_pong(&mut peer, "behind").await;
        send.send("still here").await.unwrap();
        peer.expect(TEXT, "still here").await;
        drop(peer);
        let closed = timeout(2 * SECOND, send.closed()).await.unwrap();
        assert!(matches!(closed, Err(Error::Disconnected)), "{closed:?}");
        assert!(send.send("").await.is_err());
    });
}

#[test]
fn a_silent_peer_is_dead_whether_anybody_receives_or_not() {
    with_both!(|ws, _peer| {
        let begun = Instant::now();
        let closed = ws.closed().await;
        assert!(matches!(closed, Err(Error::TimedOut(TimeoutKind::Heartbeat))), "{closed:?}");
        let passed = begun.elapsed();
        assert!(passed >= 39 * SECOND && passed <= 42 * SECOND, "{passed:?}");
    });
}

/// Whether the peer answers cannot be known, so it counts as alive.
#[test]
fn behind_unread_data_silence_counts_against_nobody() {
    paused(async {
        let (ws, mut peer) = server().await;
        peer.send(TEXT, "unread").await;
        assert!(timeout(600 * SECOND, ws.closed()).await.is_err());
    });
}

/// A handler that pushes what comes from elsewhere, and never receives.
async fn push(mut ws: WebSocket, mut source: mpsc::Receiver<&str>) -> Result<(), Error> {
    while let Some(message) = source.recv().await {
        ws.send(message).await?;
    }
    Ok(())
}

#[test]
fn a_handler_that_only_sends_is_a_live_peer() {
    real(async {
        let (sender, source) = mpsc::channel(1);
        let source = std::sync::Mutex::new(Some(source));
        let (addr, _serving) = serve(move |ws, _| {
            let source = source.lock().unwrap().take().unwrap();
            async move { Ok(push(ws, source).await?) }
        })
        .await;
        let mut peer = dial(addr).await;
        expect_pong(&mut peer, "there?").await;
        sender.send("tick").await.unwrap();
        peer.expect(TEXT, "tick").await;
        peer.send_close(1000, "").await;
        peer.expect_close(1000).await;
        peer.expect_end().await;
    });
}

fn beating() -> ConnectionConfig {
    let beat = SECOND / 4;
    ConnectionConfig::server().heartbeat(Heartbeat::new(beat, beat))
}

#[test]
fn a_dead_client_is_gone_while_its_handler_sleeps() {
    real(async {
        let builder = Server::builder().config(beating()).max_connections(1);
        let bound = builder.bind("127.0.0.1:0").await.unwrap();
        let (server, addr) = (bound.server(), bound.local_addr().unwrap());
        let serving = tokio::spawn(bound.serve(|ws, _| async move {
            pending::<()>().await;
            drop(ws);
            Ok(())
        }));
        // It answers no ping.
        let mut peer = dial(addr).await;
        assert_eq!(server.clients().count(), 1);
        let begun = Instant::now();
        while let Some(frame) = peer.try_frame().await {
            assert_eq!(frame.opcode, PING);
        }
        assert!(begun.elapsed() < SECOND, "{:?}", begun.elapsed());
        assert_eq!(server.clients().count(), 0);
        // Its place is free.
        let _next = dial(addr).await;
        serving.abort();
    });
}

/// Both directions are closed, not only ours: what comes is answered with a reset.
#[test]
fn the_descriptor_of_a_dead_client_is_closed_while_its_handler_sleeps() {
    real(async {
        let builder = Server::builder().config(beating());
        let (addr, _serving) = run_handler(builder, |ws, _| async move {
            pending::<()>().await;
            drop(ws);
            Ok(())
        })
        .await;
        let mut peer = dial(addr).await;
        while peer.try_frame().await.is_some() {}
        let reset = async {
            loop {
                let frame = peer.encode(TEXT, "anybody?");
                if tokio::io::AsyncWriteExt::write_all(&mut peer.io, &frame).await.is_err() {
                    return;
                }
                sleep(SECOND / 100).await;
            }
        };
        timeout(2 * SECOND, reset).await.unwrap();
    });
}

/// A connection over TCP that nobody receives from, behind an unread message.
async fn behind_unread_data() -> (WebSocket, Peer<TcpStream>) {
    let (sender, receiver) = oneshot::channel();
    let sender = std::sync::Mutex::new(Some(sender));
    let (addr, _serving) = serve(move |ws, _| {
        let sender = sender.lock().unwrap().take().unwrap();
        async move {
            sender.send(ws).map_err(|_| "the test is over")?;
            Ok(())
        }
    })
    .await;
    let mut peer = dial(addr).await;
    peer.send(TEXT, "unread").await;
    (receiver.await.unwrap(), peer)
}

#[cfg(target_os = "linux")]
#[test]
fn behind_unread_data_the_end_of_a_socket_is_noticed() {
    real(async {
        let (mut ws, mut peer) = behind_unread_data().await;
        expect_silence(&mut peer).await;
        peer.send(TEXT, "and this").await;
        peer.shut_down().await;
        let closed = timeout(2 * SECOND, ws.closed()).await.unwrap();
        assert!(matches!(closed, Err(Error::Disconnected)), "{closed:?}");
        assert!(matches!(ws.send("").await, Err(Error::Disconnected)));
        // What came before is still there.
        assert_eq!(ws.recv().await.unwrap().unwrap().as_text(), Some("unread"));
        assert_eq!(ws.recv().await.unwrap().unwrap().as_text(), Some("and this"));
        assert!(matches!(ws.recv().await, Err(Error::Disconnected)));
        assert!(ws.recv().await.unwrap().is_none());
    });
}

#[cfg(target_os = "linux")]
#[test]
fn behind_unread_data_a_reset_is_noticed() {
    real(async {
        let (mut ws, mut peer) = behind_unread_data().await;
        expect_silence(&mut peer).await;
        // A socket that is closed with something unread resets the connection.
        ws.send("unread as well").await.unwrap();
        ws.flush().await.unwrap();
        peer.io.readable().await.unwrap();
        drop(peer);
        let closed = timeout(2 * SECOND, ws.closed()).await.unwrap();
        assert!(closed.is_err(), "{closed:?}");
        assert!(ws.send("").await.is_err());
    });
}

/// Behind data a ping is not seen.
async fn expect_silence(peer: &mut Peer<TcpStream>) {
    peer.send(PING, "there?").await;
    assert!(timeout(SOON, peer.frame()).await.is_err());
}

/// Receive calls, given up at any moment, and the helper take turns at the connection.
#[test]
fn nothing_is_lost_doubled_or_disordered_between_the_application_and_the_helper() {
    threaded(async {
        const COUNT: usize = 400;
        let (mut ws, mut peer) = server_opts(beating()).await;
        let peer = tokio::spawn(async move {
            for i in 0..COUNT {
                let ping = peer.encode(PING, format!("{i}"));
                let text = peer.encode(TEXT, format!("{i}"));
                let bytes = [ping, text].concat();
                let (first, rest) = bytes.split_at(i % bytes.len());
                peer.write(first).await;
                sleep(SECOND / 1000 * u32::try_from(i % 7).unwrap()).await;
                peer.write(rest).await;
            }
            let mut pongs = 0;
            loop {
                let frame = peer.frame().await;
                match frame.opcode {
                    PONG => {
                        assert_eq!(frame.payload, pongs.to_string().as_bytes());
                        pongs += 1;
                    }
                    PING => peer.send(PONG, frame.payload).await,
                    CLOSE => break,
                    _ => panic!("{frame:?}"),
                }
            }
            assert_eq!(pongs, COUNT);
            peer.send_close(1000, "").await;
        });
        let mut next = 0;
        for round in 0_u32.. {
            let pause = SECOND / 1000 * (round % 5);
            let received = match round % 3 {
                0 => timeout(pause, ws.recv()).await.map(|message| message.unwrap()),
                1 => Ok(ws.try_recv().ok()),
                _ => match timeout(pause, ws.next_event()).await {
                    Ok(Ok(Some(Event::Text(text)))) => Ok(Some(Message::from(text))),
                    _ => Ok(None),
                },
            };
            if let Ok(Some(message)) = received {
                assert_eq!(message.as_text(), Some(&*next.to_string()));
                next += 1;
            }
            if next == COUNT {
                break;
            }
            if round % 11 == 0 {
                sleep(SECOND / 50).await;
            }
        }
        ws.close(CloseCode::NORMAL).await.unwrap();
        peer.await.unwrap();
    });
}

#[test]
fn two_that_only_send_keep_each_other_alive() {
    paused(async {
        let (mut ours, mut theirs) = pair().await;
        ours.discard_incoming();
        theirs.discard_incoming();
        for _ in 0..30 {
            ours.send("tick").await.unwrap();
            theirs.send("tock").await.unwrap();
            sleep(60 * SECOND).await;
        }
        drop(ours);
        assert!(theirs.closed().await.is_err());
    });
}
