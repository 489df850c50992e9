//! Connections as streams of bytes, and connections in memory for tests.

use std::io;

use bowsprit::{
    Client, CloseCode, ConnectError, ConnectionConfig, Error, Message, Server,
    config::Limits,
    message::{Fragment, MessageKind},
    server::SubprotocolPolicy,
    testing,
};
use tokio::{
    io::{
        AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, DuplexStream, copy, copy_bidirectional,
        duplex,
    },
    time::{Instant, timeout},
};

use super::support::{SECOND, paused, threaded};

fn pattern(len: usize) -> Vec<u8> {
    (0..len).map(|i| (i * 31 + (i >> 8)).to_le_bytes()[0]).collect()
}

#[test]
fn bytes_go_through_in_order_whatever_the_messages() {
    paused(async {
        let (mut client, server) = testing::pair().await;
        let mut server = server.into_io();
        client.send("one, ").await.unwrap();
        client.send("").await.unwrap();
        client.send(&b"two, "[..]).await.unwrap();
        for (payload, fin) in [("th", false), ("", false), ("ree", true)] {
            let kind = MessageKind::Text;
            client
                .send_fragment(Fragment { kind, payload: payload.as_bytes(), fin })
                .await
                .unwrap();
        }
        client.send("\nfour").await.unwrap();
        let mut line = String::new();
        assert_eq!(server.read_line(&mut line).await.unwrap(), 16);
        assert_eq!(line, "one, two, three\n");
        let mut two = [0; 2];
        server.read_exact(&mut two).await.unwrap();
        assert_eq!(&two, b"fo");
        let (closed, rest) = tokio::join!(client.close(CloseCode::NORMAL), async {
            let mut rest = Vec::new();
            server.read_to_end(&mut rest).await.map(|_| rest)
        });
        closed.unwrap();
        assert_eq!(rest.unwrap(), b"ur");
        assert_eq!(server.read(&mut two).await.unwrap(), 0);
    });
}

#[test]
fn what_is_written_is_a_message_of_at_most_64_kib() {
    paused(async {
        let (client, mut server) = testing::pair().await;
        let mut client = client.into_io();
        assert_eq!(client.write(b"").await.unwrap(), 0);
        assert_eq!(client.write(b"abc").await.unwrap(), 3);
        assert_eq!(client.write(&pattern(100_000)).await.unwrap(), 65_536);
        assert_eq!(server.recv().await.unwrap(), Some(Message::binary(&b"abc"[..])));
        assert_eq!(server.recv().await.unwrap(), Some(Message::binary(pattern(65_536))));
    });
}

#[test]
fn text_is_never_cut_within_a_character() {
    paused(async {
        let (client, mut server) = testing::pair().await;
        let mut client = client.into_io().text();
        let text = "aé€😀".repeat(3);
        let receiving = tokio::spawn(async move {
            let mut all = String::new();
            while let Some(message) = server.recv().await? {
                all.push_str(message.as_text().expect("text"));
            }
            Ok::<_, Error>(all)
        });
        for byte in text.as_bytes() {
            client.write_all(&[*byte]).await.unwrap();
        }
        client.shutdown().await.unwrap();
        assert_eq!(receiving.await.unwrap().unwrap(), text);
    });
}

#[test]
fn what_is_no_text_is_not_written_as_text() {
    paused(async {
        let (client, _server) = testing::pair().await;
        let mut client = client.into_io().text();
        let error = client.write_all(b"ok \xff").await.unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::InvalidData);
        let (client, _server) = testing::pair().await;
        let mut client = client.into_io().text();
        client.write_all(&"€".as_bytes()[..2]).await.unwrap();
        let error = client.shutdown().await.unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::InvalidData);
    });
}

#[test]
fn shutting_down_closes_cleanly_and_reading_ends_with_the_peers_close() {
    paused(async {
        let (client, mut server) = testing::pair().await;
        let mut client = client.into_io();
        client.write_all(b"last").await.unwrap();
        client.shutdown().await.unwrap();
        let error = client.write(b"more").await.unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::BrokenPipe);
        assert_eq!(server.recv().await.unwrap(), Some(Message::binary(&b"last"[..])));
        let mut byte = [0];
        let (ended, read) = tokio::join!(server.recv(), client.read(&mut byte));
        assert_eq!((ended.unwrap(), read.unwrap()), (None, 0));
        assert_eq!(server.peer_close().unwrap().code, CloseCode::NORMAL);
    });
}

#[test]
fn other_ends_are_errors() {
    paused(async {
        let (client, server) = testing::pair().await;
        drop(server);
        let mut client = client.into_io();
        let error = client.read(&mut [0]).await.unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::UnexpectedEof);
        assert!(matches!(
            error.into_inner().unwrap().downcast_ref::<Error>(),
            Some(Error::Disconnected)
        ));
    });
}

#[test]
fn writing_waits_for_a_reader_that_does_not_read() {
    paused(async {
        let patient =
            Server::builder().config(ConnectionConfig::server().without_timeouts()).build();
        let (client, server) =
            testing::pair_of(&Client::new(), &patient, "ws://localhost/").await.unwrap();
        let (mut client, mut server) = (client.into_io(), server.into_io());
        let mut written = 0;
        while let Ok(len) = timeout(SECOND, server.write(&[0; 8192])).await {
            written += len.unwrap();
            assert!(written < 1 << 20, "nothing is bounded");
        }
        let mut drained = vec![0; written];
        client.read_exact(&mut drained).await.unwrap();
        timeout(SECOND, server.write(&[0; 8192])).await.expect("there is room again").unwrap();
    });
}

#[test]
fn copying_both_ways_moves_everything_and_closes() {
    threaded(async {
        let (client, server) = testing::pair().await;
        let (mut tcp, mut far) = duplex(1000);
        let bridge =
            tokio::spawn(async move { copy_bidirectional(&mut server.into_io(), &mut tcp).await });
        let echo = tokio::spawn(async move {
            let mut all = Vec::new();
            far.read_to_end(&mut all).await.unwrap();
            all
        });
        let sent = pattern(5_000_000);
        let mut client = client.into_io();
        copy(&mut &sent[..], &mut client).await.unwrap();
        client.shutdown().await.unwrap();
        assert_eq!(client.read(&mut [0]).await.unwrap(), 0);
        assert!(echo.await.unwrap() == sent);
        assert_eq!(bridge.await.unwrap().unwrap(), (5_000_000, 0));
    });
}

#[test]
fn a_pair_has_the_options_that_it_is_given() {
    paused(async {
        let server = Server::builder()
            .path("/chat")
            .limits(Limits::SERVER.max_message_len(3))
            .subprotocols(SubprotocolPolicy::First)
            .build();
        let client = Client::new().subprotocol("chat");
        let refused = testing::pair_of(&client, &server, "ws://localhost/").await.unwrap_err();
        let Error::Connect(ConnectError::Rejected(response)) = refused else {
            panic!("{refused:?}");
        };
        assert_eq!(response.status(), 404);
        let (mut near, mut far) =
            testing::pair_of(&client, &server, "ws://localhost/chat").await.unwrap();
        assert_eq!(far.subprotocol(), Some("chat"));
        near.send("long").await.unwrap();
        assert!(matches!(far.recv().await, Err(Error::Protocol(_))));
    });
}

#[test]
fn hours_of_a_pair_pass_in_no_time() {
    paused(async {
        let (mut client, mut server) = testing::pair().await;
        let reading = tokio::spawn(async move { client.recv().await });
        let begun = Instant::now();
        let hour = 3600 * SECOND;
        assert!(timeout(hour, server.recv()).await.is_err(), "heartbeats keep it open");
        assert!(begun.elapsed() >= hour);
        assert!(!reading.is_finished());
    });
}

#[test]
fn each_direction_can_end_alone_where_both_ends_agree() {
    threaded(async {
        let (client, server) = testing::pair().await;
        let (mut near, near_tcp) = duplex(1000);
        let (far_tcp, mut far) = duplex(1000);
        let bridge = |ws: bowsprit::WebSocket, mut tcp: DuplexStream| {
            tokio::spawn(async move {
                let mut stream = ws.into_io().half_close();
                let copied = copy_bidirectional(&mut stream, &mut tcp).await?;
                stream.close().await.map(|()| copied).map_err(io::Error::other)
            })
        };
        let bridges = [bridge(client, near_tcp), bridge(server, far_tcp)];
        let answering = tokio::spawn(async move {
            let mut question = Vec::new();
            far.read_to_end(&mut question).await.unwrap();
            far.write_all(&pattern(200_000)).await.unwrap();
            question
        });
        near.write_all(&pattern(100_000)).await.unwrap();
        near.shutdown().await.unwrap();
        let mut answer = Vec::new();
        near.read_to_end(&mut answer).await.unwrap();
        assert!(answer == pattern(200_000), "{} bytes", answer.len());
        assert!(answering.await.unwrap() == pattern(100_000));
        let [near, far] = bridges;
        assert_eq!(near.await.unwrap().unwrap(), (200_000, 100_000));
        assert_eq!(far.await.unwrap().unwrap(), (100_000, 200_000));
    });
}

#[test]
fn only_a_message_without_any_byte_ends_a_direction() {
    paused(async {
        let (mut client, server) = testing::pair().await;
        let mut server = server.into_io().half_close();
        for (payload, fin) in [(&b""[..], false), (b"one", false), (b"", true)] {
            client
                .send_fragment(Fragment { kind: MessageKind::Binary, payload, fin })
                .await
                .unwrap();
        }
        for fin in [false, true] {
            let payload = &[];
            client.send_fragment(Fragment { kind: MessageKind::Text, payload, fin }).await.unwrap();
        }
        let mut all = Vec::new();
        server.read_to_end(&mut all).await.unwrap();
        assert_eq!(all, b"one");
        server.write_all(b"two").await.unwrap();
        server.shutdown().await.unwrap();
        let error = server.write(b"more").await.unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::BrokenPipe);
        for expected in [&b"two"[..], b""] {
            assert_eq!(client.recv().await.unwrap(), Some(Message::binary(expected)));
        }
        assert_eq!(client.recv().await.unwrap(), None);
        assert_eq!(client.peer_close().unwrap().code, CloseCode::NORMAL);
    });
}

#[test]
fn a_peer_that_closes_ends_both_directions() {
    paused(async {
        let (mut client, server) = testing::pair().await;
        let mut server = server.into_io().half_close();
        client.send("all").await.unwrap();
        let (closed, all) = tokio::join!(client.close(CloseCode::NORMAL), async {
            let mut all = Vec::new();
            server.read_to_end(&mut all).await.map(|_| all)
        });
        closed.unwrap();
        assert_eq!(all.unwrap(), b"all");
        let error = server.write(b"late").await.unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::BrokenPipe);
        server.shutdown().await.unwrap();
    });
}
