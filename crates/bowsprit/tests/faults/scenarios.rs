//! The conversations that are disturbed, each told from both ends.

use bowsprit::{
    CloseCode, ConnectionConfig, Error, Event, Message, WebSocket,
    config::Heartbeat,
    message::{Fragment, MessageKind},
};
use tokio::time::Duration;

use crate::support::{pattern, rough::Control};

/// What two peers say to each other.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Scenario {
    EchoSmall,
    EchoLarge,
    Fragments,
    Pings,
    ClientCloses,
    ServerCloses,
    /// The client, or the server, breaks the protocol.
    ClientBreaks,
    ServerBreaks,
}

/// One end of the conversation: what it has sent and received by the end, and what the end was.
#[derive(Debug, Default)]
pub(super) struct Story {
    pub(super) sent: Vec<Message>,
    pub(super) received: Vec<Message>,
    pub(super) error: Option<Error>,
}

/// The role of an end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Side {
    Client,
    Server,
}

impl Side {
    pub(super) const fn other(self) -> Self {
        match self {
            Self::Client => Self::Server,
            Self::Server => Self::Client,
        }
    }
}

impl Scenario {
    /// Plays one side to its end. `control` can forge what this side writes.
    pub(super) async fn play(self, side: Side, mut ws: WebSocket, control: &Control) -> Story {
        let mut story = Story::default();
        let played = match (self, side) {
            (Self::EchoSmall, Side::Client) => ask(&mut ws, &mut story, 12, 40).await,
            (Self::EchoLarge, Side::Client) => ask(&mut ws, &mut story, 1, 256 * 1024).await,
            (Self::Fragments, Side::Client) => ask_in_fragments(&mut ws, &mut story).await,
            (Self::Pings, Side::Client) => stream_with_pings(&mut ws, &mut story).await,
            (Self::ClientBreaks, Side::Client) | (Self::ServerBreaks, Side::Server) => {
                break_protocol(&mut ws, &mut story, control).await
            }
            (Self::ClientCloses, Side::Client) | (Self::ServerCloses, Side::Server) => {
                talk_and_close(&mut ws, &mut story).await
            }
            (Self::ClientCloses | Self::ServerCloses, _)
            | (Self::ClientBreaks | Self::ServerBreaks, _) => listen(&mut ws, &mut story).await,
            (_, Side::Server) => echo(&mut ws, &mut story).await,
        };
        if let Err(error) = played {
            expect_over(&mut ws, &error).await;
            story.error = Some(error);
        }
        story
    }
}

/// After an error there is nothing more: no event, no second error, no sending.
async fn expect_over(ws: &mut WebSocket, error: &Error) {
    for _ in 0..2 {
        // An error of sending may come before receiving has told it.
        match ws.recv().await {
            Ok(None) => {}
            Ok(Some(message)) => panic!("{message:?} after {error:?}"),
            Err(again) => assert_eq!(kind(&again), kind(error)),
        }
    }
    assert_eq!(ws.next_event().await.unwrap(), None);
    assert!(ws.next_chunk().await.unwrap().is_none());
    ws.send("more").await.unwrap_err();
    ws.ping(b"more").unwrap_err();
    ws.handle().try_send("more").unwrap_err();
    ws.close(CloseCode::NORMAL).await.unwrap();
}

/// Errors compared without their details.
fn kind(error: &Error) -> String {
    match error {
        Error::Io(error) => format!("{:?}", error.kind()),
        other => format!("{other:?}"),
    }
}

pub(super) fn config() -> ConnectionConfig {
    let mut config = ConnectionConfig::server();
    config.heartbeat = Some(Heartbeat::new(Duration::from_secs(20), Duration::from_secs(20)));
    config.high_water_mark = 16 * 1024;
    config
}

async fn send(ws: &mut WebSocket, story: &mut Story, message: Message) -> Result<(), Error> {
    ws.send(message.clone()).await?;
    story.sent.push(message);
    Ok(())
}

/// Receives one message. A clean end is not expected yet.
async fn receive(ws: &mut WebSocket, story: &mut Story) -> Result<(), Error> {
    match ws.recv().await? {
        Some(message) => story.received.push(message),
        None => return Err(Error::Disconnected),
    }
    Ok(())
}

async fn ask(ws: &mut WebSocket, story: &mut Story, count: usize, len: usize) -> Result<(), Error> {
    for i in 0..count {
        send(ws, story, pattern(len + i).into()).await?;
        receive(ws, story).await?;
    }
    ws.close(CloseCode::NORMAL).await
}

async fn ask_in_fragments(ws: &mut WebSocket, story: &mut Story) -> Result<(), Error> {
    let message = pattern(3000);
    let mut pieces = message.chunks(700).peekable();
    while let Some(payload) = pieces.next() {
        let fin = pieces.peek().is_none();
        ws.send_fragment(Fragment { kind: MessageKind::Binary, payload, fin }).await?;
        if !fin {
            ws.flush().await?;
        }
    }
    story.sent.push(message.into());
    receive(ws, story).await?;
    ws.close(CloseCode::NORMAL).await
}

async fn stream_with_pings(ws: &mut WebSocket, story: &mut Story) -> Result<(), Error> {
    for i in 0..8_u8 {
        send(ws, story, pattern(200 + usize::from(i)).into()).await?;
        ws.ping(&[i])?;
    }
    let mut pongs = Vec::new();
    while story.received.len() < 8 || pongs.len() < 8 {
        match ws.next_event().await? {
            Some(Event::Binary(bytes)) => story.received.push(bytes.to_vec().into()),
            Some(Event::Pong(payload)) if payload.len() == 1 => pongs.push(payload[0]),
            Some(Event::Pong(_) | Event::Ping(_)) => {}
            other => panic!("{other:?}"),
        }
    }
    assert_eq!(pongs, [0, 1, 2, 3, 4, 5, 6, 7]);
    ws.close(CloseCode::NORMAL).await
}

async fn talk_and_close(ws: &mut WebSocket, story: &mut Story) -> Result<(), Error> {
    for i in 0..3 {
        send(ws, story, format!("message {i}").into()).await?;
    }
    ws.close((CloseCode::GOING_AWAY, "enough")).await
}

/// A good message, then a frame with an opcode that nobody knows.
async fn break_protocol(
    ws: &mut WebSocket,
    story: &mut Story,
    control: &Control,
) -> Result<(), Error> {
    send(ws, story, "good".into()).await?;
    ws.flush().await?;
    control.forge(0x83);
    ws.send(&b"bad"[..]).await?;
    // The peer tells what it thinks of that by a close frame.
    while ws.recv().await?.is_some() {}
    Ok(())
}

async fn echo(ws: &mut WebSocket, story: &mut Story) -> Result<(), Error> {
    while let Some(message) = ws.recv().await? {
        story.received.push(message.clone());
        send(ws, story, message).await?;
    }
    Ok(())
}

async fn listen(ws: &mut WebSocket, story: &mut Story) -> Result<(), Error> {
    while let Some(message) = ws.recv().await? {
        story.received.push(message);
    }
    Ok(())
}
