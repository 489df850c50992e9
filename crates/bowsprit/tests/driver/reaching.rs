//! How a client gets to a server: names, addresses, sockets, and what the application does itself.

use std::{
    future::pending,
    io,
    net::{IpAddr, Ipv4Addr, Ipv6Addr},
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use bowsprit::{Client, Error, Server, Timer, http::HeaderMap};
use tokio::{
    net::TcpListener,
    time::{Instant, timeout},
};

use super::{
    peer::{Peer, switching_protocols},
    support::{PIPE_LEN, SECOND, paused, real, serve},
};

const LOCALHOST: IpAddr = IpAddr::V4(Ipv4Addr::LOCALHOST);

fn resolving(addrs: &'static [IpAddr]) -> Client {
    Client::new().resolver(move |_| async move { Ok(addrs.to_vec()) })
}

/// RFC: 4.1-7
#[test]
fn every_address_of_a_name_is_tried() {
    real(async {
        let (addr, _server) = serve(|_, _| async { Ok(()) }).await;
        let asked = Arc::new(AtomicUsize::new(0));
        let count = Arc::clone(&asked);
        let client = Client::new().resolver(move |host| {
            assert_eq!(host, "chat.example");
            count.fetch_add(1, Ordering::Relaxed);
            // Nobody listens at the first two.
            let addrs = [IpAddr::from([127, 0, 0, 9]), Ipv6Addr::LOCALHOST.into(), LOCALHOST];
            async move { Ok(addrs.to_vec()) }
        });
        let url = format!("ws://chat.example:{}/", addr.port());
        let ws = client.connect(&url).await.unwrap();
        assert_eq!(ws.peer_addr(), Some(addr));
        assert_eq!(asked.load(Ordering::Relaxed), 1);
        client.connect(&format!("ws://{addr}/")).await.unwrap();
        assert_eq!(asked.load(Ordering::Relaxed), 1, "an address is not looked up");
    });
}

#[test]
fn a_name_without_an_address_is_an_error_that_names_it() {
    real(async {
        let failing = Client::new().resolver(async |_| Err(io::ErrorKind::TimedOut.into()));
        for (client, kind) in
            [(resolving(&[]), io::ErrorKind::NotFound), (failing, io::ErrorKind::TimedOut)]
        {
            let connected = client.connect("ws://chat.example/").await;
            let Err(Error::Resolve { host, error }) = connected else { panic!("{connected:?}") };
            assert_eq!((&*host, error.kind()), ("chat.example", kind));
        }
    });
}

#[test]
fn a_server_that_is_not_reached_in_time_is_told_from_one_that_says_nothing() {
    paused(async {
        for seconds in [10, 3] {
            let mut client = Client::new().resolver(|_| pending());
            if seconds != 10 {
                client = client.connect_timeout(seconds * SECOND);
            }
            let begun = Instant::now();
            let connected = client.connect("ws://chat.example/").await;
            assert!(matches!(connected, Err(Error::TimedOut(Timer::Connect))), "{connected:?}");
            assert_eq!(begun.elapsed(), seconds * SECOND);
        }
    });
}

#[test]
fn the_local_address_can_be_chosen() {
    real(async {
        let (addr, _server) = serve(|mut ws, _| async move {
            let from = ws.peer_addr().unwrap().ip().to_string();
            ws.send(from).await?;
            Ok(())
        })
        .await;
        let client = resolving(&[IpAddr::V6(Ipv6Addr::LOCALHOST), LOCALHOST])
            .local_addr(IpAddr::from([127, 0, 0, 3]));
        let url = format!("ws://chat.example:{}/", addr.port());
        let mut ws = client.connect(&url).await.unwrap();
        assert_eq!(ws.recv().await.unwrap().unwrap().as_text(), Some("127.0.0.3"));
        let unreachable = client.connect(&format!("ws://[::1]:{}/", addr.port())).await;
        assert!(matches!(unreachable, Err(Error::Io(_))), "{unreachable:?}");
    });
}

#[test]
fn an_own_connector_is_told_where_to_go() {
    paused(async {
        let client = Client::new().connector(|to| async move {
            if to.host != "chat.example" {
                return Err(io::ErrorKind::HostUnreachable.into());
            }
            assert_eq!(to.port, 81);
            let (ours, theirs) = tokio::io::duplex(PIPE_LEN);
            tokio::spawn(async move {
                let mut ws = Server::builder().build().accept(theirs).await.unwrap();
                ws.send("hello").await.unwrap();
                ws.recv().await
            });
            Ok(ours)
        });
        let mut ws = client.connect("ws://chat.example:81/").await.unwrap();
        assert_eq!(ws.recv().await.unwrap().unwrap().as_text(), Some("hello"));
        let connected = client.connect("ws://other.example/").await;
        assert!(matches!(connected, Err(Error::Io(_))), "{connected:?}");
    });
}

#[test]
fn header_fields_can_be_made_fresh_for_each_attempt() {
    real(async {
        let (addr, _server) = serve(|mut ws, request| async move {
            let all = request.headers().get_all("authorization").iter();
            let all: Vec<_> = all.map(|value| value.to_str().unwrap().to_owned()).collect();
            ws.send(all.join("|")).await?;
            Ok(())
        })
        .await;
        let count = AtomicUsize::new(0);
        let client = Client::new().bearer_auth("stale").headers_with(move |url| {
            let token =
                format!("Bearer {}{}", url.resource_name(), count.fetch_add(1, Ordering::Relaxed));
            async move {
                let mut headers = HeaderMap::new();
                headers.insert("authorization", token.parse()?);
                Ok(headers)
            }
        });
        for expected in ["Bearer /a0", "Bearer /a1"] {
            let mut ws = client.connect(&format!("ws://user:secret@{addr}/a")).await.unwrap();
            assert_eq!(ws.recv().await.unwrap().unwrap().as_text(), Some(expected));
        }
        let failing = Client::new().headers_with(async |_| Err("no token today".into()));
        let error = failing.connect(&format!("ws://{addr}/")).await.unwrap_err();
        assert!(matches!(error, Error::Hook(_)), "{error:?}");
        assert!(error.to_string().contains("no token today"), "{error}");
    });
}

/// RFC: 4.1-4
#[test]
fn one_attempt_at_a_time_can_be_demanded_for_an_address() {
    real(async {
        let listener = TcpListener::bind("127.0.0.8:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let connect = |host: &'static str| {
            let client = Client::new()
                .resolver(async |_| Ok(vec![IpAddr::from([127, 0, 0, 8])]))
                .one_attempt_per_address(true);
            tokio::spawn(async move { client.connect(&format!("ws://{host}:{port}/")).await })
        };
        let (first, second) = (connect("a.example"), connect("b.example"));
        let mut peer = Peer::server(listener.accept().await.unwrap().0);
        let request = peer.head().await;
        let early = timeout(Duration::from_millis(100), listener.accept()).await;
        assert!(early.is_err(), "both are connecting");
        peer.write(switching_protocols(&request, "")).await;
        let mut peer = Peer::server(listener.accept().await.unwrap().0);
        let request = peer.head().await;
        peer.write(switching_protocols(&request, "")).await;
        first.await.unwrap().unwrap();
        second.await.unwrap().unwrap();
        // One that fails makes way as well.
        let third = connect("a.example");
        drop(listener.accept().await.unwrap());
        assert!(third.await.unwrap().is_err());
        let fourth = connect("a.example");
        listener.accept().await.unwrap();
        fourth.abort();
    });
}
