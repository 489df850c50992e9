//! Messages and close frames as they are written: out of whatever is at hand.

use std::{borrow::Cow, sync::Arc};

use bowsprit::{
    Bytes, Client, CloseCode, Error, Message, PreparedMessage, error::SendError, message::BytesMut,
};

use super::support::{pair, paused, server};

#[test]
fn whatever_holds_text_or_bytes_is_sent() {
    paused(async {
        let (mut ws, mut other) = pair().await;
        let message = Message::text("message");
        let string = String::from("text");
        ws.send(&message).await.unwrap();
        ws.send(Cow::Borrowed("text")).await.unwrap();
        ws.send(Cow::Owned::<str>(string.clone())).await.unwrap();
        ws.send(Cow::from(&string)).await.unwrap();
        ws.send(Arc::<str>::from("text")).await.unwrap();
        ws.send(string.into_boxed_str()).await.unwrap();
        for text in ["message", "text", "text", "text", "text", "text"] {
            assert_eq!(other.recv().await.unwrap().unwrap(), text);
        }
        ws.send(vec![1, 2].into_boxed_slice()).await.unwrap();
        ws.send(Arc::<[u8]>::from([1, 2])).await.unwrap();
        ws.send(BytesMut::from(&[1, 2][..])).await.unwrap();
        ws.send(Cow::Borrowed(&[1, 2][..])).await.unwrap();
        ws.send(Cow::Owned::<[u8]>(vec![1, 2])).await.unwrap();
        for _ in 0..5 {
            assert_eq!(other.recv().await.unwrap().unwrap(), [1, 2]);
        }
        assert_eq!(message, "message", "it was only borrowed");
    });
}

/// Long enough to be shared with the socket in place of being copied.
#[test]
fn long_shared_text_arrives_whole() {
    paused(async {
        let (mut ws, mut other) = pair().await;
        let text: Arc<str> = "é".repeat(40_000).into();
        let sending = tokio::spawn({
            let text = Arc::clone(&text);
            async move { ws.send(text).await.map(|()| ws) }
        });
        assert_eq!(other.recv().await.unwrap().unwrap(), &*text);
        sending.await.unwrap().unwrap();
    });
}

#[test]
fn handles_and_prepared_messages_take_the_same() {
    paused(async {
        let (ws, mut other) = pair().await;
        let handle = ws.handle();
        let message = Message::text("borrowed");
        handle.try_send(&message).unwrap();
        handle.send(Arc::<str>::from("shared")).await.unwrap();
        handle.send(&PreparedMessage::new(Box::<str>::from("prepared"))).await.unwrap();
        for text in ["borrowed", "shared", "prepared"] {
            assert_eq!(other.recv().await.unwrap().unwrap(), text);
        }
    });
}

#[test]
fn a_message_equals_what_it_says() {
    let (text, bytes) = (Message::text("hello"), Message::binary(&b"hello"[..]));
    let owned = String::from("hello");
    assert!(text == "hello" && text == *"hello" && text == owned);
    assert!(bytes == b"hello" && bytes == *b"hello" && bytes == b"hello"[..]);
    assert!(bytes == b"hello".to_vec() && bytes == Bytes::from_static(b"hello"));
    assert!(text != "other" && bytes != b"other");
    assert!(text != b"hello" && bytes != "hello", "text is no bytes");
}

#[test]
fn text_is_taken_out_of_its_message() {
    let text = Message::text("hello").into_text().unwrap();
    assert_eq!(String::from(text), "hello");
    assert_eq!(Message::binary(&b"hello"[..]).into_text(), None);
}

#[test]
fn a_connection_is_closed_with_a_number() {
    paused(async {
        for (with_reason, reason) in [(false, ""), (true, "bye")] {
            let (mut ws, mut peer) = server().await;
            let closing = tokio::spawn(async move {
                if with_reason { ws.close((4000, "bye")).await } else { ws.close(4000).await }
            });
            assert_eq!(peer.expect_close(4000).await, reason);
            peer.send_close(4000, reason).await;
            peer.expect_end().await;
            closing.await.unwrap().unwrap();
        }
    });
}

#[test]
fn close_codes_are_compared_with_numbers() {
    paused(async {
        let (mut ws, mut other) = pair().await;
        let served = tokio::spawn(async move { other.recv().await.map(|_| other.peer_close()) });
        assert!(matches!(ws.close(999).await, Err(Error::Send(SendError::CloseCode(_)))));
        ws.close(1000).await.unwrap();
        let close = served.await.unwrap().unwrap().unwrap();
        assert_eq!(close.code, 1000);
        assert!(close.code == CloseCode::NORMAL && close.code != 1001);
    });
}

#[test]
fn a_reconnecting_websocket_takes_borrowed_messages() {
    let ws = Client::new().reconnect("ws://127.0.0.1:1/").unwrap().websocket();
    let message = Message::text("queued");
    ws.handle().try_send(&message).unwrap();
    ws.handle().try_send(Cow::Borrowed("queued")).unwrap();
}
