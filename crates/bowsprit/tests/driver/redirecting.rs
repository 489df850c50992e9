//! Redirects and answers to refusals. Every server notes what it is told.

use std::{
    net::SocketAddr,
    sync::{
        Arc, Mutex,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use bowsprit::{
    Client, ConnectError, WebSocket,
    error::RedirectError,
    http::{HeaderMap, StatusCode},
    reconnect::Backoff,
};
use tokio::net::TcpListener;

use super::{
    peer::{Peer, switching_protocols},
    support::real,
};

/// A server made by hand.
struct Place {
    addr: SocketAddr,
    heads: Arc<Mutex<Vec<String>>>,
}

impl Place {
    /// Answers every request with what `answer` makes of its path; nothing means to let it in.
    async fn new(answer: impl Fn(&str) -> String + Send + 'static) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let place = Self { addr: listener.local_addr().unwrap(), heads: Arc::default() };
        let heads = Arc::clone(&place.heads);
        tokio::spawn(async move {
            let mut open = Vec::new();
            loop {
                let mut peer = Peer::server(listener.accept().await.unwrap().0);
                let head = peer.head().await;
                let path = head.split(' ').nth(1).unwrap();
                let answer = match answer(path) {
                    answer if answer.is_empty() => switching_protocols(&head, ""),
                    answer => answer,
                };
                heads.lock().unwrap().push(head);
                peer.write(answer).await;
                open.push(peer);
            }
        });
        place
    }

    /// Redirects to what its paths say after the slash, and lets in at `/in`.
    async fn redirecting() -> Self {
        Self::new(|path| match path {
            "/in" => String::new(),
            path => redirect(302, &path[1..]),
        })
        .await
    }

    fn url(&self, path: &str) -> String {
        format!("ws://user:s3cret@{}{path}", self.addr)
    }

    fn heads(&self) -> Vec<String> {
        self.heads.lock().unwrap().clone()
    }
}

fn redirect(status: u16, location: &str) -> String {
    format!("HTTP/1.1 {status} Elsewhere\r\nLocation: {location}\r\nContent-Length: 0\r\n\r\n")
}

fn client() -> Client {
    Client::new()
        .header("cookie", "s3cret")
        .header("x-api-key", "s3cret")
        .header("proxy-authorization", "s3cret")
        .max_redirects(5)
}

fn failure(connected: Result<WebSocket, ConnectError>) -> RedirectError {
    match connected {
        Err(ConnectError::Redirect { error, .. }) => error,
        other => panic!("{other:?}"),
    }
}

#[test]
fn at_the_same_origin_the_same_request_is_made_again_with_a_fresh_key() {
    real(async {
        for status in [301, 302, 303, 307, 308] {
            let place = Place::new(move |path| match path {
                "/a/b" => redirect(status, "../c?q#part"),
                _ => String::new(),
            })
            .await;
            let ws = client().connect(&place.url("/a/b")).await.unwrap();
            assert_eq!(ws.url().unwrap().to_string(), format!("ws://{}/c?q", place.addr));
            let heads = place.heads();
            let [first, second] = &heads[..] else { panic!("{heads:?}") };
            assert!(second.starts_with("GET /c?q HTTP/1.1\r\n"), "{second}");
            let fields = |head: &str, key: bool| {
                let lines = head.lines().skip(1).map(str::to_lowercase);
                let mut lines: Vec<_> =
                    lines.filter(|line| line.starts_with("sec-websocket-key") == key).collect();
                lines.sort();
                lines
            };
            assert_eq!(fields(first, false), fields(second, false));
            assert_ne!(fields(first, true), fields(second, true));
            assert!(first.contains("Authorization: Basic dXNlcjpzM2NyZXQ=\r\n"), "{first}");
        }
    });
}

#[test]
fn nothing_secret_crosses_to_another_origin_nor_comes_back() {
    real(async {
        let (home, other) = (Place::redirecting().await, Place::redirecting().await);
        let asked = Arc::new(AtomicUsize::new(0));
        let count = Arc::clone(&asked);
        let client = client().header("host", "home.example").headers_fn(move |_| {
            count.fetch_add(1, Ordering::Relaxed);
            async {
                let mut headers = HeaderMap::new();
                headers.insert("authorization", "Bearer s3cret".parse()?);
                Ok(headers)
            }
        });
        // Home, away, and home again.
        let back = format!("http://{}/in", home.addr);
        let away = format!("ws://eve:0wn@{}/{back}", other.addr);
        let ws = client.connect(&home.url(&format!("/{away}"))).await.unwrap();
        assert_eq!(ws.url().unwrap().to_string(), back.replace("http", "ws"));
        let (home_heads, other_heads) = (home.heads(), other.heads());
        assert_eq!((home_heads.len(), other_heads.len()), (2, 1));
        let told = home_heads[0].to_lowercase();
        assert!(
            told.matches("s3cret").count() == 4 && told.contains("host: home.example"),
            "{told}"
        );
        for head in [&other_heads[0], &home_heads[1]] {
            let head = head.to_lowercase();
            for secret in
                ["s3cret", "authorization", "cookie", "x-api-key", "home.example", "basic"]
            {
                assert!(!head.contains(secret), "{secret}: {head}");
            }
        }
        assert_eq!(asked.load(Ordering::Relaxed), 1);
    });
}

/// Tokens go as subprotocols in places, such as Kubernetes.
#[test]
fn subprotocols_go_to_another_origin_only_where_they_may() {
    real(async {
        let (home, other) = (Place::redirecting().await, Place::redirecting().await);
        let back = format!("ws://{}/in", home.addr);
        let first = home.url(&format!("/ws://{}/{back}", other.addr));
        let client = client().subprotocol("t0ken").subprotocol_optional().origin("https://o");
        let error = client.connect(&first).await.unwrap_err();
        assert!(error.to_string().contains("sec-websocket-protocol"), "{error}");
        assert_eq!(failure(Err(error)), RedirectError::Subprotocol);
        assert_eq!((home.heads().len(), other.heads().len()), (1, 0));
        client.clone().subprotocols_cross_origin().connect(&first).await.unwrap();
        let named = |head: &String| {
            let head = head.to_lowercase();
            (head.contains("sec-websocket-protocol: t0ken"), head.contains("origin: https://o"))
        };
        for head in [&home.heads()[1], &other.heads()[0], &home.heads()[2]] {
            assert_eq!(named(head), (true, true), "{head}");
        }
        assert!(!home.heads()[2].contains("s3cret"));
        // At home there is nothing to ask.
        let other_path = home.url(&format!("/{back}"));
        client.connect(&other_path).await.unwrap();
        assert_eq!(named(&home.heads()[4]), (true, true));
    });
}

#[test]
fn another_name_for_the_same_machine_is_another_origin() {
    real(async {
        let place = Place::redirecting().await;
        let alias = format!("//localhost:{}/in", place.addr.port());
        client().connect(&place.url(&format!("/{alias}"))).await.unwrap();
        let heads = place.heads();
        assert!(heads[0].contains("s3cret") && !heads[1].contains("s3cret"), "{heads:?}");
    });
}

#[test]
fn circles_long_ways_and_bad_targets_end_each_with_its_error() {
    real(async {
        let place = Place::new(|path| match path {
            "/circle" => redirect(302, "/second"),
            "/second" => redirect(302, "/circle"),
            "/self" => redirect(301, "self"),
            "/unix" => redirect(302, "ws+unix:/run/docker.sock:/"),
            "/file" => redirect(302, "file:///etc/passwd"),
            "/script" => redirect(302, "javascript:alert(1)"),
            "/host" => redirect(302, "//"),
            "/bytes" => redirect(302, "/\u{e9}"),
            way => redirect(302, &format!("{way}x")),
        })
        .await;
        for (path, error) in [
            ("/circle", RedirectError::Loop),
            ("/self", RedirectError::Loop),
            ("/unix", RedirectError::UnixSocket),
            ("/file", RedirectError::Location),
            ("/script", RedirectError::Location),
            ("/host", RedirectError::Location),
            ("/bytes", RedirectError::Location),
        ] {
            assert_eq!(failure(client().connect(&place.url(path)).await), error, "{path}");
        }
        for max in 1..4 {
            let before = place.heads().len();
            let connected = client().max_redirects(max).connect(&place.url("/way")).await;
            assert_eq!(failure(connected), RedirectError::TooMany);
            assert_eq!(place.heads().len() - before, max + 1);
        }
    });
}

#[test]
fn a_redirect_that_is_not_wanted_or_names_no_place_is_a_refusal() {
    real(async {
        let place = Place::new(|path| match path {
            "/nowhere" => "HTTP/1.1 302 Lost\r\nContent-Length: 0\r\n\r\n".to_owned(),
            "/in" => String::new(),
            _ => redirect(307, "/in"),
        })
        .await;
        let refused = client().connect(&place.url("/nowhere")).await;
        assert!(matches!(refused, Err(ConnectError::Rejected(_))), "{refused:?}");
        let refused = client().max_redirects(0).connect(&place.url("/a")).await;
        assert!(matches!(refused, Err(ConnectError::Rejected(_))), "{refused:?}");
        let seen = Arc::new(Mutex::new(Vec::new()));
        for allows in [false, true] {
            let seen = Arc::clone(&seen);
            let client = client().on_redirect(move |redirect| {
                let (from, to) = (redirect.from.resource_name(), redirect.to.resource_name());
                let step = format!("{from} {} {to}", redirect.status.as_u16());
                seen.lock().unwrap().push((step, redirect.keeps_secrets));
                allows
            });
            match client.connect(&place.url("/a")).await {
                Ok(_) => assert!(allows),
                Err(ConnectError::Rejected(response)) => {
                    assert!(!allows && response.status() == StatusCode::TEMPORARY_REDIRECT);
                }
                other => panic!("{other:?}"),
            }
        }
        assert_eq!(
            *seen.lock().unwrap(),
            [("/a 307 /in".to_owned(), true), ("/a 307 /in".to_owned(), true)]
        );
    });
}

#[test]
fn statuses_that_lead_nowhere_else_are_refusals() {
    real(async {
        for status in [300, 304, 305, 306, 309, 399] {
            let place = Place::new(move |path| match path {
                "/in" => String::new(),
                _ => redirect(status, "/in"),
            })
            .await;
            match client().connect(&place.url("/a")).await {
                Err(ConnectError::Rejected(response)) => assert_eq!(response.status(), status),
                other => panic!("{status}: {other:?}"),
            }
            assert_eq!(place.heads().len(), 1, "{status}");
        }
    });
}

#[test]
fn a_redirect_that_is_not_followed_is_told_without_its_query() {
    real(async {
        let place = Place::new(|_| redirect(302, "ws+unix:/x.sock:/?token=s3cret")).await;
        let error = client().connect(&place.url("/a?token=s3cret")).await.unwrap_err();
        assert_eq!(
            error.to_string(),
            format!(
                "the redirect from ws://{}/a was not followed: it leads to another socket of this \
                 machine",
                place.addr
            )
        );
        assert!(!format!("{error:?}").contains("s3cret"), "{error:?}");
    });
}

#[test]
fn without_redirects_on_refusal_is_asked_about_them() {
    real(async {
        let attempts = AtomicUsize::new(0);
        let place = Place::new(move |_| match attempts.fetch_add(1, Ordering::Relaxed) {
            0 => redirect(307, "/elsewhere"),
            _ => String::new(),
        })
        .await;
        let client = client().max_redirects(0).on_rejected(async |rejected| {
            assert_eq!(rejected.response.status(), StatusCode::TEMPORARY_REDIRECT);
            Ok(Some(HeaderMap::new()))
        });
        let ws = client.connect(&place.url("/a")).await.unwrap();
        assert_eq!(ws.url().unwrap().resource_name(), "/a");
        assert_eq!(place.heads().len(), 2);
    });
}

#[test]
fn a_client_that_reconnects_asks_the_first_url_each_time() {
    real(async {
        let place = Place::new(|path| match path {
            "/in" => String::new(),
            _ => redirect(301, "/in"),
        })
        .await;
        let mut backoff = Backoff::default();
        backoff.first = Duration::ZERO;
        let reconnect = client().reconnect(&place.url("/a")).unwrap().backoff(backoff);
        let mut connections = reconnect.connections();
        for _ in 0..2 {
            connections.next().await.unwrap().unwrap().terminate();
        }
        let heads = place.heads();
        let asked: Vec<_> = heads.iter().map(|head| head.split(' ').nth(1).unwrap()).collect();
        assert_eq!(asked, ["/a", "/in", "/a", "/in"]);
    });
}

#[test]
fn a_refusal_can_be_answered_once() {
    real(async {
        let attempts = AtomicUsize::new(0);
        let place = Place::new(move |path| {
            let first = attempts.fetch_add(1, Ordering::Relaxed).is_multiple_of(2);
            match path {
                "/once" if !first => String::new(),
                _ => "HTTP/1.1 401 Who?\r\nWWW-Authenticate: Nonce 7\r\nContent-Length: 0\r\n\r\n"
                    .to_owned(),
            }
        })
        .await;
        let answering = client().on_rejected(async |rejected| {
            assert_eq!(rejected.response.status(), StatusCode::UNAUTHORIZED);
            let challenge = &rejected.response.headers()["www-authenticate"];
            let mut headers = HeaderMap::new();
            headers.insert("authorization", format!("Answer {}", challenge.to_str()?).parse()?);
            Ok(Some(headers))
        });
        answering.connect(&place.url("/once")).await.unwrap();
        let heads = place.heads();
        assert!(heads[1].contains("Authorization: Answer Nonce 7\r\n"), "{heads:?}");
        let refused = answering.connect(&place.url("/never")).await;
        assert!(matches!(refused, Err(ConnectError::Rejected(_))), "{refused:?}");
        assert_eq!(place.heads().len(), 4);
        let giving_up = client().on_rejected(async |_| Ok(None));
        let refused = giving_up.connect(&place.url("/never")).await;
        assert!(matches!(refused, Err(ConnectError::Rejected(_))), "{refused:?}");
        assert_eq!(place.heads().len(), 5);
        let failing = client().on_rejected(async |_| Err("no".into()));
        let failed = failing.connect(&place.url("/never")).await;
        assert!(matches!(failed, Err(ConnectError::Callback(_))), "{failed:?}");
    });
}

#[test]
fn servers_elsewhere_are_not_answered() {
    real(async {
        let other =
            Place::new(|_| "HTTP/1.1 401 Who?\r\nContent-Length: 0\r\n\r\n".to_owned()).await;
        let home = Place::redirecting().await;
        let client = client().on_rejected(async |_| panic!("asked for another origin"));
        let refused = client.connect(&home.url(&format!("/http://{}/", other.addr))).await;
        assert!(matches!(refused, Err(ConnectError::Rejected(_))), "{refused:?}");
        assert_eq!(other.heads().len(), 1);
    });
}
