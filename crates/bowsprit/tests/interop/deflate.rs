//! Compression, with each context takeover, window, role and peer, and with either side asking.

use bowsprit::{
    Client, CloseCode, ConnectError, Deflate, Message, WebSocket,
    deflate::{Backend, ContextTakeover, WindowBits},
    error::BoxError,
    message::Fragment,
};

use super::{
    meter::Meter,
    peers::{OurServer, Peer, PeerServer, in_time, play},
};

/// What the tests compress with: `--features zlib` runs all of them with zlib.
#[cfg(not(feature = "zlib"))]
const BACKEND: Backend = Backend::ZlibRs;
#[cfg(feature = "zlib")]
const BACKEND: Backend = Backend::Zlib;

/// Lengths of texts, and how many times each is sent.
const SIZES: [(usize, usize); 3] = [(2048, 16), (65_536, 2), (1 << 20, 1)];

/// What is sent each way, a little more than this.
const PAYLOAD_LEN: u64 = 1_200_000;

/// What one side asks of the other, which asks nothing.
#[derive(Clone, Copy, Debug)]
struct Asked {
    /// The server's messages are to be compressed by themselves.
    server_forgets: bool,
    client_forgets: bool,
    /// The server's window, and the client's.
    bits: Option<(u8, u8)>,
}

impl Asked {
    /// The grid; `least` are the smallest windows that the peer can do.
    fn all(least: (u8, u8)) -> impl Iterator<Item = Self> {
        [None, Some(least), Some((12, 12)), Some((15, 15))].into_iter().flat_map(|bits| {
            let takeovers = [(false, false), (true, false), (false, true), (true, true)];
            takeovers.map(|(server_forgets, client_forgets)| Self {
                server_forgets,
                client_forgets,
                bits,
            })
        })
    }

    /// The parameters, in the order in which we write them.
    fn parameters(self) -> Vec<String> {
        let mut parameters = Vec::new();
        for (forgets, side) in [(self.server_forgets, "server"), (self.client_forgets, "client")] {
            if forgets {
                parameters.push(format!("{side}_no_context_takeover"));
            }
        }
        if let Some((server, client)) = self.bits {
            parameters.push(format!("server_max_window_bits={server}"));
            parameters.push(format!("client_max_window_bits={client}"));
        }
        parameters
    }

    /// For a peer that asks.
    fn argument(self) -> String {
        format!("--deflate={}", self.parameters().join(","))
    }

    /// What comes of it, as in the header.
    fn agreed(self) -> String {
        let parameters = self.parameters();
        parameters.iter().fold("permessage-deflate".to_owned(), |all, one| all + "; " + one)
    }

    /// What comes of it, as the peers put it.
    fn described(self) -> String {
        let takeover = |forgets| if forgets { "forgets" } else { "remembers" };
        let (server, client) = self.bits.unwrap_or((15, 15));
        format!(
            "server {} {server}, client {} {client}",
            takeover(self.server_forgets),
            takeover(self.client_forgets)
        )
    }

    /// Our options, if we ask.
    fn options(self) -> Deflate {
        let takeover =
            |forgets| if forgets { ContextTakeover::Never } else { ContextTakeover::Allowed };
        let options = Deflate::client()
            .backend(BACKEND)
            .server_context_takeover(takeover(self.server_forgets))
            .client_context_takeover(takeover(self.client_forgets));
        match self.bits {
            None => options,
            Some((server, client)) => options
                .server_max_window_bits(WindowBits::AtMost(server))
                .client_max_window_bits(WindowBits::AtMost(client)),
        }
    }
}

/// A text of so many bytes that gets shorter by compression.
fn json(len: usize) -> String {
    let mut text = String::new();
    for i in 0.. {
        let name = i * 7919 % 1000;
        text += &format!(r#"{{"id":{i},"name":"user {name}","tags":["a","b"],"active":true}},"#);
        if text.len() >= len {
            break;
        }
    }
    text.truncate(len);
    text
}

async fn expect(ws: &mut WebSocket, message: &Message, what: &str) {
    let back = ws.recv().await.unwrap();
    assert!(back.as_ref() == Some(message), "{what} came back different");
}

/// Lets a server echo all sorts of messages.
async fn exchange(ws: &mut WebSocket) {
    for (len, times) in SIZES {
        let message = Message::from(json(len));
        for i in 0..times {
            ws.send(message.clone()).await.unwrap();
            expect(ws, &message, &format!("text {i} of {len} bytes")).await;
        }
    }
    let binary = Message::from((0..=255).cycle().take(5000).collect::<Vec<u8>>());
    ws.send(binary.clone()).await.unwrap();
    expect(ws, &binary, "binary").await;
    for message in [Message::from(json(100_000)), binary] {
        let (payload, len) = (message.as_bytes(), message.as_bytes().len());
        for i in 0..7 {
            let part = &payload[len * i / 7..len * (i + 1) / 7];
            ws.send_fragment(Fragment { kind: message.kind(), payload: part, fin: i == 6 })
                .await
                .unwrap();
        }
        expect(ws, &message, "message in fragments").await;
    }
}

/// Plays our client; returns how many bytes have gone from it and to it.
async fn play_client(server: &PeerServer, asked: Asked, options: Deflate) -> (u64, u64) {
    let meter = Meter::start(server.authority()).await;
    let client = Client::new().deflate(options);
    let mut ws = client.connect(&format!("ws://{}/deflate", meter.authority())).await.unwrap();
    assert_eq!(ws.extensions(), asked.agreed());
    assert_eq!(ws.recv().await.unwrap(), Some(asked.described().into()), "{asked:?}");
    exchange(&mut ws).await;
    ws.close(CloseCode::NORMAL).await.unwrap();
    drop(ws);
    meter.end().await
}

/// Tells what was agreed on, and echoes.
async fn tell_and_echo(mut ws: WebSocket) -> Result<(), BoxError> {
    let extensions = ws.extensions().to_owned();
    ws.send(extensions).await?;
    while let Some(message) = ws.recv().await? {
        ws.send(message).await?;
    }
    Ok(())
}

async fn start_ours(options: Deflate) -> OurServer {
    OurServer::start_with(OurServer::builder().deflate(options), tell_and_echo).await
}

/// Plays our server; returns how many bytes have gone to it and from it.
async fn play_server(peer: Peer, server: &OurServer, asked: Asked, argument: &str) -> (u64, u64) {
    let meter = Meter::start(server.authority()).await;
    let said = play(peer, meter.authority(), "/", &["deflate", argument]).await;
    let expected = [format!("agreed {}", asked.described()), format!("told {}", asked.agreed())];
    assert_eq!(said, expected, "{peer:?} {asked:?}");
    meter.end().await
}

/// Checks that compression was really used, and that repetitions of earlier messages were found
/// where they may be.
fn check_lengths(lengths: &[(Asked, (u64, u64))]) {
    for (asked, (up, down)) in lengths {
        assert!(up * 2 < PAYLOAD_LEN && down * 2 < PAYLOAD_LEN, "{asked:?}: {up} and {down} bytes");
    }
    for same_bits in lengths.chunks(4) {
        let [(asked, remembers), .., (_, forgets)] = same_bits else { continue };
        // The repeated texts have to fit into the window.
        if asked.bits.is_none_or(|bits| bits >= (12, 12)) {
            assert!(remembers.0 < forgets.0 && remembers.1 < forgets.1, "{same_bits:?}");
        }
    }
}

async fn test_client_that_asks(peer: Peer, least: (u8, u8)) {
    let server = in_time(PeerServer::start_with(peer, &["--deflate="])).await;
    let mut lengths = Vec::new();
    for asked in Asked::all(least) {
        lengths.push((asked, in_time(play_client(&server, asked, asked.options())).await));
    }
    check_lengths(&lengths);
}

async fn test_peer_server_that_asks(peer: Peer, least: (u8, u8)) {
    let mut lengths = Vec::new();
    for asked in Asked::all(least) {
        let server = in_time(PeerServer::start_with(peer, &[&asked.argument()])).await;
        lengths.push((
            asked,
            in_time(play_client(&server, asked, Deflate::client().backend(BACKEND))).await,
        ));
    }
    check_lengths(&lengths);
}

async fn test_server_that_asks(peer: Peer, least: (u8, u8)) {
    let mut lengths = Vec::new();
    for asked in Asked::all(least) {
        let server = start_ours(asked.options()).await;
        lengths.push((asked, in_time(play_server(peer, &server, asked, "--deflate=")).await));
    }
    check_lengths(&lengths);
}

async fn test_peer_client_that_asks(peer: Peer, least: (u8, u8)) {
    let server = start_ours(Deflate::client().backend(BACKEND)).await;
    let mut lengths = Vec::new();
    for asked in Asked::all(least) {
        let argument = asked.argument();
        let played = play_server(peer, &server, asked, &argument);
        lengths.push((asked, in_time(played).await));
    }
    check_lengths(&lengths);
}

#[tokio::test]
#[ignore = "needs scripts/setup-interop"]
async fn our_client_compresses_with_ws_as_it_asks() {
    test_client_that_asks(Peer::Ws, (8, 8)).await;
}

#[tokio::test]
#[ignore = "needs scripts/setup-interop"]
async fn our_client_compresses_as_ws_asks() {
    test_peer_server_that_asks(Peer::Ws, (8, 8)).await;
}

#[tokio::test]
#[ignore = "needs scripts/setup-interop"]
async fn our_server_compresses_with_ws_as_it_asks() {
    test_server_that_asks(Peer::Ws, (8, 8)).await;
}

#[tokio::test]
#[ignore = "needs scripts/setup-interop"]
async fn our_server_compresses_as_ws_asks() {
    test_peer_client_that_asks(Peer::Ws, (8, 8)).await;
}

// Python's websockets does not compress for a window of 2^8 bytes.

#[tokio::test]
#[ignore = "needs scripts/setup-interop"]
async fn our_client_compresses_with_websockets_as_it_asks() {
    test_client_that_asks(Peer::Websockets, (9, 8)).await;
}

#[tokio::test]
#[ignore = "needs scripts/setup-interop"]
async fn our_client_compresses_as_websockets_asks() {
    test_peer_server_that_asks(Peer::Websockets, (9, 8)).await;
}

#[tokio::test]
#[ignore = "needs scripts/setup-interop"]
async fn our_server_compresses_with_websockets_as_it_asks() {
    test_server_that_asks(Peer::Websockets, (8, 9)).await;
}

#[tokio::test]
#[ignore = "needs scripts/setup-interop"]
async fn our_server_compresses_as_websockets_asks() {
    test_peer_client_that_asks(Peer::Websockets, (8, 9)).await;
}

#[tokio::test]
#[ignore = "needs scripts/setup-interop"]
async fn an_offer_that_ws_refuses_is_declined_by_our_server() {
    in_time(async {
        // §7.1.2.2: a server may not limit the window of a client that does not offer so.
        let ours = Deflate::server().client_max_window_bits(WindowBits::AtMost(12));
        let client = Client::new()
            .deflate(Deflate::client().client_max_window_bits(WindowBits::Unspecified));

        let argument = "--deflate=client_max_window_bits=12";
        let theirs = PeerServer::start_with(Peer::Ws, &[argument]).await;
        let error = client.connect(&theirs.url("/")).await.unwrap_err();
        let ConnectError::Rejected(response) = error else { panic!("{error:?}") };
        assert_eq!(response.status(), 400);

        let ours = start_ours(ours).await;
        let mut ws = client.connect(&format!("ws://{}/", ours.authority())).await.unwrap();
        assert_eq!(ws.extensions(), "");
        assert_eq!(ws.recv().await.unwrap(), Some("".into()));
        exchange(&mut ws).await;
        ws.close(CloseCode::NORMAL).await.unwrap();

        for peer in Peer::ALL {
            let args = ["deflate", "--deflate=client_max_window_bits=false"];
            let said = play(peer, ours.authority(), "/", &args).await;
            assert_eq!(said, ["agreed none", "told "], "{peer:?}");
        }
    })
    .await;
}
