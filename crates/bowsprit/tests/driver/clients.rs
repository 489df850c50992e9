//! The open connections of a server: who is there, who comes, who goes.

use std::{
    collections::HashSet,
    sync::{
        Arc, Mutex,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use bowsprit::{Handle, Server, State, server::Route};
use tokio::{net::TcpStream, task::yield_now, time::Instant};

use super::{
    peer::{Peer, REQUEST, TEXT},
    support::{PIPE_LEN, dial, paused, real, server, threaded},
};

async fn until(reached: impl Fn() -> bool) {
    while !reached() {
        yield_now().await;
    }
}

#[test]
fn a_connection_is_among_the_clients_until_it_ends_however_it_ends() {
    real(async {
        let bound = Server::builder().bind("127.0.0.1:0").await.unwrap();
        let (server, addr) = (bound.server(), bound.local_addr().unwrap());
        let serving = bound.serve(|mut ws, _| async move {
            let told = ws.recv().await?;
            match told.as_ref().and_then(|told| told.as_text()) {
                Some("return") | None => return Ok(()),
                Some("panic") => panic!("as told"),
                Some("drop") => drop(ws.split()),
                Some("terminate") => ws.terminate(),
                _ => return Err("as told".into()),
            }
            std::future::pending().await
        });
        let serving = tokio::spawn(serving);
        for end in ["return", "panic", "drop", "terminate", "fail", "close", "vanish", "break"] {
            let mut peer = dial(addr).await;
            until(|| server.clients().count() == 1).await;
            assert_eq!(server.connections(), 1);
            match end {
                "close" => peer.send_close(1000, "").await,
                "break" => peer.write([0xff, 0xff, 0xff]).await,
                "vanish" => {}
                told => peer.send(TEXT, told).await,
            }
            if end != "vanish" {
                peer.try_frame().await;
            }
            drop(peer);
            until(|| server.connections() == 0).await;
            assert_eq!(server.clients().count(), 0, "{end}");
        }
        serving.abort();
    });
}

#[test]
fn a_runtime_that_ends_leaves_nobody_behind() {
    let server = Server::builder().build();
    let of_runtime = server.clone();
    real(async move {
        let (ours, theirs) = tokio::io::duplex(PIPE_LEN);
        let (ws, _peer) = tokio::join!(of_runtime.accept(ours), Peer::connect(theirs));
        let mut ws = ws.unwrap();
        tokio::spawn(async move { ws.recv().await });
        yield_now().await;
        assert_eq!(of_runtime.connections(), 1);
    });
    assert_eq!((server.connections(), server.clients().count()), (0, 0));
}

#[test]
fn joining_and_leaving_are_seen_in_this_order_with_the_users_data() {
    paused(async {
        let seen = Arc::new(Mutex::new(Vec::new()));
        let (joins, leaves) = (Arc::clone(&seen), Arc::clone(&seen));
        let server = Server::builder()
            .on_connect(move |client| {
                client.set_data(String::from("alice"));
                client.try_send("welcome").unwrap();
                joins.lock().unwrap().push(("joined", client.id()));
            })
            .on_disconnect(move |client| {
                assert_eq!(client.state(), State::Closed);
                assert_eq!(*client.data::<String>().unwrap(), "alice");
                leaves.lock().unwrap().push(("left", client.id()));
            })
            .build();
        let (ours, theirs) = tokio::io::duplex(PIPE_LEN);
        let (ws, mut peer) = tokio::join!(server.accept(ours), Peer::connect(theirs));
        let ws = ws.unwrap();
        peer.expect(TEXT, "welcome").await;
        let id = ws.handle().id();
        assert_eq!(*seen.lock().unwrap(), [("joined", id)]);
        ws.terminate();
        assert_eq!(*seen.lock().unwrap(), [("joined", id), ("left", id)]);
    });
}

#[test]
fn a_connection_that_ends_in_the_hook_that_sees_it_join_leaves_after_it() {
    paused(async {
        let seen = Arc::new(Mutex::new(Vec::new()));
        let (joins, leaves) = (Arc::clone(&seen), Arc::clone(&seen));
        let server = Server::builder()
            .on_connect(move |client| {
                client.terminate();
                joins.lock().unwrap().push("joined");
            })
            .on_disconnect(move |_| leaves.lock().unwrap().push("left"))
            .build();
        let (ours, theirs) = tokio::io::duplex(PIPE_LEN);
        let _both = tokio::join!(server.accept(ours), Peer::connect(theirs));
        assert_eq!(*seen.lock().unwrap(), ["joined", "left"]);
        assert_eq!((server.connections(), server.clients().count()), (0, 0));
    });
}

#[test]
fn a_hook_may_use_all_clients_and_a_panic_in_it_harms_nobody() {
    paused(async {
        let known: Arc<Mutex<Option<Server>>> = Arc::default();
        let (of_join, of_leave) = (Arc::clone(&known), Arc::clone(&known));
        let tell = |server: &Mutex<Option<Server>>, text: &str| {
            let server = server.lock().unwrap().clone();
            for other in server.iter().flat_map(Server::clients) {
                other.try_send(text).unwrap();
            }
        };
        let server = Server::builder()
            .on_connect(move |_| tell(&of_join, "somebody came"))
            .on_disconnect(move |_| {
                tell(&of_leave, "somebody left");
                panic!("on purpose");
            })
            .build();
        *known.lock().unwrap() = Some(server.clone());
        let (ours, theirs) = tokio::io::duplex(PIPE_LEN);
        let (_first, mut peer) = tokio::join!(server.accept(ours), Peer::connect(theirs));
        let (ours, theirs) = tokio::io::duplex(PIPE_LEN);
        let (second, _other) = tokio::join!(server.accept(ours), Peer::connect(theirs));
        peer.expect(TEXT, "somebody came").await;
        drop(second);
        peer.expect(TEXT, "somebody left").await;
        assert_eq!(server.connections(), 1);
        known.lock().unwrap().take();
    });
}

#[test]
fn clients_can_be_asked_for_by_path() {
    paused(async {
        let idle = |_: bowsprit::WebSocket, _| std::future::pending::<()>();
        let server = Server::builder().route("/rooms/{name}", Route::new(idle)).path("/chat");
        let server = server.path("/echo").build();
        let mut open = Vec::new();
        for path in ["/rooms/blue", "/rooms/red", "/chat"] {
            let request = REQUEST.replace("/chat", path);
            open.push(super::support::accept_request(&server, request).await);
        }
        let paths = |clients: bowsprit::server::Clients| -> HashSet<String> {
            clients.map(|client| client.path().to_owned()).collect()
        };
        let rooms = paths(server.clients_at("/rooms/{name}"));
        assert_eq!(rooms, ["/rooms/blue".into(), "/rooms/red".into()].into());
        assert_eq!(paths(server.clients_at("/chat")), ["/chat".into()].into());
        assert_eq!(server.clients_at("/echo").count(), 0);
        assert_eq!(server.clients_at("/nowhere").count(), 0);
        assert_eq!(paths(server.clients()).len(), 3);
    });
}

#[test]
fn handles_tell_connections_apart_and_when_they_began() {
    paused(async {
        let begun = Instant::now();
        let (one, _one) = server().await;
        tokio::time::advance(Duration::from_secs(5)).await;
        let (two, _two) = server().await;
        assert_eq!(one.handle(), one.handle());
        assert_ne!(one.handle(), two.handle());
        let since = |handle: Handle| Instant::from_std(handle.connected_at());
        assert_eq!(since(one.handle()) - begun, Duration::ZERO);
        assert_eq!(since(two.handle()) - begun, Duration::from_secs(5));
    });
}

#[test]
fn data_has_one_type_and_the_last_that_was_set() {
    paused(async {
        let (ws, _peer) = server().await;
        let handle = ws.handle();
        assert_eq!(handle.data::<u32>(), None);
        handle.set_data(1_u32);
        ws.handle().set_data(2_u32);
        assert_eq!(handle.data::<u32>().as_deref(), Some(&2));
        assert_eq!(handle.data::<String>(), None);
        drop(ws);
        assert_eq!(handle.data::<u32>(), None, "it lives as long as the connection");
        handle.set_data(3_u32);
        assert_eq!(handle.data::<u32>(), None, "too late");
    });
}

#[test]
fn many_come_and_go_while_others_look() {
    threaded(async {
        let joined = Arc::new(AtomicUsize::new(0));
        let left = Arc::clone(&joined);
        let counted = Arc::clone(&joined);
        let server = Server::builder()
            .on_connect(move |_| {
                joined.fetch_add(1, Ordering::SeqCst);
            })
            .on_disconnect(move |_| {
                left.fetch_sub(1, Ordering::SeqCst);
            })
            .bind("127.0.0.1:0")
            .await
            .unwrap();
        let (addr, clients) = (server.local_addr().unwrap(), server.server());
        let serving = tokio::spawn(server.serve(|mut ws, _| async move {
            while ws.recv().await?.is_some() {}
            Ok(())
        }));
        let mut tasks = tokio::task::JoinSet::new();
        for _ in 0..200 {
            tasks.spawn(async move {
                let io = TcpStream::connect(addr).await.unwrap();
                let mut peer = Peer::connect(io).await;
                peer.send_close(1000, "").await;
                peer.expect_close(1000).await;
            });
        }
        while tasks.try_join_next().is_some() || !tasks.is_empty() {
            assert!(clients.clients().count() <= 200);
            yield_now().await;
        }
        until(|| clients.connections() == 0).await;
        assert_eq!(counted.load(Ordering::SeqCst), 0);
        serving.abort();
    });
}
