//! Receiving messages in chunks, as they arrive.

use bowsprit::{Error, error::ProtocolError, message::MessageKind};

use super::{
    peer::{BINARY, Frame, PING, PONG, TEXT},
    support::{paused, server},
};

/// RFC: 10.4-1
#[test]
fn a_message_above_the_limit_is_received_in_chunks_and_never_held() {
    const LEN: usize = 10_000_000;
    paused(async {
        let (mut ws, mut peer) = server().await;
        let payload: Vec<u8> = (0..=250).cycle().take(LEN).collect();
        let expected = payload.clone();
        let sending = tokio::spawn(async move {
            peer.send(BINARY, payload).await;
            peer.send(TEXT, "next").await;
            peer
        });
        let (mut len, mut chunks, mut longest) = (0, 0, 0);
        loop {
            let chunk = ws.next_chunk().await.unwrap().unwrap();
            assert_eq!((chunk.kind, chunk.first), (MessageKind::Binary, chunks == 0));
            assert!(chunk.payload == &expected[len..len + chunk.payload.len()], "at {len}");
            len += chunk.payload.len();
            chunks += 1;
            longest = longest.max(chunk.payload.len());
            if chunk.last {
                break;
            }
        }
        assert_eq!(len, LEN);
        assert!(longest <= 128 * 1024, "{longest}");
        assert_eq!(ws.recv().await.unwrap().unwrap().as_text(), Some("next"));
        sending.await.unwrap();
    });
}

#[test]
fn receiving_after_a_chunk_skips_the_rest_of_its_message() {
    paused(async {
        let (mut ws, mut peer) = server().await;
        let sending = tokio::spawn(async move {
            peer.send(BINARY, vec![0; 5_000_000]).await;
            peer.send(TEXT, "next").await;
            peer
        });
        assert!(!ws.next_chunk().await.unwrap().unwrap().last);
        assert_eq!(ws.recv().await.unwrap().unwrap().as_text(), Some("next"));
        sending.await.unwrap();
    });
}

#[test]
fn chunks_of_text_are_cut_between_characters_and_control_frames_are_answered() {
    paused(async {
        let (mut ws, mut peer) = server().await;
        let first = Frame { fin: false, ..Frame::new(TEXT, b"caf\xc3") };
        peer.write(first.encode(true)).await;
        peer.send(PING, "between").await;
        let chunk = ws.next_chunk().await.unwrap().unwrap();
        assert_eq!((chunk.as_text(), chunk.first, chunk.last), (Some("caf"), true, false));
        peer.send(0, b"\xa9!").await;
        let chunk = ws.next_chunk().await.unwrap().unwrap();
        assert_eq!((chunk.as_text(), chunk.first, chunk.last), (Some("é!"), false, true));
        peer.expect(PONG, "between").await;
        peer.send_close(1000, "").await;
        peer.shut_down().await;
        assert!(ws.next_chunk().await.unwrap().is_none());
        assert!(ws.next_chunk().await.unwrap().is_none());
    });
}

#[test]
fn text_in_chunks_has_to_be_utf8_as_well() {
    paused(async {
        let (mut ws, mut peer) = server().await;
        peer.send(TEXT, b"fine \xff").await;
        peer.shut_down().await;
        let failed = ws.next_chunk().await;
        assert!(matches!(failed, Err(Error::Protocol(ProtocolError::TextUtf8))), "{failed:?}");
        peer.expect_close(1007).await;
    });
}

#[test]
fn a_chunk_that_is_given_up_while_waiting_is_not_lost() {
    paused(async {
        let (mut ws, mut peer) = server().await;
        let bytes = peer.encode(TEXT, "whole");
        for byte in bytes {
            tokio::select! {
                biased;
                message = ws.recv() => panic!("{message:?}"),
                () = tokio::task::yield_now() => {}
            }
            peer.write([byte]).await;
        }
        assert_eq!(ws.recv().await.unwrap().unwrap().as_text(), Some("whole"));
    });
}
