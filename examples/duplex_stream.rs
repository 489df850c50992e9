//! A bridge between WebSocket and TCP. Given an address, it forwards each WebSocket to a TCP
//! connection, so that a browser can talk to a server that does not support WebSocket. Given a URL,
//! it forwards each TCP connection to a WebSocket. Two of them make a tunnel:
//!
//! ```sh
//! cargo run -p bowsprit-examples --bin duplex-stream 127.0.0.1:5900
//! cargo run -p bowsprit-examples --bin duplex-stream ws://127.0.0.1:PORT/
//! ```
//!
//! A TCP connection can end one direction and continue in the other; a WebSocket cannot. The two
//! bridges negotiate a subprotocol in which an empty message ends a direction. If the peer, such as
//! a browser, does not offer it, the end of either direction closes the connection.

use bowsprit::{Client, Server, WebSocket, error::BoxError, server::SubprotocolPolicy};
use tokio::{
    io::copy_bidirectional,
    net::{TcpListener, TcpStream},
};

const HALF_CLOSE: &str = "half-close";

#[tokio::main]
async fn main() -> Result<(), BoxError> {
    let usage = "usage: duplex-stream ADDRESS:PORT, or duplex-stream URL";
    let target = std::env::args().nth(1).ok_or(usage)?;
    if target.contains("://") { accept_tcp(target).await } else { accept_websockets(target).await }
}

async fn accept_websockets(target: String) -> Result<(), BoxError> {
    let subprotocols = SubprotocolPolicy::Supported(vec![HALF_CLOSE.into()]);
    let server = Server::builder().subprotocols(subprotocols).bind("127.0.0.1:0").await?;
    println!("listening on ws://{}", server.local_addr()?);
    server
        .serve(move |ws, _| {
            let target = target.clone();
            async move { bridge(ws, TcpStream::connect(target).await?).await }
        })
        .await?;
    Ok(())
}

async fn accept_tcp(url: String) -> Result<(), BoxError> {
    let listener = TcpListener::bind("127.0.0.1:0").await?;
    println!("listening on {}", listener.local_addr()?);
    let client = Client::new().subprotocol(HALF_CLOSE);
    loop {
        let (tcp, _) = listener.accept().await?;
        let (client, url) = (client.clone(), url.clone());
        tokio::spawn(async move {
            let bridged = async { bridge(client.connect(&url).await?, tcp).await };
            if let Err(error) = bridged.await {
                eprintln!("{error}");
            }
        });
    }
}

async fn bridge(ws: WebSocket, mut tcp: TcpStream) -> Result<(), BoxError> {
    let agreed = ws.subprotocol() == Some(HALF_CLOSE);
    let mut stream = ws.into_io();
    if agreed {
        stream = stream.half_close();
    }
    copy_bidirectional(&mut stream, &mut tcp).await?;
    stream.close().await?;
    Ok(())
}
