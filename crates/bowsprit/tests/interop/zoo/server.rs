//! Our server, which the peers connect to.

use std::fs;

use bowsprit::{
    Bytes, Deflate, Error, Message, Server, WebSocket,
    config::Limits,
    http::{Request, Response, StatusCode, header},
    server::{Rejection, Route, SubprotocolPolicy},
};
use tokio::{sync::mpsc, task::JoinHandle};

use super::{super::peers::workspace, process::Process};

/// A server that hands its connections over to the test, until it is dropped.
///
/// At `/plain` it does not compress; at `/deflate` it does, each message by itself, and at
/// `/takeover` with what the last ones have left. `/refused` is refused with 403. For browsers
/// there is a page, which says over `/report` what other clients print.
pub(super) struct ZooServer {
    pub(super) url: String,
    pub(super) server: Server,
    pub(super) reports: Option<mpsc::Receiver<String>>,
    accepted: mpsc::Receiver<WebSocket>,
    serving: JoinHandle<Result<(), Error>>,
}

impl ZooServer {
    pub(super) async fn start() -> Self {
        let (sender, accepted) = mpsc::channel(1);
        let (reporter, reports) = mpsc::channel(1);
        let bound = Server::builder()
            .limits(Limits::SERVER.max_message_len(2 << 20))
            .subprotocols(SubprotocolPolicy::Supported(vec!["chat.v1".into()]))
            .route("/plain", hand_over(&sender))
            .route("/deflate", hand_over(&sender).deflate(Deflate::server()))
            .route("/takeover", hand_over(&sender).deflate(Deflate::client()))
            .route("/refused", hand_over(&sender).authorize(refuse))
            .route("/report", pass_on(&reporter))
            .fallback(page)
            .bind("127.0.0.1:0");
        let bound = bound.await.unwrap();
        let url = format!("ws://{}", bound.local_addr().unwrap());
        let server = bound.server();
        let serving = tokio::spawn(bound.run());
        Self { url, server, reports: Some(reports), accepted, serving }
    }

    /// The connection that the peer makes next.
    pub(super) async fn accept(&mut self, peer: &mut Process) -> WebSocket {
        tokio::select! {
            ws = self.accepted.recv() => ws.unwrap(),
            line = peer.line() => panic!("the peer does not get in: {line}"),
        }
    }
}

impl Drop for ZooServer {
    fn drop(&mut self) {
        self.serving.abort();
    }
}

fn hand_over(sender: &mpsc::Sender<WebSocket>) -> Route {
    let sender = sender.clone();
    Route::new(move |ws, _| {
        let sender = sender.clone();
        async move {
            // A test that has failed takes no more.
            let _taken = sender.send(ws).await;
            Ok(())
        }
    })
}

async fn refuse(_: Request<()>) -> Result<(), Rejection> {
    Err(StatusCode::FORBIDDEN.into())
}

fn pass_on(reporter: &mpsc::Sender<String>) -> Route {
    let reporter = reporter.clone();
    Route::new(move |mut ws, _| {
        let reporter = reporter.clone();
        async move {
            while let Some(Message::Text(line)) = ws.recv().await? {
                reporter.send(line.to_string()).await?;
            }
            Ok(())
        }
    })
}

fn page(request: &Request<()>) -> Option<Response<Bytes>> {
    let name = request.uri().path().trim_start_matches('/');
    let kind = match name {
        "page.html" => "text/html",
        "peer.mjs" | "whatwg.mjs" => "text/javascript",
        _ => return None,
    };
    let text = fs::read(workspace().join("conformance/interop/zoo").join(name)).ok()?;
    Response::builder().header(header::CONTENT_TYPE, kind).body(text.into()).ok()
}
