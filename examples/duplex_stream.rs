//! A bridge: each WebSocket becomes a TCP connection to the address in the first argument, so that
//! a browser can speak to a server that knows nothing of WebSocket.
//!
//! ```sh
//! cargo run -p bowsprit-examples --bin duplex-stream 127.0.0.1:5900
//! ```

use bowsprit::{BoxError, Server};
use tokio::{io::copy_bidirectional, net::TcpStream};

#[tokio::main]
async fn main() -> Result<(), BoxError> {
    let target = std::env::args().nth(1).ok_or("usage: duplex-stream ADDRESS:PORT")?;
    let server = Server::builder().bind("127.0.0.1:0").await?;
    println!("listening on ws://{}", server.local_addr()?);
    server
        .serve(move |ws, _| {
            let target = target.clone();
            async move {
                let mut tcp = TcpStream::connect(target).await?;
                copy_bidirectional(&mut ws.into_io(), &mut tcp).await?;
                Ok(())
            }
        })
        .await?;
    Ok(())
}
