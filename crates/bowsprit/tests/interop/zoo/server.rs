//! Our server, which the peers connect to.

use bowsprit::{
    Deflate, Error, Limits, Refusal, Route, Server, SubprotocolPolicy, WebSocket,
    http::{Request, StatusCode},
};
use tokio::{sync::mpsc, task::JoinHandle};

use super::peer::Process;

/// A server that hands its connections over to the test, until it is dropped.
///
/// At `/plain` it does not compress; at `/deflate` it does, each message by itself, and at
/// `/takeover` with what the last ones have left. `/refused` is refused with 403.
pub(super) struct ZooServer {
    pub(super) url: String,
    pub(super) server: Server,
    accepted: mpsc::Receiver<WebSocket>,
    serving: JoinHandle<Result<(), Error>>,
}

impl ZooServer {
    pub(super) async fn start() -> Self {
        let (sender, accepted) = mpsc::channel(1);
        let bound = Server::builder()
            .limits(Limits::SERVER.max_message_len(2 << 20))
            .subprotocols(SubprotocolPolicy::Supported(vec!["chat.v1".into()]))
            .route("/plain", hand_over(&sender))
            .route("/deflate", hand_over(&sender).deflate(Deflate::server()))
            .route("/takeover", hand_over(&sender).deflate(Deflate::client()))
            .route("/refused", hand_over(&sender).authorize(refuse))
            .bind("127.0.0.1:0");
        let bound = bound.await.unwrap();
        let url = format!("ws://{}", bound.local_addr().unwrap());
        let server = bound.server();
        Self { url, server, accepted, serving: tokio::spawn(bound.run()) }
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

async fn refuse(_: Request<()>) -> Result<(), Refusal> {
    Err(StatusCode::FORBIDDEN.into())
}
