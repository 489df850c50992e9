//! What is checked on connections with a peer, whichever side has connected.

use bowsprit::{
    Error, Event, Message, WebSocket,
    error::ProtocolError,
    stats::{Stats, TrafficCounts},
};
use serde_json::{Value, json};

const SIZES: [usize; 7] = [0, 1, 125, 126, 65_535, 65_536, 1 << 20];

/// What a peer says of itself.
pub(super) struct Hello {
    pub(super) name: String,
    pub(super) version: String,
    lacks: Vec<String>,
    /// Of a server.
    pub(super) url: String,
}

impl Hello {
    pub(super) fn new(line: &Value) -> Self {
        let (name, version) = line["peer"].as_str().unwrap().rsplit_once(' ').unwrap();
        let lacks = line["lacks"].as_array().unwrap();
        Self {
            name: name.to_owned(),
            version: version.to_owned(),
            lacks: lacks.iter().map(|what| what.as_str().unwrap().to_owned()).collect(),
            url: line["url"].as_str().unwrap_or_default().to_owned(),
        }
    }

    pub(super) fn has(&self, what: &str) -> bool {
        !self.lacks.iter().any(|lacks| lacks == what)
    }

    /// The subprotocol that has to be agreed on.
    pub(super) fn subprotocol(&self) -> Option<&'static str> {
        self.has("subprotocol").then_some("chat.v1")
    }

    /// What a client says of a connection that was closed so.
    pub(super) fn closed(&self, code: u16, reason: &str) -> Value {
        json!({ "subprotocol": self.subprotocol(), "code": code, "reason": reason })
    }
}

/// Messages of all sizes come back as they were, and so do pings. Then we close; returns the code
/// of the answer.
pub(super) async fn play_plain(mut ws: WebSocket, hello: &Hello) -> u16 {
    assert_eq!(ws.extensions(), "");
    assert_eq!(ws.subprotocol(), hello.subprotocol());
    echo(&mut ws).await;
    answer_ping(&mut ws).await;
    if hello.has("ping") {
        ws.send("/ping are you there").await.unwrap();
        assert_eq!(ws.recv().await.unwrap(), Some("pong are you there".into()));
    }
    ws.close((4001, "bye")).await.unwrap();
    ws.peer_close().expect("no answer to our close").code.into()
}

/// Messages of all sizes come back as they were, compressed if the peer can. Then the peer closes.
pub(super) async fn play_deflate(mut ws: WebSocket, hello: &Hello) {
    check_deflate(&ws, hello);
    echo(&mut ws).await;
    ws.send("/close 4002 see you").await.unwrap();
    assert_eq!(ws.recv().await.unwrap(), None);
    let close = ws.peer_close().unwrap();
    assert_eq!((u16::from(close.code), &*close.reason), (4002, "see you"));
}

fn check_deflate(ws: &WebSocket, hello: &Hello) {
    let agreed = ws.extensions().split(';').next() == Some("permessage-deflate");
    assert_eq!(agreed, hello.has("deflate"), "agreed on: {:?}", ws.extensions());
    assert_eq!(ws.subprotocol(), hello.subprotocol());
}

/// The peer goes on with the context that it has agreed to do without.
pub(super) async fn play_deflate_in_vain(mut ws: WebSocket, hello: &Hello) {
    check_deflate(&ws, hello);
    assert!(ws.extensions().contains("client_no_context_takeover"));
    for _ in 0..2 {
        ws.send("once more, once more, once more").await.unwrap();
        if let Err(error) = ws.recv().await {
            assert!(matches!(error, Error::Protocol(ProtocolError::Compression(_))), "{error:?}");
            return;
        }
    }
    panic!("it does what it has agreed to");
}

async fn echo(ws: &mut WebSocket) {
    for size in SIZES {
        let text = "aé€😀".repeat(size / 10) + &"x".repeat(size % 10);
        let bytes: Vec<u8> = (0..size).map(|i| (i * 31 + (i >> 8)).to_le_bytes()[0]).collect();
        for message in [Message::from(text), Message::from(bytes)] {
            ws.send(message.clone()).await.unwrap();
            let back = ws.recv().await.unwrap().expect("closed in place of an echo");
            assert_eq!(back.kind(), message.kind());
            assert!(back == message, "{} of {size} bytes came back", back.as_bytes().len());
        }
    }
}

async fn answer_ping(ws: &mut WebSocket) {
    let payload: Vec<u8> = (0..125).collect();
    ws.ping(&payload).unwrap();
    assert_eq!(ws.next_event().await.unwrap(), Some(Event::Pong(&payload)));
}

/// Whose messages were compressed between these two moments.
pub(super) fn compressed(before: &Stats, after: &Stats) -> &'static str {
    let ours = is_compressed(before.sent, after.sent);
    match (ours, is_compressed(before.received, after.received)) {
        (true, true) => "both ways",
        (true, false) => "ours",
        (false, true) => "theirs",
        (false, false) => "–",
    }
}

fn is_compressed(before: TrafficCounts, after: TrafficCounts) -> bool {
    let wire = after.wire_bytes - before.wire_bytes;
    wire * 2 < after.payload_bytes - before.payload_bytes
}
