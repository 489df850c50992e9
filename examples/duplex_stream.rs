//! A bridge between WebSocket and TCP. Given an address, each WebSocket becomes a TCP connection to
//! it, so that a browser can speak to a server that knows nothing of WebSocket. Given a URL, each TCP
//! connection becomes a WebSocket to it. Two of them are a tunnel:
//!
//! ```sh
//! cargo run -p bowsprit-examples --bin duplex-stream 127.0.0.1:5900
//! cargo run -p bowsprit-examples --bin duplex-stream ws://127.0.0.1:PORT/
//! ```
//!
//! TCP may end one direction and go on in the other, which WebSocket does not know. The two agree by
//! a subprotocol that an empty message ends a direction. Where a browser does not ask for that, the
//! end of either direction closes the connection.

use bowsprit::{BoxError, Client, Server, SubprotocolPolicy, WebSocket};
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
