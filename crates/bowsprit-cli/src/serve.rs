//! `bowsprit serve`: an echo and a chat.

use std::{
    collections::HashMap,
    io::Write,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicU64, Ordering},
    },
};

use anyhow::Context;
use bowsprit::{
    BoxError, Error, Event, Handle, HostPolicy, Limits, Message, OriginPolicy, Server,
    ServerBuilder, ServerTls, SubprotocolPolicy, WebSocket,
};

use crate::{args::Serve, page};

const CHAT: &str = "/chat";

pub(crate) async fn serve(options: Serve) -> anyhow::Result<()> {
    let listen = options.listen.clone();
    let hosts = hosts(options.hosts.clone(), &listen).await;
    let scheme = if options.cert.is_some() { "wss" } else { "ws" };
    let server = builder(options)?.hosts(hosts).bind(&listen).await;
    let server = server.with_context(|| format!("cannot listen on {listen}"))?;
    let addr = server.local_addr()?;
    writeln!(std::io::stdout(), "listening on {scheme}://{addr}")?;
    let chat = Arc::new(Chat::default());
    let handler = move |ws: WebSocket, _request| handle(ws, Arc::clone(&chat));
    Ok(server.serve(handler).await?)
}

/// Which hosts to answer to. What is served to this machine alone is worth protecting from pages
/// that give their own name its address.
async fn hosts(names: Vec<String>, listen: &str) -> HostPolicy {
    if !names.is_empty() {
        return HostPolicy::List(names);
    }
    let addrs = tokio::net::lookup_host(listen).await;
    let own = addrs.is_ok_and(|mut addrs| addrs.all(|addr| addr.ip().is_loopback()));
    if own { HostPolicy::Loopback } else { HostPolicy::Any }
}

fn builder(options: Serve) -> anyhow::Result<ServerBuilder> {
    let limits = Limits::SERVER
        .max_message_len(options.max_message_len)
        .max_fragments(options.max_fragments);
    let subprotocols = if options.subprotocols.is_empty() {
        SubprotocolPolicy::First
    } else {
        SubprotocolPolicy::Supported(options.subprotocols)
    };
    let mut builder = Server::builder()
        .path("/")
        .path("/echo")
        .path(CHAT)
        .limits(limits)
        .subprotocols(subprotocols)
        .deflate(options.deflate)
        .fallback(page::answer);
    if options.protocol_version_8 {
        builder = builder.accept_version_8();
    }
    if options.any_origin {
        builder = builder.origins(OriginPolicy::Any);
    }
    if let (Some(cert), Some(key)) = (options.cert, options.key) {
        builder = builder.tls(ServerTls::from_pem_files(cert, key)?);
    }
    Ok(builder)
}

async fn handle(ws: WebSocket, chat: Arc<Chat>) -> Result<(), BoxError> {
    tracing::debug!(peer = ?ws.peer_addr(), path = ws.path(), extensions = ws.extensions(), "connected");
    let result = if ws.path() == CHAT { chat.join(ws).await } else { echo(ws).await };
    match result {
        // What a peer does wrong is no failure of this server.
        Err(error) => tracing::debug!(%error, "disconnected"),
        Ok(()) => tracing::debug!("closed"),
    }
    Ok(())
}

async fn echo(mut ws: WebSocket) -> Result<(), Error> {
    let (receive, send) = ws.split_mut();
    while let Some(event) = receive.next_event().await? {
        match event {
            Event::Text(text) => send.send(text).await?,
            Event::Binary(bytes) => send.send(bytes).await?,
            _ => {}
        }
    }
    Ok(())
}

/// Sends each message to everyone.
#[derive(Debug, Default)]
struct Chat {
    next_id: AtomicU64,
    members: Mutex<HashMap<u64, Handle>>,
}

impl Chat {
    async fn join(&self, mut ws: WebSocket) -> Result<(), Error> {
        let id = self.next_id.fetch_add(1, Ordering::Relaxed);
        self.members().insert(id, ws.handle());
        let _membership = Membership { chat: self, id };
        while let Some(message) = ws.recv().await? {
            self.tell_everyone(&message);
        }
        Ok(())
    }

    fn tell_everyone(&self, message: &Message) {
        for member in self.members().values() {
            // Who does not keep up is cut off, so that the others need not wait. Who has gone
            // leaves by itself.
            if let Err(Error::QueueFull) = member.try_send(message.clone()) {
                member.terminate();
            }
        }
    }

    fn members(&self) -> MutexGuard<'_, HashMap<u64, Handle>> {
        self.members.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Leaves the chat when the connection ends, however that happens.
struct Membership<'c> {
    chat: &'c Chat,
    id: u64,
}

impl Drop for Membership<'_> {
    fn drop(&mut self) {
        self.chat.members().remove(&self.id);
    }
}
