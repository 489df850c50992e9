//! How a client gets to a server: names, addresses, sockets, and what the application does itself.

use std::{
    future::pending,
    io,
    net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddrV6},
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use bowsprit::{
    Client, ConnectError, Server,
    error::TimeoutKind,
    http::{HeaderMap, Request, StatusCode},
};
use hyper::upgrade::Upgraded;
use hyper_util::rt::TokioIo;
use tokio::{
    net::{TcpListener, TcpStream},
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
            let Err(ConnectError::Resolve { host, error }) = connected else {
                panic!("{connected:?}")
            };
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
            assert!(
                matches!(connected, Err(ConnectError::TimedOut(TimeoutKind::Connect))),
                "{connected:?}"
            );
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
        assert!(matches!(unreachable, Err(ConnectError::Io(_))), "{unreachable:?}");
    });
}

/// An address of this machine that means something on one of its interfaces only: the address, the
/// interface's name, and its number.
#[cfg(target_os = "linux")]
fn link_local() -> Option<(Ipv6Addr, String, u32)> {
    let addrs = std::fs::read_to_string("/proc/net/if_inet6").ok()?;
    addrs.lines().find_map(|line| {
        let fields: Vec<_> = line.split_whitespace().collect();
        let [addr, number, _, "20", _, name] = fields[..] else { return None };
        let addr = Ipv6Addr::from(u128::from_str_radix(addr, 16).ok()?);
        Some((addr, name.to_owned(), u32::from_str_radix(number, 16).ok()?))
    })
}

/// RFC 6874.
#[cfg(target_os = "linux")]
#[test]
fn a_zone_is_connected_through_and_not_told() {
    let Some((ip, name, number)) = link_local() else {
        return eprintln!("left out: this machine has no link-local address");
    };
    real(async move {
        let listener = TcpListener::bind(SocketAddrV6::new(ip, 0, 0, number)).await.unwrap();
        let port = listener.local_addr().unwrap().port();
        for zone in [name, number.to_string()] {
            let url = format!("ws://[{ip}%25{zone}]:{port}/");
            let (ws, head) = tokio::join!(bowsprit::connect(&url), async {
                let mut peer = Peer::server(listener.accept().await.unwrap().0);
                let head = peer.head().await;
                peer.write(switching_protocols(&head, "")).await;
                head
            });
            assert_eq!(ws.unwrap().url().unwrap().to_string(), url);
            assert!(head.contains(&format!("\r\nHost: [{ip}]:{port}\r\n")), "{head}");
        }
        let nowhere = bowsprit::connect(&format!("ws://[{ip}%25nowhere]:{port}/")).await;
        assert!(matches!(nowhere, Err(ConnectError::Resolve { .. })), "{nowhere:?}");
    });
}

#[test]
fn a_connector_is_told_the_zone() {
    paused(async {
        let client = Client::new().connector(|to| async move {
            assert_eq!((&*to.host, to.zone.as_deref(), to.port), ("fe80::1", Some("eth0"), 80));
            Err::<tokio::io::DuplexStream, _>(io::ErrorKind::HostUnreachable.into())
        });
        let error = client.connect("ws://[fe80::1%25eth0]/").await.unwrap_err();
        assert!(matches!(error, ConnectError::Io(_)), "{error:?}");
    });
}

/// A tunnel that hyper has opened through a proxy, to a server that turns everyone away at once:
/// `ahead` comes with the proxy's answer, `later` once there is a request.
async fn tunnel(ahead: &'static str, later: &'static str) -> TokioIo<Upgraded> {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let addr = listener.local_addr().unwrap();
    tokio::spawn(async move {
        let mut proxy = Peer::server(listener.accept().await.unwrap().0);
        proxy.head().await;
        proxy.write(format!("HTTP/1.1 200 OK\r\n\r\n{ahead}")).await;
        let head = proxy.head().await;
        assert!(head.starts_with("GET /chat HTTP/1.1\r\n"), "{head}");
        proxy.write(later).await;
        pending::<()>().await;
    });
    let io = TokioIo::new(TcpStream::connect(addr).await.unwrap());
    let (mut requests, connection) = hyper::client::conn::http1::handshake(io).await.unwrap();
    tokio::spawn(connection.with_upgrades());
    let request = Request::connect("chat.example:80").header("host", "chat.example:80");
    let response = requests.send_request(request.body(String::new()).unwrap()).await.unwrap();
    TokioIo::new(hyper::upgrade::on(response).await.unwrap())
}

#[test]
fn what_hyper_has_read_ahead_is_not_lost() {
    real(async {
        const ANSWER: &str = "HTTP/1.1 503 Service Unavailable\r\nContent-Length: 4\r\n\r\nbusy";
        for cut in [ANSWER.len(), ANSWER.len() - 4, 20, 1, 0] {
            let (ahead, later) = ANSWER.split_at(cut);
            let over = tunnel(ahead, later).await;
            let over = Client::new().connect_over("ws://chat.example/chat", over).await;
            let connector = move |_| async move { Ok(tunnel(ahead, later).await) };
            let by = Client::new().connector(connector).connect("ws://chat.example/chat").await;
            for connected in [over, by] {
                match connected {
                    Err(ConnectError::Rejected(response)) => {
                        assert_eq!(response.status(), StatusCode::SERVICE_UNAVAILABLE);
                        assert_eq!(response.body(), "busy");
                    }
                    other => panic!("{cut}: {other:?}"),
                }
            }
        }
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
        assert!(matches!(connected, Err(ConnectError::Io(_))), "{connected:?}");
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
        let client = Client::new().bearer_auth("stale").headers_fn(move |url| {
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
        let failing = Client::new().headers_fn(async |_| Err("no token today".into()));
        let error = failing.connect(&format!("ws://{addr}/")).await.unwrap_err();
        assert!(matches!(error, ConnectError::Callback(_)), "{error:?}");
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
                .serialize_connects(true);
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
