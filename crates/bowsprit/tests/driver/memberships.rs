//! The topics of a connection, and what the hook for disconnecting still knows of it.

use std::{
    mem,
    sync::{Arc, Mutex},
};

use bowsprit::{Handle, Server, Topics, WebSocket};
use tokio::{io::DuplexStream, task::yield_now};

use super::{
    peer::{Peer, TEXT},
    support::{PIPE_LEN, client, paused, server_over},
};

/// The topics of a connection, sorted.
fn topics_of(topics: &Topics, member: &Handle) -> Vec<String> {
    let mut names: Vec<_> = topics.of(member).map(|name| name.to_string()).collect();
    names.sort();
    names
}

#[test]
fn a_connection_knows_its_topics_of_each_set() {
    paused(async {
        let (rooms, others) = (Topics::new(), Topics::new());
        let (ws, _peer) = server_over(Server::builder(), PIPE_LEN).await;
        let handle = ws.handle();
        assert_eq!(rooms.of(&handle).count(), 0);
        for room in ["lobby", "rust", "sailing"] {
            rooms.join(room, &handle);
        }
        others.join("lobby", &handle);
        rooms.clone().leave("rust", &handle);
        assert_eq!(topics_of(&rooms, &handle), ["lobby", "sailing"]);
        assert_eq!(topics_of(&others, &handle), ["lobby"]);
    });
}

#[test]
fn those_of_a_client_go_when_it_ends() {
    paused(async {
        let topics = Topics::new();
        let (ws, _peer) = client().await;
        let handle = ws.handle();
        topics.join("news", &handle);
        assert_eq!(topics_of(&topics, &handle), ["news"]);
        ws.terminate();
        assert_eq!((topics.of(&handle).count(), topics.names().count()), (0, 0));
    });
}

/// What the application knows of a connection, with a handle of its own.
struct User(&'static str, #[expect(dead_code, reason = "must not keep it alive")] Handle);

/// A server that tells the others who has left which room, and notes it.
fn telling(rooms: &Topics, told: &Arc<Mutex<Vec<String>>>) -> Server {
    let (rooms, told) = (rooms.clone(), Arc::clone(told));
    let builder = Server::builder().on_disconnect(move |client| {
        let user = client.data::<User>().expect("the data outlive the hook");
        for room in topics_of(&rooms, client) {
            assert!(rooms.members(&room).all(|member| member != *client), "it is a member");
            assert!(!rooms.leave(&room, client), "it has left before");
            let news = format!("{} has left {room}", user.0);
            rooms.publish(&room, &*news).send_now();
            told.lock().unwrap().push(news);
        }
    });
    builder.build()
}

async fn open(server: &Server) -> (WebSocket, Peer<DuplexStream>) {
    let (ours, theirs) = tokio::io::duplex(PIPE_LEN);
    let (ws, peer) = tokio::join!(server.accept(ours), Peer::connect(theirs));
    (ws.unwrap(), peer)
}

/// Ends a connection in one of several ways.
async fn end(way: &str, mut ws: WebSocket, mut peer: Peer<DuplexStream>) {
    match way {
        "terminates" => ws.terminate(),
        "is dropped" => drop(ws),
        "vanishes" => {
            drop(peer);
            assert!(ws.recv().await.is_err());
        }
        "closes" => {
            peer.send_close(1000, "").await;
            assert!(ws.recv().await.unwrap().is_none());
            drop(ws);
        }
        "delivers" => {
            ws.send("last words").await.unwrap();
            drop(ws);
            peer.expect(TEXT, "last words").await;
            // It is over for the application now; the transport ends with the peer.
            peer.expect_end().await;
        }
        _ => unreachable!(),
    }
}

#[test]
fn the_hook_for_disconnecting_knows_topics_and_data_however_a_connection_ends() {
    paused(async {
        let (rooms, told) = (Topics::new(), Arc::default());
        let server = telling(&rooms, &told);
        let (other, mut other_peer) = open(&server).await;
        other.handle().set_data(User("another", other.handle()));
        rooms.join("lobby", &other.handle());
        for way in ["terminates", "is dropped", "vanishes", "closes", "delivers"] {
            let (ws, peer) = open(&server).await;
            let handle = ws.handle();
            handle.set_data(User(way, handle.clone()));
            let user = Arc::downgrade(&handle.data::<User>().unwrap());
            rooms.join("lobby", &handle);
            rooms.join("cabin", &handle);
            end(way, ws, peer).await;
            while server.connections() > 1 {
                yield_now().await;
            }
            let expected = ["cabin", "lobby"].map(|room| format!("{way} has left {room}"));
            assert_eq!(mem::take(&mut *told.lock().unwrap()), expected);
            other_peer.expect(TEXT, &expected[1]).await;
            assert_eq!(rooms.of(&handle).count(), 0, "{way}: all is told");
            assert!(rooms.names().eq(["lobby".into()]), "{way}");
            drop(handle);
            assert!(user.upgrade().is_none(), "{way}: the data keep themselves alive");
        }
    });
}

#[test]
fn data_of_a_client_go_when_it_is_dropped_after_the_end() {
    paused(async {
        let (mut ws, mut peer) = client().await;
        ws.handle().set_data(User("a client", ws.handle()));
        let user = Arc::downgrade(&ws.handle().data::<User>().unwrap());
        peer.send_close(1000, "").await;
        assert!(ws.recv().await.unwrap().is_none());
        // The server has not ended its side yet.
        drop(ws);
        assert!(user.upgrade().is_none());
        drop(peer);
    });
}
