//! Handlers as applications write them: functions and closures, with and without errors.

use bowsprit::{
    Client, CloseCode, Error, Server, WebSocket, error::BoxError, http::Request, server::Route,
};

use super::support::{real, run, serve};

async fn returns_nothing(mut ws: WebSocket, _request: Request<()>) {
    let _gone = ws.send("nothing").await;
}

async fn fails_with_ours(mut ws: WebSocket, request: Request<()>) -> Result<(), Error> {
    ws.send("ours").await?;
    match request.uri().query() {
        Some("fail") => Err(Error::Disconnected),
        _ => Ok(()),
    }
}

async fn fails_with_anyhow(mut ws: WebSocket, request: Request<()>) -> anyhow::Result<()> {
    ws.send("anyhow").await?;
    anyhow::ensure!(request.uri().query() != Some("fail"), "asked to fail");
    Ok(())
}

async fn fails_with_any(mut ws: WebSocket, _request: Request<()>) -> Result<(), BoxError> {
    ws.send("any").await?;
    Err("always".into())
}

/// What the server at a URL says, and the code that it closes with.
async fn ask(url: &str) -> (String, CloseCode) {
    let mut ws = Client::new().connect(url).await.unwrap();
    let message = ws.recv().await.unwrap().unwrap();
    assert!(ws.recv().await.unwrap().is_none());
    (message.as_text().unwrap().to_owned(), ws.peer_close().unwrap().code)
}

#[test]
fn a_handler_returns_nothing_or_fails_with_an_error_of_its_own() {
    real(async {
        let routes = Server::builder()
            .route("/nothing", Route::new(returns_nothing))
            .route("/ours", Route::new(bowsprit::server::handler(fails_with_ours)))
            .route("/anyhow", Route::new(bowsprit::server::handler(fails_with_anyhow)))
            .route("/any", Route::new(fails_with_any));
        let (addr, _server) = run(routes).await;
        for (path, said, code) in [
            ("/nothing", "nothing", CloseCode::NORMAL),
            ("/ours", "ours", CloseCode::NORMAL),
            ("/ours?fail", "ours", CloseCode::INTERNAL_ERROR),
            ("/anyhow", "anyhow", CloseCode::NORMAL),
            ("/anyhow?fail", "anyhow", CloseCode::INTERNAL_ERROR),
            ("/any", "any", CloseCode::INTERNAL_ERROR),
        ] {
            assert_eq!(ask(&format!("ws://{addr}{path}")).await, (said.to_owned(), code), "{path}");
        }
    });
}

#[test]
fn serve_takes_each_of_them() {
    real(async {
        let server = Server::builder().bind("127.0.0.1:0").await.unwrap();
        let addr = server.local_addr().unwrap();
        tokio::spawn(server.serve(returns_nothing));
        assert_eq!(ask(&format!("ws://{addr}/")).await.0, "nothing");

        let server = Server::builder().bind("127.0.0.1:0").await.unwrap();
        let addr = server.local_addr().unwrap();
        let never = std::future::pending::<()>();
        let shutdown = bowsprit::server::Shutdown::default();
        tokio::spawn(server.serve_until(
            bowsprit::server::handler(fails_with_anyhow),
            never,
            shutdown,
        ));
        assert_eq!(ask(&format!("ws://{addr}/")).await.0, "anyhow");
    });
}

#[test]
fn closures_use_the_question_mark_and_name_no_type() {
    real(async {
        let (addr, _server) = serve(|mut ws, request| async move {
            let number: u32 = request.uri().query().ok_or("no number")?.parse()?;
            ws.send(format!("{}", number + 1)).await?;
            Ok(())
        })
        .await;
        assert_eq!(ask(&format!("ws://{addr}/?41")).await, ("42".to_owned(), CloseCode::NORMAL));
        let mut ws = bowsprit::connect(&format!("ws://{addr}/?forty")).await.unwrap();
        assert!(ws.recv().await.unwrap().is_none());
        assert_eq!(ws.peer_close().unwrap().code, CloseCode::INTERNAL_ERROR);
    });
}

#[test]
fn closures_return_nothing_as_well() {
    real(async {
        let server = Server::builder().bind("127.0.0.1:0").await.unwrap();
        let addr = server.local_addr().unwrap();
        tokio::spawn(server.serve(|mut ws, _| async move {
            while let Ok(Some(message)) = ws.recv().await {
                if ws.send(message).await.is_err() {
                    break;
                }
            }
        }));
        let mut ws = bowsprit::connect(&format!("ws://{addr}/")).await.unwrap();
        ws.send("echo").await.unwrap();
        assert_eq!(ws.recv().await.unwrap(), Some("echo".into()));
    });
}

#[test]
fn an_endless_closure_says_what_it_returns() {
    real(async {
        let clock = Route::new(async |mut ws, _| -> Result<(), BoxError> {
            loop {
                ws.send("tick").await?;
                tokio::task::yield_now().await;
            }
        });
        let (addr, _server) = run(Server::builder().route("/", clock)).await;
        let mut ws = bowsprit::connect(&format!("ws://{addr}/")).await.unwrap();
        for _ in 0..3 {
            assert_eq!(ws.recv().await.unwrap(), Some("tick".into()));
        }
    });
}

#[cfg(feature = "tower")]
#[test]
fn the_layer_takes_each_of_them() {
    use bowsprit::tower::WebSocketLayer;
    let layer = || WebSocketLayer::new(Server::builder().build());
    let _layers = [
        layer().handler(returns_nothing),
        layer().handler(fails_with_any),
        layer().handler(bowsprit::server::handler(fails_with_ours)),
        layer().handler(bowsprit::server::handler(fails_with_anyhow)),
        layer().handler(|mut ws, _| async move {
            ws.send("closure").await?;
            Ok(())
        }),
    ];
}

#[cfg(feature = "axum")]
mod axum {
    use ::axum::{Router, response::Response, routing::any};
    use bowsprit::axum::{WebSocketUpgrade, handler};

    use super::*;

    async fn nothing(upgrade: WebSocketUpgrade) -> Response {
        upgrade.on_upgrade(|ws| returns_nothing(ws, Request::new(())))
    }

    async fn anyhow(upgrade: WebSocketUpgrade) -> Response {
        async fn chat(mut ws: WebSocket) -> anyhow::Result<()> {
            ws.send("chat").await?;
            anyhow::bail!("the end")
        }
        upgrade.on_upgrade(handler(chat))
    }

    async fn closure(upgrade: WebSocketUpgrade) -> Response {
        upgrade.on_upgrade(|mut ws| async move {
            ws.send("closure").await?;
            Ok(())
        })
    }

    #[test]
    fn on_upgrade_takes_each_of_them() {
        real(async {
            let app = Router::new()
                .route("/nothing", any(nothing))
                .route("/anyhow", any(anyhow))
                .route("/closure", any(closure))
                .with_state(Server::builder().build());
            let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
            let addr = listener.local_addr().unwrap();
            tokio::spawn(::axum::serve(listener, app).into_future());
            for (path, said, code) in [
                ("/nothing", "nothing", CloseCode::NORMAL),
                ("/anyhow", "chat", CloseCode::INTERNAL_ERROR),
                ("/closure", "closure", CloseCode::NORMAL),
            ] {
                assert_eq!(ask(&format!("ws://{addr}{path}")).await, (said.to_owned(), code));
            }
        });
    }
}
