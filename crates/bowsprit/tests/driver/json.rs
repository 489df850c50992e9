//! Values as JSON, as applications with serde write them.

use std::{cell::Cell, collections::HashMap};

use bowsprit::{Error, Message, WebSocket, error::BoxError, http::Request};

use super::{
    peer::TEXT,
    support::{pair, paused, real, serve, server},
};

#[derive(Debug, PartialEq, serde::Serialize, serde::Deserialize)]
struct Order {
    id: u64,
    items: Vec<String>,
}

/// An order that may not be shared between threads.
#[derive(serde::Serialize)]
struct Unshared {
    id: Cell<u64>,
    items: [&'static str; 1],
}

fn order() -> Order {
    Order { id: 7, items: vec!["naïve".into(), "\"quoted\"".into()] }
}

#[test]
fn values_are_sent_as_text_and_read_again() {
    paused(async {
        let (mut ws, mut other) = pair().await;
        ws.send_json(&order()).await.unwrap();
        ws.handle().send_json("only text").await.unwrap();
        let (_receive, mut send) = ws.split();
        send.send_json(&[1, 2, 3][..]).await.unwrap();
        let message = other.recv().await.unwrap().unwrap();
        assert_eq!(message, r#"{"id":7,"items":["naïve","\"quoted\""]}"#);
        assert_eq!(message.json::<Order>().unwrap(), order());
        assert_eq!(other.recv().await.unwrap().unwrap().json::<&str>().unwrap(), "only text");
        let numbers: Vec<u8> = other.recv().await.unwrap().unwrap().json().unwrap();
        assert_eq!(numbers, [1, 2, 3]);
    });
}

#[test]
fn what_is_no_json_is_an_error_and_nothing_is_sent() {
    paused(async {
        let (mut ws, mut peer) = server().await;
        let keys_are_numbers = HashMap::from([([1_u8, 2], "no string")]);
        let refused = ws.send_json(&keys_are_numbers).await;
        assert!(matches!(refused, Err(Error::Json(_))), "{refused:?}");
        ws.send_json(&()).await.unwrap();
        peer.expect(TEXT, "null").await;
        assert!(Message::text("{").json::<Order>().is_err());
        assert!(Message::text(r#"{"id":"seven"}"#).json::<Order>().is_err());
    });
}

/// The question mark converts into both kinds of error.
#[test]
fn a_handler_reads_and_answers_values() {
    async fn answer(ws: &mut WebSocket) -> Result<bool, Error> {
        let Some(message) = ws.recv().await? else { return Ok(false) };
        let order: Order = message.json()?;
        ws.send_json(&order.items.len()).await?;
        Ok(true)
    }
    async fn shop(mut ws: WebSocket, _request: Request<()>) -> Result<(), BoxError> {
        while answer(&mut ws).await? {}
        Ok(())
    }
    real(async {
        let (addr, _server) = serve(shop).await;
        let mut ws = bowsprit::connect(&format!("ws://{addr}/")).await.unwrap();
        // A value that is not `Sync` does not keep the future from moving to another task.
        tokio::spawn(async move {
            let order = Unshared { id: Cell::new(7), items: ["one"] };
            ws.send_json(&order).await.unwrap();
            assert_eq!(ws.recv().await.unwrap().unwrap().json::<u64>().unwrap(), 1);
            ws.send("no JSON").await.unwrap();
            assert!(ws.recv().await.unwrap().is_none());
            assert_eq!(ws.peer_close().unwrap().code, 1011);
        })
        .await
        .unwrap();
    });
}
