//! Something between a client and a server that counts what they send.

use tokio::{
    io,
    net::{TcpListener, TcpStream},
    task::JoinHandle,
};

/// A listener that passes one connection on.
pub(super) struct Meter {
    authority: String,
    passing: JoinHandle<io::Result<(u64, u64)>>,
}

impl Meter {
    pub(super) async fn start(server: &str) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let authority = listener.local_addr().unwrap().to_string();
        let server = server.to_owned();
        let passing = tokio::spawn(async move {
            let (mut client, _) = listener.accept().await?;
            let mut server = TcpStream::connect(server).await?;
            client.set_nodelay(true)?;
            server.set_nodelay(true)?;
            io::copy_bidirectional(&mut client, &mut server).await
        });
        Self { authority, passing }
    }

    pub(super) fn authority(&self) -> &str {
        &self.authority
    }

    /// How many bytes have gone to the server and from it, once both have hung up.
    pub(super) async fn end(self) -> (u64, u64) {
        self.passing.await.unwrap().unwrap()
    }
}
