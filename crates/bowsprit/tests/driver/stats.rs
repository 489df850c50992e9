//! What servers and clients count, next to traffic that is known.

use std::time::Duration;

use bowsprit::{
    Client, CloseCode, ConnectionConfig, Deflate, Error, Message, Server, WebSocket,
    config::Heartbeat,
    http::{Request, StatusCode},
    message::{Fragment, MessageKind},
    stats::{Stats, TrafficCounts},
    testing::pair_of,
    topics::SlowConsumerPolicy,
};
use tokio::{
    io::{AsyncWriteExt, DuplexStream},
    task::{JoinSet, yield_now},
    time::sleep,
};

use super::{
    peer::{BINARY, PING, PONG, Peer, REQUEST, TEXT, switching_protocols},
    support::{PIPE_LEN, SECOND, URL, accepted_request, paused, run_handler, threaded},
};

/// A server's connection to a hand-made client.
async fn open(server: &Server) -> (WebSocket, Peer<DuplexStream>) {
    let (ours, theirs) = tokio::io::duplex(PIPE_LEN);
    let (ws, peer) = tokio::join!(server.accept(ours), Peer::connect(theirs));
    (ws.unwrap(), peer)
}

/// Receives to the end, whatever that is.
async fn drain(ws: &mut WebSocket) -> Result<(), Error> {
    while ws.recv().await?.is_some() {}
    Ok(())
}

/// The numbers of one direction, in the order of the fields.
const fn numbers(traffic: TrafficCounts) -> [u64; 6] {
    let TrafficCounts {
        text_messages,
        binary_messages,
        payload_bytes,
        wire_bytes,
        pings,
        pongs,
        ..
    } = traffic;
    [text_messages, binary_messages, payload_bytes, wire_bytes, pings, pongs]
}

/// Lets everything happen that can happen now.
async fn settle() {
    for _ in 0..100 {
        yield_now().await;
    }
}

#[test]
fn messages_and_bytes_of_both_directions_are_exact() {
    paused(async {
        let (server, client) = (Server::builder().build(), Client::new().deflate(None));
        let (mut theirs, mut ours) = pair_of(&client, &server, URL).await.unwrap();
        let serving = tokio::spawn(async move {
            for _ in 0..10 {
                let message = ours.recv().await?.unwrap();
                ours.send(message).await?;
            }
            drain(&mut ours).await
        });
        for _ in 0..7 {
            theirs.send("seventeen letters").await.unwrap();
        }
        for _ in 0..3 {
            theirs.send(vec![7; 1000]).await.unwrap();
        }
        theirs.ping(b"here?").unwrap();
        for _ in 0..10 {
            theirs.recv().await.unwrap().unwrap();
        }
        theirs.close(CloseCode::NORMAL).await.unwrap();
        serving.await.unwrap().unwrap();
        let payload = 7 * 17 + 3 * 1000;
        // A header of 2 or 4 bytes each, and 4 for the masking key; a ping and a close.
        let masked = payload + 7 * 6 + 3 * 8 + (6 + 5) + (6 + 2);
        let plain = payload + 7 * 2 + 3 * 4 + (2 + 5) + (2 + 2);
        let (server, client) = (server.stats(), client.stats());
        assert_eq!(numbers(client.sent), [7, 3, payload, masked, 1, 0]);
        assert_eq!(numbers(server.received), [7, 3, payload, masked, 1, 0]);
        assert_eq!(numbers(server.sent), [7, 3, payload, plain, 0, 1]);
        assert_eq!(numbers(client.received), [7, 3, payload, plain, 0, 1]);
        assert_eq!(client.sent.messages(), 10);
        assert_eq!((server.connections, server.handshakes.accepted), (0, 1));
        assert_eq!((client.connections, client.handshakes.accepted), (0, 1));
        assert_eq!((server.closes.by_peer, server.closes.by_us), (1, 0));
        assert_eq!((client.closes.by_peer, client.closes.by_us), (0, 1));
        assert_eq!(client.closes.with_code(CloseCode::NORMAL), 1);
        assert_eq!((client.closes.total(), server.closes.total()), (1, 1));
    });
}

#[test]
fn compressed_messages_count_what_they_are_and_what_they_take() {
    paused(async {
        let server = Server::builder().deflate(Deflate::server()).build();
        let client = Client::new();
        let (mut theirs, mut ours) = pair_of(&client, &server, URL).await.unwrap();
        let text = "a lot of the same ".repeat(10_000);
        let serving = tokio::spawn(async move {
            while let Some(message) = ours.recv().await? {
                ours.send(message).await?;
            }
            Ok::<_, Error>(())
        });
        // The long ones are compressed on another thread.
        for text in [&text[..2000], &text] {
            theirs.send(text).await.unwrap();
            assert_eq!(theirs.recv().await.unwrap().unwrap().as_text(), Some(text));
        }
        theirs.close(CloseCode::NORMAL).await.unwrap();
        serving.await.unwrap().unwrap();
        let (server, client) = (server.stats(), client.stats());
        let payload = (text.len() + 2000) as u64;
        for traffic in [server.sent, server.received, client.sent, client.received] {
            assert_eq!((traffic.text_messages, traffic.payload_bytes), (2, payload));
            assert!((100..5000).contains(&traffic.wire_bytes), "{traffic:?}");
        }
        assert_eq!(numbers(server.sent), numbers(client.received));
        assert_eq!(numbers(client.sent), numbers(server.received));
    });
}

#[test]
fn a_fragmented_message_counts_once_with_all_its_bytes() {
    paused(async {
        let server = Server::builder().build();
        let (mut ws, mut peer) = open(&server).await;
        let piece = |payload, fin| Fragment { kind: MessageKind::Binary, payload, fin };
        for (payload, fin) in [(&b"one"[..], false), (b"two", false), (b"three", true)] {
            ws.send_fragment(piece(payload, fin)).await.unwrap();
            peer.frame().await;
        }
        assert_eq!(numbers(server.stats().sent)[..4], [0, 1, 11, 3 * 2 + 11]);
        // Received whole, and in chunks.
        let mut frames = peer.encode(TEXT, "one two");
        frames[0] &= 0x7f;
        let mut rest = peer.encode(0, " three");
        frames.append(&mut rest);
        let len = frames.len() as u64;
        peer.write(&frames).await;
        ws.recv().await.unwrap().unwrap();
        peer.write(&frames).await;
        while !ws.next_chunk().await.unwrap().unwrap().last {}
        drop(ws);
        assert_eq!(numbers(server.stats().received)[..4], [2, 0, 26, 2 * len]);
    });
}

#[test]
fn an_open_connection_is_counted_when_it_waits() {
    paused(async {
        let server = Server::builder().build();
        let (mut ws, mut peer) = open(&server).await;
        assert_eq!((server.stats().connections, server.stats().handshakes.accepted), (1, 1));
        let serving = tokio::spawn(async move {
            while let Some(message) = ws.recv().await? {
                ws.send(message).await?;
            }
            Ok::<_, Error>(())
        });
        peer.send(BINARY, [0; 10]).await;
        peer.frame().await;
        let stats = server.stats();
        assert_eq!(numbers(stats.received), [0, 1, 10, 16, 0, 0]);
        assert_eq!(numbers(stats.sent), [0, 1, 10, 12, 0, 0]);
        serving.abort();
    });
}

#[test]
fn what_came_before_a_connection_was_dropped_is_counted() {
    paused(async {
        let server = Server::builder().build();
        let (mut ws, mut peer) = open(&server).await;
        let two = [peer.encode(TEXT, "read"), peer.encode(TEXT, "not read")].concat();
        peer.write(&two).await;
        ws.recv().await.unwrap().unwrap();
        ws.send("last words").await.unwrap();
        drop(ws);
        peer.expect(TEXT, "last words").await;
        peer.expect_end().await;
        drop(peer);
        settle().await;
        let stats = server.stats();
        assert_eq!(numbers(stats.received), [1, 0, 4, two.len() as u64, 0, 0]);
        assert_eq!(numbers(stats.sent), [1, 0, 10, 12, 0, 0]);
        assert_eq!((stats.connections, stats.closes.terminated), (0, 1));
        assert_eq!(stats.closes.with_code(CloseCode::ABNORMAL), 1);
    });
}

#[test]
fn what_was_queued_when_a_connection_was_cut_is_counted_but_not_as_bytes_on_the_wire() {
    paused(async {
        let server = Server::builder().build();
        let (mut ws, _peer) = open(&server).await;
        ws.send("never to leave").await.unwrap();
        ws.handle().terminate();
        assert_eq!(numbers(server.stats().sent), [1, 0, 14, 0, 0, 0]);
    });
}

#[test]
fn frames_that_come_with_the_request_are_counted() {
    paused(async {
        let (ours, theirs) = tokio::io::duplex(PIPE_LEN);
        let server = Server::builder().build();
        let mut peer = Peer::client(theirs);
        let frame = peer.encode(TEXT, "early");
        peer.write([REQUEST.as_bytes(), &frame].concat()).await;
        let mut ws = server.accept(ours).await.unwrap();
        ws.recv().await.unwrap().unwrap();
        drop(ws);
        let len = frame.len() as u64;
        assert_eq!(numbers(server.stats().received), [1, 0, 5, len, 0, 0]);
    });
}

#[test]
fn heartbeats_and_answers_to_them_are_counted() {
    paused(async {
        let server = Server::builder().build();
        let (mut ws, mut peer) = open(&server).await;
        let serving = tokio::spawn(async move { drain(&mut ws).await });
        let ping = peer.frame().await;
        assert_eq!(ping.opcode, PING);
        peer.send(PONG, ping.payload).await;
        peer.send(PING, "").await;
        peer.expect(PONG, "").await;
        let stats = server.stats();
        assert_eq!((stats.sent.pings, stats.sent.pongs), (1, 1));
        assert_eq!((stats.received.pings, stats.received.pongs), (1, 1));
        assert_eq!((stats.sent.messages(), stats.sent.payload_bytes), (0, 0));
        serving.abort();
    });
}

/// How a server counts a connection that `act` ends.
async fn ended<F: Future<Output = ()>>(
    config: ConnectionConfig,
    act: impl FnOnce(WebSocket, Peer<DuplexStream>) -> F,
) -> Stats {
    let server = Server::builder().config(config).build();
    let (ws, peer) = open(&server).await;
    act(ws, peer).await;
    let stats = server.stats();
    assert_eq!((stats.connections, stats.closes.total()), (0, 1), "{stats:?}");
    stats
}

#[test]
fn clean_ends_are_counted_by_side_and_code() {
    paused(async {
        let by_peer = ended(ConnectionConfig::server(), async |mut ws, mut peer| {
            peer.send_close(4321, "private").await;
            drain(&mut ws).await.unwrap();
        });
        let stats = by_peer.await;
        assert_eq!(stats.closes.by_peer, 1);
        assert_eq!(stats.closes.with_code(CloseCode::new(4000)), 1, "all of them count as one");
        assert_eq!(stats.closes.with_code(CloseCode::new(3000)), 0);
        let by_us = ended(ConnectionConfig::server(), async |mut ws, mut peer| {
            let closing = tokio::spawn(async move { ws.close(CloseCode::GOING_AWAY).await });
            peer.expect_close(1001).await;
            // The peer need not send the same code.
            peer.send_close(1000, "").await;
            closing.await.unwrap().unwrap();
        });
        let stats = by_us.await;
        assert_eq!(stats.closes.by_us, 1);
        assert_eq!(stats.closes.with_code(CloseCode::GOING_AWAY), 1);
        assert_eq!(stats.closes.with_code(CloseCode::NORMAL), 0);
    });
}

#[test]
fn other_ends_are_counted_by_their_cause() {
    paused(async {
        let stats = ended(ConnectionConfig::server(), async |mut ws, mut peer| {
            peer.write([0xff, 0xff]).await;
            drop(peer.io);
            drain(&mut ws).await.unwrap_err();
        });
        let stats = stats.await;
        assert_eq!(stats.closes.protocol_error, 1);
        assert_eq!(stats.closes.with_code(CloseCode::PROTOCOL_ERROR), 1);

        let stats = ended(ConnectionConfig::server(), async |mut ws, peer| {
            drop(peer);
            drain(&mut ws).await.unwrap_err();
        });
        let stats = stats.await;
        assert_eq!(stats.closes.disconnected, 1);
        assert_eq!(stats.closes.with_code(CloseCode::ABNORMAL), 1);

        let stats = ended(ConnectionConfig::server(), async |ws, _peer| ws.handle().terminate());
        assert_eq!(stats.await.closes.terminated, 1);
    });
}

#[test]
fn time_outs_are_counted_by_what_was_waited_for() {
    paused(async {
        let stats = ended(ConnectionConfig::server(), async |mut ws, _peer| {
            drain(&mut ws).await.unwrap_err();
        });
        assert_eq!(stats.await.closes.heartbeat, 1);

        let mut config = ConnectionConfig::server();
        config.heartbeat = None;
        let mut impatient = config.clone();
        impatient.idle_timeout = Some(SECOND);
        let stats = ended(impatient, async |mut ws, _peer| {
            drain(&mut ws).await.unwrap_err();
        });
        assert_eq!(stats.await.closes.idle, 1);

        let stats = ended(config.clone(), async |mut ws, _peer| {
            ws.send(vec![0; 2 * PIPE_LEN]).await.unwrap();
            drain(&mut ws).await.unwrap_err();
        });
        assert_eq!(stats.await.closes.write_stall, 1);

        let stats = ended(config, async |mut ws, _peer| {
            ws.close(CloseCode::NORMAL).await.unwrap_err();
        });
        let stats = stats.await;
        assert_eq!((stats.closes.close_timeout, stats.closes.by_us), (1, 0));
    });
}

#[test]
fn a_transport_that_fails_is_counted_as_such() {
    paused(async {
        let server = Server::builder().build();
        let (ours, mut theirs) = tokio::io::duplex(PIPE_LEN);
        theirs.write_all(REQUEST.as_bytes()).await.unwrap();
        let mut ws = server.accept(ours).await.unwrap();
        drop(theirs);
        // Writing to a pipe that nobody reads fails.
        ws.send("hello?").await.unwrap();
        ws.flush().await.unwrap_err();
        drop(ws);
        assert_eq!(server.stats().closes.io, 1, "{:?}", server.stats());
    });
}

#[test]
fn a_servers_handshakes_are_counted_by_what_they_come_to() {
    paused(async {
        let builder = Server::builder().path("/chat").handshake_timeout(SECOND);
        let server = builder.build();
        let ask = async |request: &str| {
            let (ours, theirs) = tokio::io::duplex(PIPE_LEN);
            let mut peer = Peer::client(theirs);
            peer.write(request).await;
            let accepted = server.accept(ours).await;
            drop(peer);
            accepted.unwrap_err()
        };
        ask("GET /nowhere HTTP/1.1\r\nHost: example.com\r\n\r\n").await;
        ask(&REQUEST.replace("Version: 13", "Version: 12")).await;
        ask(&REQUEST.replace("Version: 13", "Version: 14")).await;
        ask("this is not HTTP\r\n\r\n").await;
        ask("GET /chat HT").await;
        // Another HTTP server asks.
        server.upgrade(&Request::new(())).unwrap_err();
        let mut request = accepted_request();
        *request.uri_mut() = "/chat".parse().unwrap();
        // … and gives up what it has let in.
        drop(server.upgrade(&request).unwrap());
        let handshakes = server.stats().handshakes;
        assert_eq!(handshakes.refused_with(StatusCode::NOT_FOUND), 2);
        assert_eq!(handshakes.refused_with(StatusCode::UPGRADE_REQUIRED), 2);
        assert_eq!(handshakes.refused_with(StatusCode::FORBIDDEN), 0);
        assert_eq!((handshakes.refused, handshakes.accepted), (4, 0));
        assert_eq!((handshakes.failed, handshakes.timed_out), (2, 1));
    });
}

#[test]
fn a_clients_handshakes_are_counted_by_what_they_come_to() {
    paused(async {
        let client = Client::new().handshake_timeout(SECOND);
        let ask = async |answer: Option<&str>| {
            let (ours, theirs) = tokio::io::duplex(PIPE_LEN);
            let mut peer = Peer::server(theirs);
            let answering = async {
                let request = peer.head().await;
                match answer {
                    Some("") => peer.write(switching_protocols(&request, "")).await,
                    Some(answer) => peer.write(answer).await,
                    None => {}
                }
                sleep(2 * SECOND).await;
            };
            tokio::join!(client.connect_over(URL, ours), answering).0
        };
        ask(Some("HTTP/1.1 403 Forbidden\r\nContent-Length: 0\r\n\r\n")).await.unwrap_err();
        ask(Some("HTTP/1.1 302 Found\r\nContent-Length: 0\r\n\r\n")).await.unwrap_err();
        ask(Some("nonsense\r\n\r\n")).await.unwrap_err();
        ask(None).await.unwrap_err();
        drop(ask(Some("")).await.unwrap());
        client.connect("no url").await.unwrap_err();
        // A clone counts with it.
        let stats = client.clone().stats();
        assert_eq!(stats.handshakes.refused_with(StatusCode::FORBIDDEN), 1);
        assert_eq!(stats.handshakes.refused_with(StatusCode::FOUND), 1);
        assert_eq!((stats.handshakes.accepted, stats.handshakes.refused), (1, 2));
        assert_eq!((stats.handshakes.failed, stats.handshakes.timed_out), (1, 1));
        assert_eq!(stats.closes.terminated, 1);
        assert_eq!(Client::new().stats(), Stats::default(), "another client");
    });
}

#[test]
fn a_publication_counts_for_each_who_gets_it_and_each_who_does_not() {
    paused(async {
        let mut config = ConnectionConfig::server();
        config.max_queue_len = 10_000;
        let server = Server::builder().config(config).build();
        let mut connections = Vec::new();
        for _ in 0..3 {
            connections.push(open(&server).await);
        }
        assert_eq!(server.broadcast("three letters").send_now().queued, 3);
        for (ws, peer) in &mut connections {
            ws.flush().await.unwrap();
            peer.expect(TEXT, "three letters").await;
        }
        assert_eq!(numbers(server.stats().sent)[..4], [3, 0, 3 * 13, 3 * 15]);
        let long = Message::from(vec![0; 100_000]);
        let publish = |slow| server.broadcast(long.clone()).slow_consumers(slow).send_now();
        publish(SlowConsumerPolicy::DropNewest);
        assert_eq!(publish(SlowConsumerPolicy::DropNewest).dropped, 3);
        assert_eq!(publish(SlowConsumerPolicy::Close(CloseCode::TRY_AGAIN_LATER)).closed, 3);
        let stats = server.stats();
        assert_eq!((stats.dropped, stats.slow_closes), (3, 3));
    });
}

#[test]
fn publications_that_wait_for_a_peer_that_goes_count_as_dropped() {
    paused(async {
        let server = Server::builder().build();
        let (ws, peer) = open(&server).await;
        for _ in 0..4 {
            let news = Message::from(vec![0; 100_000]);
            server.broadcast(news).send_now();
        }
        drop(ws);
        settle().await;
        assert_eq!(server.stats().dropped, 0, "they have some time");
        drop(peer);
        settle().await;
        let stats = server.stats();
        assert_eq!((stats.dropped, stats.sent.binary_messages), (3, 1));
    });
}

#[test]
fn nothing_is_lost_between_threads() {
    const CONNECTIONS: u64 = 20;
    const MESSAGES: u64 = 500;
    threaded(async {
        let mut config = ConnectionConfig::server();
        config.heartbeat = Some(Heartbeat::new(SECOND * 100, SECOND));
        let builder = Server::builder().config(config);
        let server = builder.bind("127.0.0.1:0").await.unwrap();
        let (addr, stats) = (server.local_addr().unwrap(), server.server());
        let serving = tokio::spawn(server.serve(|mut ws, _| async move {
            let handle = ws.handle();
            while let Some(message) = ws.recv().await? {
                let handle = handle.clone();
                tokio::spawn(async move { handle.send(message).await }).await??;
            }
            Ok(())
        }));
        let client = Client::new().deflate(None);
        let mut clients = JoinSet::new();
        for _ in 0..CONNECTIONS {
            let client = client.clone();
            clients.spawn(async move {
                let mut ws = client.connect(&format!("ws://{addr}/")).await.unwrap();
                for _ in 0..MESSAGES {
                    ws.send("ten bytes!").await.unwrap();
                }
                for _ in 0..MESSAGES {
                    ws.recv().await.unwrap().unwrap();
                }
                ws.close(CloseCode::NORMAL).await.unwrap();
            });
        }
        clients.join_all().await;
        while stats.connections() > 0 {
            sleep(Duration::from_millis(1)).await;
        }
        let (server, client) = (stats.stats(), client.stats());
        let messages = CONNECTIONS * MESSAGES;
        let wire = |header_len: u64| messages * (10 + header_len) + CONNECTIONS * (2 + header_len);
        for masked in [server.received, client.sent] {
            assert_eq!(numbers(masked), [messages, 0, 10 * messages, wire(6), 0, 0]);
        }
        for plain in [server.sent, client.received] {
            assert_eq!(numbers(plain), [messages, 0, 10 * messages, wire(2), 0, 0]);
        }
        assert_eq!((server.closes.by_peer, client.closes.by_us), (CONNECTIONS, CONNECTIONS));
        serving.abort();
    });
}

#[test]
fn a_handler_that_fails_ends_its_connection_with_1011() {
    paused(async {
        let client = Client::new();
        let (addr, serving) =
            run_handler(Server::builder(), |_, _| async { Err("no".into()) }).await;
        let mut ws = client.connect(&format!("ws://{addr}/")).await.unwrap();
        drain(&mut ws).await.unwrap();
        let closes = client.stats().closes;
        assert_eq!((closes.by_peer, closes.with_code(CloseCode::INTERNAL_ERROR)), (1, 1));
        serving.abort();
    });
}
