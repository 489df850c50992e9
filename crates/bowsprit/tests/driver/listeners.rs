//! Several listeners, Unix sockets, and listeners that are there already.

use std::{fs, path::PathBuf, process};

use bowsprit::{
    Server,
    server::{Listener, RequestExt},
};
use tokio::net::{TcpListener, UnixListener, UnixStream};

use super::{
    peer::{Peer, TEXT},
    support::{dial, real},
};

/// A path for a socket, which is removed again.
struct SocketPath(PathBuf);

impl SocketPath {
    fn new(name: &str) -> Self {
        Self(std::env::temp_dir().join(format!("bowsprit-{name}-{}.sock", process::id())))
    }

    async fn dial(&self) -> Peer<UnixStream> {
        Peer::connect(UnixStream::connect(&self.0).await.unwrap()).await
    }
}

impl Drop for SocketPath {
    fn drop(&mut self) {
        let _gone = fs::remove_file(&self.0);
    }
}

#[test]
fn one_server_listens_on_several_sockets() {
    real(async {
        let path = SocketPath::new("several");
        let server = Server::builder().bind("127.0.0.1:0").await.unwrap();
        let server = server
            .add_listener(TcpListener::bind("127.0.0.1:0").await.unwrap())
            .add_listener(Listener::bind_unix(&path.0).unwrap());
        let addrs: Vec<_> =
            server.listeners().iter().filter_map(|listener| listener.local_addr().ok()).collect();
        assert_eq!((addrs.len(), addrs[0]), (2, server.local_addr().unwrap()));
        let serving = tokio::spawn(server.serve(|mut ws, request| async move {
            assert_eq!(request.peer_addr(), ws.peer_addr());
            let peer = if ws.peer_addr().is_some() { "tcp" } else { "unix" };
            ws.send(peer).await?;
            while let Some(message) = ws.recv().await? {
                ws.send(message).await?;
            }
            Ok(())
        }));
        for addr in addrs.iter().chain(&addrs) {
            let mut peer = dial(*addr).await;
            peer.expect(TEXT, "tcp").await;
        }
        let mut peer = path.dial().await;
        peer.expect(TEXT, "unix").await;
        let large = "x".repeat(300_000);
        peer.send(TEXT, &large).await;
        peer.expect(TEXT, &large).await;
        peer.send_close(1000, "").await;
        peer.expect_close(1000).await;
        serving.abort();
    });
}

#[test]
fn a_unix_socket_that_was_left_behind_is_replaced_and_one_in_use_is_not() {
    real(async {
        let path = SocketPath::new("stale");
        drop(UnixListener::bind(&path.0).unwrap());
        let listener = Listener::bind_unix(&path.0).unwrap();
        assert_eq!(Listener::bind_unix(&path.0).unwrap_err().kind(), std::io::ErrorKind::AddrInUse);
        drop(listener);
        fs::remove_file(&path.0).unwrap();
        fs::write(&path.0, "no socket").unwrap();
        Listener::bind_unix(&path.0).unwrap_err();
        assert_eq!(fs::read(&path.0).unwrap(), b"no socket");
    });
}

#[test]
fn a_server_ends_all_its_listeners() {
    real(async {
        let path = SocketPath::new("ends");
        let server = Server::builder().listen_on(Listener::bind_unix(&path.0).unwrap());
        assert!(server.local_addr().is_err());
        let serving = tokio::spawn(server.serve(|_, _| async { Ok(()) }));
        path.dial().await.finish(1000).await;
        serving.abort();
        let _aborted = serving.await;
        UnixStream::connect(&path.0).await.unwrap_err();
    });
}
