//! One message for all connections, as is usual: a task and a bounded channel for each.

use std::{
    collections::HashMap,
    net::SocketAddr,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use futures_util::{SinkExt, StreamExt};
use tokio::{net::TcpStream, sync::mpsc};
use tokio_tungstenite::{accept_async, tungstenite::Message};

/// Messages that may wait for a connection.
const CHANNEL_LEN: usize = 64;

/// Where to send to each connection.
#[derive(Clone, Default)]
pub(crate) struct Everybody(Arc<Mutex<HashMap<SocketAddr, mpsc::Sender<Message>>>>);

impl Everybody {
    fn lock(&self) -> MutexGuard<'_, HashMap<SocketAddr, mpsc::Sender<Message>>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Sends to all; who does not keep up is left out.
    fn send(&self, message: &Message) {
        for channel in self.lock().values() {
            let _sent = channel.try_send(message.clone());
        }
    }
}

pub(crate) async fn tungstenite(stream: TcpStream, everybody: Everybody) -> anyhow::Result<()> {
    let addr = stream.peer_addr()?;
    let (mut sink, mut messages) = accept_async(stream).await?.split();
    let (channel, mut queued) = mpsc::channel(CHANNEL_LEN);
    everybody.lock().insert(addr, channel);
    tokio::spawn(async move {
        while let Some(message) = queued.recv().await {
            if sink.send(message).await.is_err() {
                break;
            }
        }
    });
    while let Some(Ok(message)) = messages.next().await {
        if message.is_text() || message.is_binary() {
            everybody.send(&message);
        }
    }
    everybody.lock().remove(&addr);
    Ok(())
}
