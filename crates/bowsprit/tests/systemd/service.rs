//! What runs in the started process, as a test.

use std::{env, io, time::Duration};

use bowsprit::{
    Server,
    server::{BoundServer, Listener, Shutdown, systemd},
};
use tokio::process::Command;

/// Serves one client, which is told this name, then ends.
async fn serve_one(listener: Listener, name: &'static str) {
    let server = Server::builder().listen_on(listener);
    let (served, done) = tokio::sync::mpsc::channel(1);
    let mut done = done;
    let handler = move |mut ws: bowsprit::WebSocket, _| {
        let served = served.clone();
        async move {
            ws.send(name).await?;
            while ws.recv().await?.is_some() {}
            Ok(served.send(()).await?)
        }
    };
    let shutdown = Shutdown::within(Duration::from_secs(10));
    server.serve_until(handler, async { done.recv().await.unwrap() }, shutdown).await.unwrap();
}

#[tokio::test]
#[ignore = "is started by other tests"]
async fn one_socket() {
    serve_one(Listener::from_systemd().unwrap(), "one").await;
    eprintln!("{}", Listener::from_systemd().unwrap_err());
    eprintln!("{}", Listener::all_from_systemd().unwrap_err());
}

#[tokio::test]
#[ignore = "is started by other tests"]
async fn two_names() {
    eprintln!("{}", Listener::from_systemd().unwrap_err());
    eprintln!("{}", Listener::from_systemd_named("other").unwrap_err());
    // What a child gets is not what is listened on.
    let open = || async {
        let list = Command::new("ls").arg("/proc/self/fd").output().await.unwrap();
        String::from_utf8(list.stdout).unwrap().lines().filter(|fd| ["3", "4"].contains(fd)).count()
    };
    assert!(open().await <= 1, "a child has inherited a socket");
    let (web, admin) =
        (Listener::from_systemd_named("web").unwrap(), Listener::from_systemd().unwrap());
    tokio::join!(serve_one(web, "web"), serve_one(admin, "admin"));
}

#[tokio::test]
#[ignore = "is started by other tests"]
async fn all_sockets() {
    eprintln!("{:?}", Listener::from_systemd_named("web").map(drop));
    let names: Vec<_> =
        Listener::all_from_systemd().unwrap().into_iter().map(|(name, _)| name).collect();
    eprintln!("{names:?}");
}

#[tokio::test]
#[ignore = "is started by other tests"]
async fn no_socket() {
    eprintln!("{}", Listener::from_systemd().unwrap_err());
}

async fn bound() -> BoundServer {
    Server::builder().bind("127.0.0.1:0").await.unwrap().notify_systemd()
}

#[tokio::test]
#[ignore = "is started by other tests"]
async fn notifying() {
    let server = bound().await;
    let client = server.local_addr().unwrap();
    let signal = async move {
        bowsprit::connect(&format!("ws://{client}/")).await.unwrap();
        assert!(systemd::notify_reloading().unwrap());
        assert!(systemd::notify_ready().unwrap());
        assert!(systemd::notify_status("two\nREADY=0").unwrap());
    };
    let shutdown = Shutdown::within(Duration::from_secs(10));
    server.serve_until(|_, _| async { Ok(()) }, signal, shutdown).await.unwrap();
}

#[tokio::test]
#[ignore = "is started by other tests"]
async fn watched() {
    bound().await.serve(|_, _| async { Ok(()) }).await.unwrap();
}

#[tokio::test]
#[ignore = "is started by other tests"]
async fn told_to_nobody() {
    let told = systemd::notify_ready();
    match env::var("NOTIFY_SOCKET") {
        Ok(_) => assert_eq!(told.unwrap_err().kind(), io::ErrorKind::NotFound),
        Err(_) => assert!(!told.unwrap()),
    }
    systemd::watchdog().await;
    let server = bound().await;
    let signal = std::future::ready(());
    server.serve_until(|_, _| async { Ok(()) }, signal, Shutdown::default()).await.unwrap();
}
