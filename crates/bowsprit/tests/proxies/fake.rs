//! A proxy made by hand, and the server behind it.

use std::{
    net::SocketAddr,
    sync::{Arc, Mutex},
};

use bowsprit::{Server, transport::Transport};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt, copy_bidirectional},
    net::{TcpListener, TcpStream},
};

/// What a proxy has been told before the tunnel was open.
pub(super) type Log = Arc<Mutex<Vec<u8>>>;

/// An echo that first tells the head of its request, on a free port.
pub(super) async fn origin() -> SocketAddr {
    let server = Server::builder().bind("127.0.0.1:0").await.unwrap();
    let addr = server.local_addr().unwrap();
    tokio::spawn(server.serve(|mut ws, request| async move {
        // `Debug` of the request hides what is secret.
        let fields = request.headers().iter();
        let told = fields.map(|(name, value)| format!("{name:?}: {:?}", value.to_str().unwrap()));
        ws.send(told.collect::<Vec<_>>().join(", ")).await?;
        while let Some(message) = ws.recv().await? {
            ws.send(message).await?;
        }
        Ok(())
    }));
    addr
}

/// Reads up to a blank line, answers, and then passes bytes on to `to`.
pub(super) async fn http(mut io: impl Transport, log: Log, answer: &str, to: SocketAddr) {
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        head.push(io.read_u8().await.unwrap());
    }
    log.lock().unwrap().extend(head);
    io.write_all(answer.as_bytes()).await.unwrap();
    if answer.contains(" 200 ") {
        pass_on(io, to).await;
    }
}

/// Plays a conversation, of what is read and what is answered, and then passes bytes on to `to`.
pub(super) async fn talk(
    mut io: impl Transport,
    log: Log,
    script: &[(usize, &[u8])],
    to: SocketAddr,
) {
    for (len, answer) in script {
        let mut heard = vec![0; *len];
        io.read_exact(&mut heard).await.unwrap();
        log.lock().unwrap().extend(heard);
        io.write_all(answer).await.unwrap();
    }
    pass_on(io, to).await;
}

async fn pass_on(mut io: impl Transport, to: SocketAddr) {
    let mut server = TcpStream::connect(to).await.unwrap();
    let _ended = copy_bidirectional(&mut io, &mut server).await;
}

/// Listens, and gives the first connection to `proxy`.
pub(super) async fn listen<F>(proxy: impl FnOnce(TcpStream) -> F + Send + 'static) -> SocketAddr
where
    F: Future<Output = ()> + Send + 'static,
{
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let addr = listener.local_addr().unwrap();
    tokio::spawn(async move { proxy(listener.accept().await.unwrap().0).await });
    addr
}

pub(super) fn logged(log: &Log) -> Vec<u8> {
    log.lock().unwrap().clone()
}
