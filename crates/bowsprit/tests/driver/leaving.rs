//! What was sent before a connection was dropped is delivered.

use std::time::Duration;

use bowsprit::{
    Client, ConnectionConfig, Deflate, Error, Message, Server, Topics, WebSocket, config::Limits,
    topics::SlowConsumerPolicy,
};
use tokio::{
    io::AsyncReadExt,
    net::{TcpListener, TcpStream},
    runtime::Builder,
    time::{Instant, sleep, timeout},
};

use super::{
    peer::{BINARY, PING, PONG, Peer, TEXT},
    support::{SECOND, client, paused, real, server, server_over, watched},
};

const LEN: usize = 8 << 20;

/// A client's and a server's connection over TCP.
async fn over_tcp(client: Client, server: Server) -> (WebSocket, WebSocket) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("ws://{}/", listener.local_addr().unwrap());
    let accepting = async { server.accept(listener.accept().await.unwrap().0).await };
    let (client, server) = tokio::join!(client.connect(&url), accepting);
    (client.unwrap(), server.unwrap())
}

/// Bytes that do not repeat soon.
fn pattern() -> Vec<u8> {
    (0..LEN).map(|i| (i * 31 + (i >> 8)).to_le_bytes()[0]).collect()
}

#[test]
fn a_large_message_arrives_although_the_connection_is_dropped() {
    real(async {
        let mut config = ConnectionConfig::server();
        config.limits = Limits::CLIENT;
        let server = Server::builder().config(config).build();
        let (mut client, mut server) = over_tcp(Client::new(), server).await;
        client.send(pattern()).await.unwrap();
        // Unread, it would have the socket take back what it has sent.
        server.send("nobody reads this").await.unwrap();
        server.flush().await.unwrap();
        drop(client);
        let got = server.recv().await.unwrap().unwrap();
        assert!(got == Message::binary(pattern()));
        assert!(matches!(server.recv().await, Err(Error::Disconnected)));
    });
}

#[test]
fn it_arrives_from_halves_and_compressed_as_well() {
    real(async {
        let client = Client::new().deflate(Deflate::client());
        let server = Server::builder().deflate(Deflate::server()).build();
        let (mut client, server) = over_tcp(client, server).await;
        let (receive, mut send) = server.split();
        drop(receive);
        send.send(pattern()).await.unwrap();
        send.send("the end").await.unwrap();
        client.send("nobody reads this").await.unwrap();
        drop(send);
        assert!(client.recv().await.unwrap().unwrap() == Message::binary(pattern()));
        assert_eq!(client.recv().await.unwrap(), Some(Message::text("the end")));
        assert!(matches!(client.recv().await, Err(Error::Disconnected)));
    });
}

#[test]
fn publications_that_wait_arrive_too() {
    paused(async {
        let (mut ws, mut peer) = server_over(Server::builder(), 1000).await;
        let topics = Topics::new().slow_consumers(SlowConsumerPolicy::DropOldest);
        topics.join("news", &ws.handle());
        ws.send(vec![1; 100_000]).await.unwrap();
        topics.publish("news", "news").send_now();
        drop(ws);
        peer.expect(BINARY, vec![1; 100_000]).await;
        peer.expect(TEXT, "news").await;
        peer.expect_end().await;
    });
}

#[test]
fn until_all_is_written_pings_are_answered_and_handles_are_refused() {
    paused(async {
        let (mut ws, mut peer) = server_over(Server::builder(), 1000).await;
        let handle = ws.handle();
        ws.send(vec![1; 10_000]).await.unwrap();
        let waiting = handle.clone();
        let waiting = tokio::spawn(async move { waiting.closed().await });
        tokio::task::yield_now().await;
        drop(ws);
        assert!(matches!(handle.try_send("late"), Err(Error::Terminated)));
        assert!(matches!(waiting.await.unwrap(), Err(Error::Terminated)));
        peer.send(TEXT, "is dropped").await;
        peer.send(PING, "there?").await;
        peer.expect(BINARY, vec![1; 10_000]).await;
        peer.expect(PONG, "there?").await;
        peer.expect_end().await;
    });
}

#[test]
fn a_peer_that_takes_nothing_is_given_the_time_of_a_close() {
    paused(async {
        let mut config = ConnectionConfig::server();
        config.close_timeout = 3 * SECOND;
        let (mut ws, mut peer) = server_over(Server::builder().config(config), 256).await;
        ws.send(vec![1; 10_000]).await.unwrap();
        let begun = Instant::now();
        drop(ws);
        // Whatever trickles through does not extend it.
        let mut taken = 0;
        while let Ok(Ok(1)) = timeout(10 * SECOND, peer.io.read(&mut [0])).await {
            taken += 1;
            sleep(SECOND / 10).await;
            if begun.elapsed() > 5 * SECOND {
                break;
            }
        }
        let mut rest = Vec::new();
        peer.io.read_to_end(&mut rest).await.unwrap();
        assert!(taken + rest.len() < 400, "{taken} {}", rest.len());
    });
}

#[test]
fn terminate_leaves_nothing_to_be_written() {
    paused(async {
        let (mut ws, mut peer) = server_over(Server::builder(), 256).await;
        ws.send(vec![1; 10_000]).await.unwrap();
        tokio::task::yield_now().await;
        ws.terminate();
        let mut got = Vec::new();
        peer.io.read_to_end(&mut got).await.unwrap();
        assert_eq!(got.len(), 256);
    });
}

#[test]
fn a_connection_that_has_sent_nothing_is_cut_at_once() {
    paused(async {
        let ((ws, mut peer), begun) = (client().await, Instant::now());
        drop(ws);
        peer.expect_end().await;
        assert_eq!(begun.elapsed(), Duration::ZERO);
        let (mut ws, mut peer) = server().await;
        ws.send("and one that has sent lets its peer end").await.unwrap();
        let handle = ws.handle();
        drop(ws);
        peer.frame().await;
        peer.expect_end().await;
        assert!(handle.closed().await.is_err());
        drop(peer);
    });
}

#[test]
fn a_runtime_that_ends_leaves_the_rest() {
    watched(|| {
        let runtime = Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
        let (kept, mut peer) = runtime.block_on(async {
            let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
            let dialing = TcpStream::connect(listener.local_addr().unwrap());
            let (near, far) = tokio::join!(listener.accept(), dialing);
            let server = Server::builder().build();
            let (ws, peer) =
                tokio::join!(server.accept(near.unwrap().0), Peer::connect(far.unwrap()));
            (ws.unwrap(), peer.io.into_std().unwrap())
        });
        let (handle, mut ws) = (kept.handle(), kept);
        runtime.block_on(ws.send(pattern())).unwrap();
        runtime.spawn(async move { drop(ws) });
        runtime.shutdown_background();
        // Whoever reads before that lets it write everything in its last poll.
        let other = Builder::new_current_thread().build().unwrap();
        assert!(matches!(other.block_on(handle.closed()), Err(Error::Terminated)));
        peer.set_nonblocking(false).unwrap();
        let mut got = Vec::new();
        let _reset = std::io::Read::read_to_end(&mut peer, &mut got);
        assert!(got.len() < LEN, "there was nobody to write it");
        assert!(matches!(handle.try_send("late"), Err(Error::Terminated)));
    });
}
