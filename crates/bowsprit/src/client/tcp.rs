//! Options of the socket.

use std::{
    io,
    net::{IpAddr, SocketAddr},
    time::Duration,
};

use socket2::{SockRef, TcpKeepalive};
use tokio::net::{TcpSocket, TcpStream};

/// How a client's TCP socket behaves.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct TcpOptions {
    /// Sends at once, without waiting for acknowledgements. Default: true; frames are written in
    /// batches already.
    pub nodelay: bool,
    /// After this long without traffic, the system asks whether the peer is still there. Default:
    /// `None`; a [`Heartbeat`](crate::Heartbeat) also notices peers that hang.
    pub keepalive: Option<Duration>,
    /// After this long without an acknowledgement of what was sent, the system gives the connection
    /// up. Default: `None`. Linux only, elsewhere it is an error.
    pub user_timeout: Option<Duration>,
    /// The address to connect from. Default: `None`, whatever the system takes. Servers of the
    /// other address family can then not be reached.
    pub local_addr: Option<IpAddr>,
}

impl Default for TcpOptions {
    fn default() -> Self {
        Self { nodelay: true, keepalive: None, user_timeout: None, local_addr: None }
    }
}

impl TcpOptions {
    /// Whether a connection to `addr` can be made from the local address.
    pub(super) fn can_reach(&self, addr: IpAddr) -> bool {
        self.local_addr.is_none_or(|local| local.is_ipv4() == addr.is_ipv4())
    }

    pub(super) async fn connect(&self, addr: SocketAddr) -> io::Result<TcpStream> {
        let socket = if addr.is_ipv4() { TcpSocket::new_v4()? } else { TcpSocket::new_v6()? };
        if let Some(local) = self.local_addr {
            socket.bind((local, 0).into())?;
        }
        let stream = socket.connect(addr).await?;
        stream.set_nodelay(self.nodelay)?;
        if let Some(idle) = self.keepalive {
            let keepalive = TcpKeepalive::new().with_time(idle);
            SockRef::from(&stream).set_tcp_keepalive(&keepalive)?;
        }
        if let Some(timeout) = self.user_timeout {
            set_user_timeout(&stream, timeout)?;
        }
        Ok(stream)
    }
}

#[cfg(any(target_os = "linux", target_os = "android"))]
fn set_user_timeout(stream: &TcpStream, timeout: Duration) -> io::Result<()> {
    SockRef::from(stream).set_tcp_user_timeout(Some(timeout))
}

#[cfg(not(any(target_os = "linux", target_os = "android")))]
fn set_user_timeout(_: &TcpStream, _: Duration) -> io::Result<()> {
    Err(io::Error::new(io::ErrorKind::Unsupported, "this system has no TCP_USER_TIMEOUT"))
}

#[cfg(test)]
mod tests {
    use tokio::net::TcpListener;

    use super::*;

    #[tokio::test]
    async fn the_socket_has_the_options() {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let addr = listener.local_addr().unwrap();
        let stream = TcpOptions::default().connect(addr).await.unwrap();
        assert!(stream.nodelay().unwrap() && !SockRef::from(&stream).keepalive().unwrap());
        let options = TcpOptions {
            nodelay: false,
            keepalive: Some(Duration::from_secs(77)),
            user_timeout: cfg!(target_os = "linux").then_some(Duration::from_secs(66)),
            local_addr: None,
        };
        let stream = options.connect(addr).await.unwrap();
        let socket = SockRef::from(&stream);
        assert!(!stream.nodelay().unwrap() && socket.keepalive().unwrap());
        #[cfg(target_os = "linux")]
        assert_eq!(
            (socket.tcp_keepalive_time().unwrap(), socket.tcp_user_timeout().unwrap()),
            (Duration::from_secs(77), Some(Duration::from_secs(66)))
        );
    }
}
