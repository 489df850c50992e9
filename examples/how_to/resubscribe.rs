//! Subscriptions that change, on a connection that comes and goes.

// ANCHOR: all
use std::{
    collections::BTreeSet,
    sync::{Arc, Mutex, PoisonError},
};

use bowsprit::{
    Client, ConnectError, Error,
    reconnect::{ReconnectingHandle, ReconnectingWebSocket},
};

/// What we are subscribed to, whether connected or not.
#[derive(Clone, Default)]
struct Topics(Arc<Mutex<BTreeSet<String>>>);

impl Topics {
    fn change<R>(&self, change: impl FnOnce(&mut BTreeSet<String>) -> R) -> R {
        change(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

#[derive(Clone)]
pub(crate) struct Subscriptions {
    topics: Topics,
    handle: ReconnectingHandle,
}

/// Connects again and again. Call `recv` on the second value: that drives the connection.
pub(crate) fn connect(
    client: &Client,
    url: &str,
) -> Result<(Subscriptions, ReconnectingWebSocket), ConnectError> {
    let topics = Topics::default();
    let current = topics.clone();
    let ws = client
        .reconnect(url)?
        .on_open(move |handle| {
            let topics = current.change(|topics| topics.clone());
            async move {
                for topic in topics {
                    handle.send(format!("join {topic}")).await?;
                }
                Ok(())
            }
        })
        .websocket();
    Ok((Subscriptions { topics, handle: ws.handle() }, ws))
}

impl Subscriptions {
    pub(crate) fn join(&self, topic: &str) -> Result<(), Error> {
        self.topics.change(|topics| topics.insert(topic.into()));
        self.handle.try_send(format!("join {topic}"))
    }

    pub(crate) fn leave(&self, topic: &str) -> Result<(), Error> {
        self.topics.change(|topics| topics.remove(topic));
        self.handle.try_send(format!("leave {topic}"))
    }
}
// ANCHOR_END: all
