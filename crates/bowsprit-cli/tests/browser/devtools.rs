//! The DevTools protocol: calls and events as JSON over WebSocket.

use std::{pin::pin, time::Duration};

use bowsprit::WebSocket;
use serde_json::{Value, json};
use tokio::time::timeout;

const TOO_LONG: Duration = Duration::from_secs(10);

/// A connection to a browser, or to one of its pages.
pub(super) struct Devtools {
    ws: WebSocket,
    last_id: u64,
    /// Events that came while the answer to a call was waited for.
    events: Vec<Value>,
}

impl Devtools {
    pub(super) async fn connect(url: &str) -> Self {
        Self { ws: bowsprit::connect(url).await.unwrap(), last_id: 0, events: Vec::new() }
    }

    /// Calls a method; returns its result.
    pub(super) async fn call(&mut self, method: &str, params: Value) -> Value {
        self.last_id += 1;
        let id = self.last_id;
        let call = json!({ "id": id, "method": method, "params": params }).to_string();
        let answer = in_time(&call, async {
            self.ws.send(&*call).await.unwrap();
            loop {
                let message = self.receive().await;
                if message["id"] == id {
                    break message;
                }
                self.events.push(message);
            }
        });
        let mut answer = answer.await;
        assert!(answer["error"].is_null(), "{call}: {answer}");
        answer["result"].take()
    }

    /// Waits for an event, which may have come already.
    pub(super) async fn wait_for(&mut self, method: &str, matches: impl Fn(&Value) -> bool) {
        let matches = |event: &Value| event["method"] == method && matches(&event["params"]);
        let event = async {
            let mut found = std::mem::take(&mut self.events).iter().any(&matches);
            while !found {
                found = matches(&self.receive().await);
            }
        };
        in_time(method, event).await;
    }

    async fn receive(&mut self) -> Value {
        let message = self.ws.recv().await.unwrap().expect("the browser closes the connection");
        serde_json::from_slice(message.as_bytes()).unwrap()
    }
}

async fn in_time<T>(what: &str, future: impl Future<Output = T>) -> T {
    let done = timeout(TOO_LONG, pin!(future)).await;
    done.unwrap_or_else(|_| panic!("not done in time: {what}"))
}
