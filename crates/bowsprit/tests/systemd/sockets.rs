//! Sockets that a service gets from systemd.

use std::{
    fs,
    net::{TcpListener, TcpStream, UdpSocket},
    os::{
        linux::net::SocketAddrExt,
        unix::net::{SocketAddr, UnixListener},
    },
};

use bowsprit::{Client, ConnectError, WebSocket};

use super::manager::{Unit, folder};

/// Connects to a service that may not run yet, reads its name, and closes.
async fn ask(connected: impl Future<Output = Result<WebSocket, ConnectError>>) -> String {
    let mut ws = connected.await.unwrap();
    let name = ws.recv().await.unwrap().unwrap().as_text().unwrap().to_owned();
    ws.close(1000).await.unwrap();
    name
}

fn tcp(addr: &str) -> (TcpListener, String) {
    let listener = TcpListener::bind(addr).unwrap();
    let url = format!("ws://{}/", listener.local_addr().unwrap());
    (listener, url)
}

#[tokio::test(flavor = "multi_thread")]
async fn the_only_socket_is_listened_on() {
    for addr in ["127.0.0.1:0", "[::1]:0"] {
        let (listener, url) = tcp(addr);
        let service = Unit { sockets: vec![listener.into()], ..Unit::default() };
        let service = service.start("one_socket");
        assert_eq!(ask(bowsprit::connect(&url)).await, "one");
        let printed = service.end();
        assert_eq!(printed.matches("are all taken").count(), 2, "{printed}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn unix_sockets_are_listened_on_with_a_path_or_an_abstract_name() {
    let folder = folder();
    let path = folder.join("chat.sock");
    let name = SocketAddr::from_abstract_name(path.to_str().unwrap()).unwrap();
    for listener in [UnixListener::bind(&path), UnixListener::bind_addr(&name)] {
        let listener = listener.unwrap();
        let addr = listener.local_addr().unwrap();
        let service = Unit { sockets: vec![listener.into()], ..Unit::default() };
        let service = service.start("one_socket");
        let connector = move |_| {
            let stream = std::os::unix::net::UnixStream::connect_addr(&addr);
            async move {
                let stream = stream?;
                stream.set_nonblocking(true)?;
                tokio::net::UnixStream::from_std(stream)
            }
        };
        let client = Client::new().connector(connector);
        assert_eq!(ask(client.connect("ws://localhost/")).await, "one");
        service.end();
    }
    fs::remove_dir_all(folder).unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn several_sockets_are_told_apart_by_their_names() {
    let ((web, web_url), (admin, admin_url)) = (tcp("127.0.0.1:0"), tcp("127.0.0.1:0"));
    let sockets = vec![web.into(), admin.into()];
    let service = Unit { sockets, names: Some("web:admin"), ..Unit::default() };
    let service = service.start("two_names");
    assert_eq!(ask(bowsprit::connect(&admin_url)).await, "admin");
    assert_eq!(ask(bowsprit::connect(&web_url)).await, "web");
    let printed = service.end();
    assert!(printed.contains("several sockets, named web, admin: choose one by"), "{printed}");
    let none = "no socket named \"other\"; those that are left are named: web, admin";
    assert!(printed.contains(none), "{printed}");
}

#[test]
fn sockets_may_have_the_same_name_or_none() {
    for (names, printed_names) in
        [(Some("web:web"), r#"["web", "web"]"#), (None, r#"["unknown", "unknown"]"#)]
    {
        let sockets = vec![tcp("127.0.0.1:0").0.into(), tcp("[::1]:0").0.into()];
        let printed = Unit { sockets, names, ..Unit::default() }.start("all_sockets").end();
        assert!(printed.contains(printed_names), "{printed}");
        let several = printed.contains("several sockets named");
        assert_eq!(several, names.is_some(), "{printed}");
    }
}

#[test]
fn what_is_no_listening_socket_is_told() {
    let (listener, _) = tcp("127.0.0.1:0");
    let connected = TcpStream::connect(listener.local_addr().unwrap()).unwrap();
    let text = "descriptor 3, named \"web\", is no listening stream socket";
    for socket in [UdpSocket::bind("127.0.0.1:0").unwrap().into(), connected.into()] {
        let unit = Unit { sockets: vec![socket], names: Some("web"), ..Unit::default() };
        let printed = unit.start("no_socket").end();
        assert!(printed.contains(text), "{printed}");
    }
    let file = fs::File::open("/dev/null").unwrap();
    let printed = Unit { sockets: vec![file.into()], ..Unit::default() }.start("no_socket").end();
    assert!(printed.contains("descriptor 3, named \"unknown\", is of no use: "), "{printed}");
}

#[test]
fn that_there_is_none_is_told_with_what_to_do() {
    let printed = Unit::default().start("no_socket").end();
    let text = "systemd has passed no socket (LISTEN_FDS is not set): start the service with its \
        .socket unit, or listen by Listener::bind";
    assert!(printed.contains(text), "{printed}");
    let sockets = vec![tcp("127.0.0.1:0").0.into()];
    let unit = Unit { sockets, by_child: true, ..Unit::default() };
    let printed = unit.start("no_socket").end();
    assert!(printed.contains("(LISTEN_PID), but this is "), "{printed}");
    assert!(printed.contains("has to use exec"), "{printed}");
}
