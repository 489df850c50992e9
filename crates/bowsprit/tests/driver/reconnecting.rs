//! Connections that come back, on a paused clock.

use std::{
    io,
    sync::{Arc, Mutex},
    time::Duration,
};

use bowsprit::{
    Client, CloseCode, ConnectError, Error, Server, WebSocket,
    error::TimeoutKind,
    reconnect::{Backoff, OverflowPolicy, Reconnect, ReconnectEvent},
};
use tokio::{
    io::{AsyncWriteExt, DuplexStream},
    sync::mpsc::{UnboundedReceiver, unbounded_channel},
    time::{Instant, sleep, timeout},
};

use super::{
    peer::Peer,
    support::{PIPE_LEN, SECOND, URL, paused},
};

/// A client that reconnects, and the server's ends of the transports that it opens.
fn reconnecting() -> (Reconnect, UnboundedReceiver<DuplexStream>) {
    let (opened, transports) = unbounded_channel();
    let client = Client::new().connector(move |_| {
        let (ours, theirs) = tokio::io::duplex(PIPE_LEN);
        let sent = opened.send(theirs);
        async move { sent.map(|()| ours).map_err(|_| io::ErrorKind::ConnectionRefused.into()) }
    });
    (client.reconnect(URL).unwrap(), transports)
}

async fn accept(transports: &mut UnboundedReceiver<DuplexStream>) -> WebSocket {
    let io = transports.recv().await.unwrap();
    Server::builder().build().accept(io).await.unwrap()
}

async fn text(ws: &mut WebSocket) -> String {
    ws.recv().await.unwrap().unwrap().as_text().unwrap().to_owned()
}

/// Notes the events, as they are displayed; without the time to wait, which is random.
fn noting(reconnect: Reconnect) -> (Reconnect, Arc<Mutex<Vec<String>>>) {
    let events = Arc::new(Mutex::new(Vec::new()));
    let noted = Arc::clone(&events);
    let reconnect = reconnect.on_event(move |event| {
        let mut line = event.to_string();
        if let ReconnectEvent::Waiting(wait) = event {
            assert_eq!(line, format!("next attempt in {wait:.1?}"));
            line.truncate("next attempt".len());
        }
        noted.lock().unwrap().push(line);
    });
    (reconnect, events)
}

/// RFC: 7.2.3-1
#[test]
fn a_connection_that_breaks_is_followed_by_another_after_a_random_wait() {
    paused(async {
        let (reconnect, mut transports) = reconnecting();
        let (reconnect, events) = noting(reconnect);
        let mut connections = reconnect.connections();
        let begun = Instant::now();
        let (first, server) = tokio::join!(connections.next(), accept(&mut transports));
        assert_eq!(begun.elapsed(), Duration::ZERO, "the first attempt does not wait");
        let mut first = first.unwrap().unwrap();
        server.terminate();
        assert!(matches!(first.recv().await, Err(Error::Disconnected)));
        let (second, mut server) = tokio::join!(connections.next(), accept(&mut transports));
        assert!(begun.elapsed() <= 5 * SECOND);
        second.unwrap().unwrap().send("here again").await.unwrap();
        assert_eq!(text(&mut server).await, "here again");
        let lost = "connection lost: the peer went away without a close frame";
        let expected = ["connecting", "connected", lost, "next attempt", "connecting", "connected"];
        assert_eq!(*events.lock().unwrap(), expected);
    });
}

#[test]
fn what_cannot_heal_ends_with_its_error_and_then_nothing() {
    paused(async {
        let (reconnect, mut transports) = reconnecting();
        let (reconnect, events) = noting(reconnect);
        let mut connections = reconnect.connections();
        let (next, ()) = tokio::join!(connections.next(), async {
            let mut peer = Peer::server(transports.recv().await.unwrap());
            peer.head().await;
            let answer = b"HTTP/1.1 401 Unauthorized\r\nContent-Length: 0\r\n\r\n";
            peer.io.write_all(answer).await.unwrap();
        });
        assert!(matches!(next, Some(Err(Error::Connect(ConnectError::Rejected(_))))), "{next:?}");
        assert!(connections.next().await.is_none());
        let events = events.lock().unwrap();
        assert_eq!(events.last().unwrap(), "giving up");
        assert!(events[1].starts_with("connecting failed: "), "{events:?}");
    });
}

#[test]
fn the_close_code_tells_whether_to_come_back() {
    paused(async {
        for (code, again) in [(1000, false), (1008, false), (1001, true), (1012, true)] {
            let (reconnect, mut transports) = reconnecting();
            let mut connections = reconnect.connections();
            let (ws, mut server) = tokio::join!(connections.next(), accept(&mut transports));
            let mut ws = ws.unwrap().unwrap();
            let closing = server.close(CloseCode::from(code));
            let (received, closed) = tokio::join!(ws.recv(), closing);
            assert!(received.unwrap().is_none() && closed.is_ok());
            drop(ws);
            let next = timeout(100 * SECOND, async {
                tokio::select! {
                    next = connections.next() => next.map(|next| next.map(drop)),
                    _accepted = accept(&mut transports) => Some(Ok(())),
                }
            });
            match next.await.unwrap() {
                Some(Ok(())) => assert!(again, "{code}"),
                Some(Err(Error::Closed(close))) => {
                    assert_eq!((u16::from(close.code), code), (1008, 1008))
                }
                None => assert_eq!(code, 1000),
                other => panic!("{code}: {other:?}"),
            }
        }
    });
}

#[test]
fn only_a_stable_connection_forgives_earlier_failures() {
    for (open_for, gives_up) in [(29, true), (30, false)] {
        paused(async move {
            let (reconnect, mut transports) = reconnecting();
            let mut connections = reconnect.max_attempts(1).connections();
            for round in 0..4 {
                let (ws, server) = tokio::join!(connections.next(), async {
                    timeout(100 * SECOND, accept(&mut transports)).await.ok()
                });
                if gives_up && round == 2 {
                    assert!(matches!(ws, Some(Err(Error::Disconnected))), "{ws:?}");
                    return;
                }
                let mut ws = ws.unwrap().unwrap();
                sleep(open_for * SECOND).await;
                server.unwrap().terminate();
                assert!(ws.recv().await.is_err());
            }
            assert!(!gives_up);
        });
    }
}

#[test]
fn a_server_that_stays_away_is_given_up_when_told() {
    paused(async {
        let (reconnect, transports) = reconnecting();
        drop(transports);
        let mut backoff = Backoff::default();
        backoff.max = 10 * SECOND;
        let (reconnect, events) = noting(reconnect.backoff(backoff).max_attempts(5));
        let begun = Instant::now();
        let next = reconnect.connections().next().await;
        assert!(matches!(next, Some(Err(Error::Connect(ConnectError::Io(_))))), "{next:?}");
        assert!(begun.elapsed() <= 5 * 10 * SECOND);
        let attempts = events.lock().unwrap().iter().filter(|event| *event == "connecting").count();
        assert_eq!(attempts, 6);
    });
}

#[test]
fn the_caller_decides_what_is_worth_another_attempt() {
    paused(async {
        let (reconnect, transports) = reconnecting();
        drop(transports);
        let mut connections = reconnect.retry_if(|_| false).connections();
        assert!(matches!(connections.next().await, Some(Err(Error::Connect(ConnectError::Io(_))))));
        assert!(connections.next().await.is_none());
    });
}

#[test]
fn giving_up_the_future_of_the_next_connection_loses_nothing() {
    paused(async {
        let (reconnect, mut transports) = reconnecting();
        let mut connections = reconnect.connections();
        let early = timeout(SECOND, connections.next()).await;
        assert!(early.is_err());
        let (ws, _server) = tokio::join!(connections.next(), accept(&mut transports));
        ws.unwrap().unwrap();
        assert!(transports.try_recv().is_err(), "it was one attempt");
    });
}

#[test]
fn a_reconnecting_websocket_keeps_messages_while_away_and_subscribes_again() {
    paused(async {
        let (reconnect, mut transports) = reconnecting();
        let reconnect =
            reconnect.on_open(|handle| async move { Ok(handle.send("subscribe").await?) });
        let mut ws = reconnect.websocket();
        let handle = ws.handle();
        handle.try_send("early").unwrap();
        handle.try_send("later").unwrap();
        assert!(!handle.is_open());
        let receiving = tokio::spawn(async move {
            let mut received = Vec::new();
            while let Some(message) = ws.recv().await? {
                received.push(message.as_text().unwrap().to_owned());
            }
            Ok::<_, Error>(received)
        });
        let mut server = accept(&mut transports).await;
        for expected in ["subscribe", "early", "later"] {
            assert_eq!(text(&mut server).await, expected);
        }
        assert!(handle.is_open());
        handle.try_send("direct").unwrap();
        assert_eq!(text(&mut server).await, "direct");
        server.send("one").await.unwrap();
        server.flush().await.unwrap();
        server.terminate();
        sleep(Duration::from_millis(1)).await;
        handle.try_send("while away").unwrap();
        let mut server = accept(&mut transports).await;
        for expected in ["subscribe", "while away"] {
            assert_eq!(text(&mut server).await, expected);
        }
        server.send("two").await.unwrap();
        server.flush().await.unwrap();
        sleep(Duration::from_millis(1)).await;
        handle.start_close();
        assert!(server.recv().await.unwrap().is_none());
        assert_eq!(server.peer_close().unwrap().code, CloseCode::NORMAL);
        assert_eq!(receiving.await.unwrap().unwrap(), ["one", "two"]);
        assert!(matches!(handle.try_send("too late"), Err(Error::Send(_))));
    });
}

#[test]
fn a_reconnecting_websocket_ends_when_told_also_while_it_waits() {
    paused(async {
        let (reconnect, transports) = reconnecting();
        drop(transports);
        let mut ws = reconnect.websocket();
        let handle = ws.handle();
        let begun = Instant::now();
        let (received, ()) = tokio::join!(ws.recv(), async {
            sleep(SECOND / 100).await;
            handle.start_close();
        });
        assert!(received.unwrap().is_none());
        assert_eq!(begun.elapsed(), SECOND / 100);
        assert!(ws.recv().await.unwrap().is_none());
    });
}

#[test]
fn the_queue_of_a_reconnecting_websocket_is_bounded() {
    paused(async {
        for (policy, expected) in [
            (OverflowPolicy::Refuse, ["0", "1"]),
            (OverflowPolicy::DropOldest, ["1", "2"]),
            (OverflowPolicy::DropNewest, ["0", "1"]),
        ] {
            let (reconnect, mut transports) = reconnecting();
            let mut ws = reconnect.max_queue_len(2 * 65).overflow_policy(policy).websocket();
            let handle = ws.handle();
            for i in 0..3 {
                let refused = matches!(handle.try_send(i.to_string()), Err(Error::QueueFull));
                assert_eq!(refused, i == 2 && policy == OverflowPolicy::Refuse);
            }
            let receiving = tokio::spawn(async move { ws.recv().await });
            let mut server = accept(&mut transports).await;
            for expected in expected {
                assert_eq!(text(&mut server).await, expected);
            }
            receiving.abort();
        }
    });
}

#[test]
fn a_url_that_is_none_is_told_at_once() {
    assert!(matches!(Client::new().reconnect("nowhere"), Err(ConnectError::Url(_))));
}

#[test]
fn a_reconnecting_websocket_notices_a_server_that_hangs() {
    paused(async {
        let (reconnect, mut transports) = reconnecting();
        let mut connections = reconnect.connections();
        let (first, hung) = tokio::join!(connections.next(), async {
            Peer::accept(transports.recv().await.unwrap()).await
        });
        let begun = Instant::now();
        let lost = first.unwrap().unwrap().recv().await;
        assert!(matches!(lost, Err(Error::TimedOut(TimeoutKind::Heartbeat))), "{lost:?}");
        assert!(begun.elapsed() <= 42 * SECOND);
        let (second, mut server) = tokio::join!(connections.next(), accept(&mut transports));
        second.unwrap().unwrap().send("here again").await.unwrap();
        assert_eq!(text(&mut server).await, "here again");
        drop(hung);
    });
}
