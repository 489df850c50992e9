//! Pings and pongs that applications send themselves.

use bowsprit::{ConnectionConfig, Error, Event, Server, error::SendError};

use super::{
    peer::{PING, PONG, TEXT},
    support::{paused, server, server_opts},
};

#[test]
fn connections_halves_and_handles_send_pings_and_pongs() {
    paused(async {
        let (mut ws, mut peer) = server().await;
        ws.ping(b"1").unwrap();
        ws.pong(b"2").unwrap();
        let handle = ws.handle();
        handle.ping(b"3").unwrap();
        handle.pong(b"4").unwrap();
        let (_receive, mut send) = ws.split();
        send.ping(b"5").unwrap();
        send.pong(b"6").unwrap();
        for (opcode, payload) in
            [(PING, "1"), (PONG, "2"), (PING, "3"), (PONG, "4"), (PING, "5"), (PONG, "6")]
        {
            peer.expect(opcode, payload).await;
        }
        for refused in [handle.ping(&[0; 126]), handle.pong(&[0; 126])] {
            assert!(matches!(refused, Err(Error::Send(SendError::ControlTooLong))), "{refused:?}");
        }
    });
}

#[test]
fn pongs_count_as_sent() {
    paused(async {
        let server = Server::builder().build();
        let (ours, theirs) = tokio::io::duplex(1024);
        let (ws, mut peer) = tokio::join!(server.accept(ours), super::peer::Peer::connect(theirs));
        let handle = ws.as_ref().unwrap().handle();
        handle.pong(b"").unwrap();
        assert!(handle.pong(&[0; 126]).is_err());
        peer.expect(PONG, "").await;
        assert_eq!(server.stats().sent.pongs, 1);
    });
}

/// With automatic pongs off, the application answers what it wants, as `ws` with `autoPong: false`.
#[test]
fn an_application_answers_pings_itself() {
    paused(async {
        let config = ConnectionConfig::server().auto_pong(false);
        let (mut ws, mut peer) = server_opts(config).await;
        let answering = tokio::spawn(async move {
            let (receive, send) = ws.split_mut();
            while let Some(event) = receive.next_event().await? {
                match event {
                    Event::Ping(b"secret") => {}
                    Event::Ping(payload) => send.pong(payload)?,
                    Event::Text(text) => send.send(text).await?,
                    _ => {}
                }
            }
            Ok::<_, Error>(())
        });
        for payload in ["one", "secret", "two"] {
            peer.send(PING, payload).await;
        }
        peer.expect(PONG, "one").await;
        peer.expect(PONG, "two").await;
        peer.send(TEXT, "text").await;
        peer.expect(TEXT, "text").await;
        peer.send_close(1000, "").await;
        peer.expect_close(1000).await;
        peer.expect_end().await;
        answering.await.unwrap().unwrap();
    });
}

#[test]
fn a_server_without_automatic_pongs_still_answers_the_close_frame() {
    paused(async {
        let config = ConnectionConfig::server().auto_pong(false);
        let (mut ws, mut peer) = server_opts(config).await;
        peer.send(PING, "unanswered").await;
        peer.send_close(1000, "").await;
        assert!(ws.recv().await.unwrap().is_none());
        peer.expect_close(1000).await;
        peer.expect_end().await;
    });
}
