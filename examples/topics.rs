//! Topics: clients send `join sea`, `leave sea` or `sea: it is rough`, which goes to all members.
//!
//! ```sh
//! cargo run -p bowsprit-examples --bin topics
//! ```

// ANCHOR: all
use bowsprit::{Server, Topics, WebSocket, error::BoxError, topics::SlowConsumerPolicy};

/// Clients choose the names, and each takes memory.
const MAX_TOPICS: usize = 100;

#[tokio::main]
async fn main() -> Result<(), BoxError> {
    // A client that does not keep up gets only the latest message of each topic.
    let topics = Topics::new().slow_consumers(SlowConsumerPolicy::KeepLatest);
    let left = topics.clone();
    let server = Server::builder()
        .on_disconnect(move |client| {
            for topic in left.of(client) {
                left.publish(&topic, format!("somebody has left {topic}")).send_now();
            }
        })
        .bind("127.0.0.1:0")
        .await?;
    println!("listening on ws://{}", server.local_addr()?);
    server.serve(move |ws, _request| subscribe(ws, topics.clone())).await?;
    Ok(())
}

async fn subscribe(mut ws: WebSocket, topics: Topics) -> Result<(), BoxError> {
    let own = ws.handle();
    let mut joined = 0;
    while let Some(message) = ws.recv().await? {
        let Some(text) = message.as_text() else { continue };
        if let Some(topic) = text.strip_prefix("join ") {
            if joined < MAX_TOPICS && topics.join(topic, &own) {
                joined += 1;
            }
        } else if let Some(topic) = text.strip_prefix("leave ") {
            joined -= usize::from(topics.leave(topic, &own));
        } else if let Some((topic, news)) = text.split_once(": ") {
            let delivery = topics.publish(topic, news).except(&own).await;
            ws.send(format!("told {}", delivery.queued)).await?;
        }
    }
    Ok(())
}
// ANCHOR_END: all
