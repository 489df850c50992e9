//! The closing handshake and the end of the transport, RFC 6455 §7.

use std::{future::Future, time::Duration};

use bowsprit::{
    Close, CloseCode, Error, Server, State, WebSocket,
    config::Limits,
    error::{ProtocolError, SendError},
};
use tokio::{io::AsyncReadExt, time::Instant};

use super::{
    peer::{BINARY, CLOSE, PING, Peer, TEXT},
    support::{PIPE_LEN, SECOND, URL, client, paused, real, server, server_with, sockets},
    watched::watched_server,
};

/// Receives to the end, which has to be clean, and stays so.
async fn expect_clean_end(ws: &mut WebSocket) {
    for _ in 0..3 {
        assert!(ws.recv().await.unwrap().is_none());
    }
    assert_eq!(ws.state(), State::Closed);
}

/// Receives the one error that ends the connection.
async fn expect_failure(ws: &mut WebSocket) -> Error {
    let error = ws.recv().await.unwrap_err();
    assert!(ws.recv().await.unwrap().is_none(), "an error is told once");
    assert_eq!(ws.state(), State::Closed);
    error
}

/// RFC: 5.5.1-4, 5.5.1-6, 5.5.1-7, 7.1.1-3, 7.1.2-2
#[test]
fn a_server_answers_a_close_and_ends_the_transport_first() {
    paused(async {
        let (mut ws, mut peer) = server().await;
        let client = async {
            peer.send_close(4001, "bye").await;
            assert_eq!(peer.expect_close(4001).await, "bye");
            peer.expect_end().await;
            peer.shut_down().await;
        };
        tokio::join!(expect_clean_end(&mut ws), client);
        assert_eq!(ws.peer_close(), Some(Close::new(CloseCode::new(4001), "bye")));
    });
}

/// RFC: 5.5.1-6, 5.5.1-7, 7.1.1-4
#[test]
fn a_client_waits_for_the_server_to_end_the_transport() {
    paused(async {
        let (mut ws, mut peer) = client().await;
        let server = async {
            peer.send_close(1001, "restart").await;
            assert_eq!(peer.expect_close(1001).await, "restart");
            let waited = tokio::time::timeout(SECOND, peer.try_frame()).await;
            assert!(waited.is_err(), "the client has ended the transport: {waited:?}");
            peer.shut_down().await;
            peer.expect_end().await;
        };
        tokio::join!(expect_clean_end(&mut ws), server);
        assert_eq!(ws.peer_close().unwrap().code, CloseCode::GOING_AWAY);
    });
}

/// RFC: 7.1.1-4
#[test]
fn a_client_waits_for_the_server_only_so_long_and_in_the_background() {
    paused(async {
        let (mut ws, mut peer) = client().await;
        peer.send_close(1000, "").await;
        let begun = Instant::now();
        expect_clean_end(&mut ws).await;
        assert_eq!(begun.elapsed(), Duration::ZERO);
        peer.expect_close(1000).await;
        peer.expect_end().await;
        let waited = begun.elapsed();
        assert!((2 * SECOND..=3 * SECOND).contains(&waited), "{waited:?}");
    });
}

/// RFC: 7.1.1-1
#[test]
fn a_server_waits_for_the_client_only_so_long_and_in_the_background() {
    paused(async {
        let (mut ws, mut peer, book) = watched_server(PIPE_LEN).await;
        peer.send_close(1000, "").await;
        let begun = Instant::now();
        expect_clean_end(&mut ws).await;
        peer.expect_close(1000).await;
        peer.expect_end().await;
        assert_eq!(begun.elapsed(), Duration::ZERO);
        while !book.is_released() {
            tokio::time::sleep(SECOND / 10).await;
        }
        let waited = begun.elapsed();
        assert!((2 * SECOND..=3 * SECOND).contains(&waited), "{waited:?}");
    });
}

/// RFC: 7.1.2-1
#[test]
fn close_waits_for_the_peers_close_and_not_for_the_end_of_the_transport() {
    paused(async {
        let (mut ws, mut peer) = client().await;
        let begun = Instant::now();
        let server = async {
            assert_eq!(peer.expect_close(1000).await, "done");
            tokio::time::sleep(SECOND).await;
            peer.send_close(1000, "done").await;
        };
        let (closed, ()) = tokio::join!(ws.close((CloseCode::NORMAL, "done")), server);
        closed.unwrap();
        assert_eq!(begun.elapsed(), SECOND);
        assert_eq!(ws.peer_close(), Some(Close::new(CloseCode::NORMAL, "done")));
        ws.close(CloseCode::GOING_AWAY).await.expect("closing again does nothing");
        assert!(matches!(ws.send("late").await, Err(Error::Send(SendError::Closed))));
    });
}

#[test]
fn both_sides_may_close_at_once() {
    paused(async {
        let (mut ws, mut peer) = server().await;
        let client = async {
            peer.send_close(1001, "").await;
            peer.expect_close(1000).await;
            peer.expect_end().await;
            peer.shut_down().await;
        };
        let (closed, ()) = tokio::join!(ws.close(CloseCode::NORMAL), client);
        closed.unwrap();
        assert_eq!(ws.peer_close().unwrap().code, CloseCode::GOING_AWAY);
    });
}

/// RFC: 5.5.1-3
#[test]
fn a_close_without_a_code_is_answered_without_one() {
    paused(async {
        let (mut ws, mut peer) = server().await;
        peer.send(CLOSE, "").await;
        peer.shut_down().await;
        expect_clean_end(&mut ws).await;
        peer.expect(CLOSE, "").await;
        peer.expect_end().await;
        assert_eq!(ws.peer_close().unwrap().code, CloseCode::NO_STATUS_RECEIVED);
    });
}

#[test]
fn messages_before_the_close_are_received_and_those_after_it_are_not() {
    paused(async {
        let (mut ws, mut peer) = server().await;
        let mut bytes = peer.encode(TEXT, "before");
        bytes.extend(peer.encode(CLOSE, 1000_u16.to_be_bytes()));
        bytes.extend(peer.encode(TEXT, "after"));
        peer.write(bytes).await;
        peer.shut_down().await;
        assert_eq!(ws.recv().await.unwrap().unwrap().as_text(), Some("before"));
        expect_clean_end(&mut ws).await;
    });
}

/// RFC: 7.1.1-1, 10.4-1
#[test]
fn what_the_peer_sends_after_our_close_is_dropped_in_constant_memory() {
    paused(async {
        let (mut ws, mut peer) = server().await;
        let client = async {
            peer.expect_close(1000).await;
            // Longer than the message limit, and never held whole.
            let mut head = vec![BINARY | 0x80, 0x80 | 127];
            head.extend((3_u64 << 19).to_be_bytes());
            head.extend([0; 4]);
            peer.write(head).await;
            for _ in 0..24 {
                peer.write(vec![0; 1 << 16]).await;
            }
            peer.send(PING, "not answered").await;
            peer.send_close(1000, "").await;
            peer.expect_end().await;
            peer.shut_down().await;
        };
        let (closed, ()) = tokio::join!(ws.close(CloseCode::NORMAL), client);
        closed.unwrap();
    });
}

#[test]
fn an_invalid_close_is_refused_and_the_connection_goes_on() {
    paused(async {
        let (mut ws, mut peer) = server().await;
        for code in [0, 999, 1004, 1005, 1006, 1015, 2999, 5000] {
            let refused = ws.close((code, "why")).await;
            let expected = SendError::CloseCode(CloseCode::new(code));
            assert!(matches!(refused, Err(Error::Send(error)) if error == expected), "{code}");
        }
        let long = "x".repeat(124);
        let refused = ws.close((CloseCode::NORMAL, long)).await;
        assert!(matches!(refused, Err(Error::Send(SendError::CloseReasonTooLong))));
        assert_eq!(ws.state(), State::Open);
        ws.send("still open").await.unwrap();
        peer.expect(TEXT, "still open").await;
    });
}

/// RFC: 7.1.7-3, 7.1.7-4
#[test]
fn a_violation_is_told_to_the_peer_before_the_application() {
    paused(async {
        let (mut ws, mut peer) = server_with(Server::builder().limits(Limits::SERVER)).await;
        let mut bytes = peer.encode(TEXT, "fine");
        bytes.extend(b"\x83\x80\0\0\0\0");
        bytes.extend(peer.encode(TEXT, "never seen"));
        bytes.extend(peer.encode(PING, "never answered"));
        peer.write(bytes).await;
        assert_eq!(ws.recv().await.unwrap().unwrap().as_text(), Some("fine"));
        let begun = Instant::now();
        let error = expect_failure(&mut ws).await;
        assert!(matches!(error, Error::Protocol(ProtocolError::ReservedOpcode(3))), "{error:?}");
        // The peer never ended its side.
        assert!(begun.elapsed() <= 3 * SECOND, "{:?}", begun.elapsed());
        assert_eq!(peer.expect_close(1002).await, "opcode 3 is reserved");
        peer.expect_end().await;
        assert!(matches!(ws.send("late").await, Err(Error::Protocol(_))));
    });
}

/// RFC: 7.1.7-3, 8.1-1, 10.4-1
#[test]
fn each_violation_closes_with_its_code() {
    let too_long = b"\x82\xff\0\0\0\0\0\x10\0\x01\0\0\0\0";
    for (bytes, code) in [
        (&b"\x81\x02hi"[..], 1002),
        (b"\xc1\x80\0\0\0\0", 1002),
        (b"\x81\x81\0\0\0\0\xff", 1007),
        (too_long, 1009),
        (b"\x88\x81\0\0\0\0\x03", 1002),
        (b"\x88\x82\0\0\0\0\x03\xed", 1002),
    ] {
        paused(async move {
            let (mut ws, mut peer) = server().await;
            peer.write(bytes).await;
            peer.shut_down().await;
            let error = expect_failure(&mut ws).await;
            assert!(matches!(error, Error::Protocol(_)), "{bytes:?}: {error:?}");
            peer.expect_close(code).await;
            peer.expect_end().await;
        });
    }
}

/// RFC: 7.2.1-1
#[test]
fn the_end_of_the_transport_without_a_close_frame_is_an_error() {
    paused(async {
        for bytes in [&b""[..], b"\x81", b"\x82\x7e\x10\x00partial"] {
            let (mut ws, mut peer) = client().await;
            peer.write(bytes).await;
            drop(peer);
            let error = expect_failure(&mut ws).await;
            assert!(matches!(error, Error::Disconnected), "{bytes:?}: {error:?}");
            assert_eq!(ws.peer_close(), None);
        }
    });
}

/// RFC: 7.2.1-1
#[test]
fn a_close_that_is_never_answered_is_an_error_when_the_transport_ends() {
    paused(async {
        let (mut ws, mut peer) = client().await;
        let (closed, ()) = tokio::join!(ws.close(CloseCode::NORMAL), async {
            peer.expect_close(1000).await;
            peer.shut_down().await;
        });
        assert!(matches!(closed, Err(Error::Disconnected)), "{closed:?}");
    });
}

/// RFC: 7.1.1-2, 7.2.2-1
#[test]
fn a_server_that_terminates_closes_the_socket() {
    real(async {
        let (near, far) = sockets().await;
        let server = Server::builder().build();
        let (ws, mut peer) = tokio::join!(server.accept(near), Peer::connect(far));
        ws.unwrap().terminate();
        peer.expect_end().await;
    });
}

/// A socket that is closed with bytes unread resets, and what it has sent may be lost.
///
/// RFC: 7.1.1-1
#[test]
fn the_close_frame_gets_through_to_a_peer_that_goes_on_sending() {
    real(async {
        let (near, far) = sockets().await;
        let client = bowsprit::Client::new();
        let server = Server::builder().build();
        let (ws, other) = tokio::join!(server.accept(near), client.connect_over(URL, far));
        let (mut ws, mut other) = (ws.unwrap(), other.unwrap());
        let flood = async {
            let payload = vec![0; 4096];
            while other.send(&payload).await.is_ok() {
                if let Some(event) = poll_once(other.recv()).await {
                    return event.map(|message| message.is_none());
                }
            }
            other.recv().await.map(|message| message.is_none())
        };
        let (closed, ended) = tokio::join!(ws.close((CloseCode::GOING_AWAY, "enough")), flood);
        closed.unwrap();
        assert!(ended.unwrap());
        assert_eq!(other.peer_close().unwrap().reason, "enough");
    });
}

/// What `future` has come to, if it has.
async fn poll_once<F: Future>(future: F) -> Option<F::Output> {
    tokio::select! {
        biased;
        output = future => Some(output),
        () = tokio::task::yield_now() => None,
    }
}

/// A peer that sends its last message and its close and is gone, while we push to it.
#[test]
fn what_a_peer_sent_before_it_went_is_received_although_writing_has_failed() {
    real(async {
        let (near, far) = sockets().await;
        let server = Server::builder().build();
        let (ws, mut peer) = tokio::join!(server.accept(near), Peer::connect(far));
        let mut ws = ws.unwrap();
        peer.send(TEXT, "my last message").await;
        peer.send_close(1000, "").await;
        drop(peer);
        while ws.send("tick").await.is_ok() {
            tokio::task::yield_now().await;
        }
        assert_eq!(ws.recv().await.unwrap().unwrap().as_text(), Some("my last message"));
        expect_clean_end(&mut ws).await;
    });
}

#[test]
fn a_half_that_closes_lets_the_other_see_the_answer() {
    paused(async {
        let (ws, mut peer) = server().await;
        let (mut receive, mut send) = ws.split();
        send.start_close((CloseCode::NORMAL, "over")).unwrap();
        assert!(matches!(send.start_close(CloseCode::NORMAL), Err(Error::Send(SendError::Closed))));
        assert!(matches!(send.ping(b""), Err(Error::Send(SendError::Closed))));
        assert_eq!(peer.expect_close(1000).await, "over");
        peer.send(TEXT, "one more").await;
        peer.send_close(1000, "").await;
        peer.shut_down().await;
        assert_eq!(receive.recv().await.unwrap().unwrap().as_text(), Some("one more"));
        assert!(receive.recv().await.unwrap().is_none());
        let mut rest = Vec::new();
        peer.io.read_to_end(&mut rest).await.unwrap();
        assert_eq!(rest, b"");
    });
}
