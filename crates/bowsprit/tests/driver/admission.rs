//! The checks of a request, and that they are the same however it comes.

use bowsprit::{Server, http::Request, server::HostPolicy};

use super::{
    peer::Peer,
    support::{PIPE_LEN, paused},
};

/// A request with something wrong for each check.
#[derive(Clone, Copy)]
struct Faulty {
    host: &'static str,
    path: &'static str,
    user_agent: &'static str,
    version: &'static str,
    origin: &'static str,
}

impl Faulty {
    const ALL: Self = Self {
        host: "example.com",
        path: "/other",
        user_agent: "a crawler",
        version: "7",
        origin: "https://example.org",
    };

    fn request(&self) -> Request<()> {
        let request = Request::get(self.path)
            .header("host", self.host)
            .header("user-agent", self.user_agent)
            .header("upgrade", "websocket")
            .header("connection", "Upgrade")
            .header("sec-websocket-key", "dGhlIHNhbXBsZSBub25jZQ==")
            .header("sec-websocket-version", self.version)
            .header("origin", self.origin);
        request.body(()).unwrap()
    }

    fn head(&self) -> String {
        let request = self.request();
        let mut head = format!("GET {} HTTP/1.1\r\n", request.uri());
        for (name, value) in request.headers() {
            head += &format!("{name}: {}\r\n", value.to_str().unwrap());
        }
        head + "\r\n"
    }
}

/// What a server answers: to a request that it reads itself, and to one that another has read.
async fn answers(server: &Server, faulty: &Faulty) -> [u16; 3] {
    let (ours, theirs) = tokio::io::duplex(PIPE_LEN);
    let mut peer = Peer::client(theirs);
    peer.write(faulty.head()).await;
    let (accepted, head) = tokio::join!(server.accept(ours), async {
        let head = peer.head().await;
        drop(peer);
        head
    });
    drop(accepted);
    let read = head.split(' ').nth(1).unwrap().parse().unwrap();
    let at_once = match server.upgrade(&faulty.request()) {
        Ok((response, _)) => response.status(),
        Err(refusal) => refusal.response().status(),
    };
    let awaited = match server.upgrade_async(&mut faulty.request()).await {
        Ok((response, _)) => response.status(),
        Err(refusal) => refusal.response().status(),
    };
    [read, at_once.as_u16(), awaited.as_u16()]
}

#[test]
fn checks_come_in_one_order_however_a_request_comes() {
    paused(async {
        let server = Server::builder()
            .allowed_hosts(HostPolicy::Loopback)
            .path("/chat")
            .should_handle(|request| request.headers()["user-agent"] != "a crawler")
            .max_connections(1)
            .build();
        let host = Faulty { host: "localhost", ..Faulty::ALL };
        let path = Faulty { path: "/chat", ..host };
        let user_agent = Faulty { user_agent: "a browser", ..path };
        let version = Faulty { version: "13", ..user_agent };
        let origin = Faulty { origin: "http://localhost", ..version };
        let only = server.upgrade(&origin.request()).unwrap();
        assert_eq!(answers(&server, &Faulty::ALL).await, [421; 3], "the host");
        assert_eq!(answers(&server, &host).await, [404; 3], "the path");
        assert_eq!(answers(&server, &path).await, [404; 3], "should_handle");
        assert_eq!(answers(&server, &user_agent).await, [503; 3], "max_connections");
        drop(only);
        assert_eq!(answers(&server, &user_agent).await, [426; 3], "the version");
        assert_eq!(answers(&server, &version).await, [403; 3], "the origin");
        assert_eq!(answers(&server, &origin).await, [101; 3], "nothing");
    });
}
