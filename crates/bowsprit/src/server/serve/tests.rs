//! What a listener hands on.

use tokio::net::{TcpListener, TcpStream};

use super::*;
use crate::{
    server::ServerBuilder,
    tcp::tests::{assert_default, assert_others, others},
    transport::AnyTransport,
};

/// The sockets that a server accepts: at an address that it has bound, and at a listener that it
/// was given.
async fn accepted(builder: ServerBuilder) -> [TcpStream; 2] {
    let given = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let server = builder.bind("127.0.0.1:0").await.unwrap().add_listener(given);
    let mut first = 0;
    let mut streams = Vec::new();
    for listener in server.listeners() {
        let _client = TcpStream::connect(listener.local_addr().unwrap()).await.unwrap();
        let pending = server.accept(&mut first).await.unwrap();
        let AnyTransport::Tcp(stream) = pending.transport else { panic!("not TCP") };
        streams.push(stream);
    }
    streams.try_into().unwrap()
}

#[tokio::test]
async fn accepted_sockets_have_the_options() {
    accepted(Server::builder()).await.iter().for_each(assert_default);
    accepted(Server::builder().tcp(others())).await.iter().for_each(assert_others);
}
