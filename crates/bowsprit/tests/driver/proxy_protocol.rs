//! Proxies that tell where a client is before all else. The headers are the specification's own
//! examples, and what ppp builds.

use std::{
    net::SocketAddr,
    sync::{Arc, Mutex},
};

use bowsprit::{
    Server,
    server::{Listener, RequestExt, ipnet::IpNet},
};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
    task::JoinHandle,
};

use super::{
    peer::{Peer, REQUEST, TEXT},
    support::{SECOND, real},
};

type Serving = JoinHandle<Result<(), bowsprit::Error>>;

/// A server that tells its clients where they are, and what it says of failed connections.
async fn serve(network: &str) -> (SocketAddr, Serving, Arc<Mutex<Vec<String>>>) {
    let network: IpNet = network.parse().unwrap();
    let listener = Listener::bind("127.0.0.1:0").await.unwrap().proxy_protocol([network]);
    let failed = Arc::new(Mutex::new(Vec::new()));
    let noted = Arc::clone(&failed);
    let server = Server::builder()
        .handshake_timeout(SECOND)
        .on_handshake_error(move |error| noted.lock().unwrap().push(error.to_string()))
        .listen_on(listener);
    let addr = server.local_addr().unwrap();
    let serving = tokio::spawn(server.serve(|mut ws, request| async move {
        assert_eq!(ws.peer_addr(), request.peer_addr());
        assert_eq!(request.client_addr(), request.peer_addr().map(|addr| addr.ip()));
        Ok(ws.send(request.peer_addr().unwrap().to_string()).await?)
    }));
    (addr, serving, failed)
}

/// A header of version 2.
fn binary(command: u8, family: u8, rest: &[u8]) -> Vec<u8> {
    let mut header = b"\r\n\r\n\0\r\nQUIT\n".to_vec();
    header.extend([command, family]);
    header.extend(u16::try_from(rest.len()).unwrap().to_be_bytes());
    header.extend(rest);
    header
}

const V4: [u8; 12] = [192, 0, 2, 1, 192, 0, 2, 2, 0x11, 0x5c, 0, 80];

#[test]
fn the_proxy_tells_where_the_client_is() {
    real(async {
        let (addr, _server, _) = serve("127.0.0.0/8").await;
        let mut v6 = [0; 36];
        v6[..4].copy_from_slice(&[0x20, 0x01, 0x0d, 0xb8]);
        (v6[15], v6[32], v6[33]) = (1, 0x11, 0x5c);
        let with_more = [&V4[..], &[0x04, 0, 3, 1, 2, 3]].concat();
        let mut cases = vec![
            (b"PROXY TCP4 192.0.2.1 192.0.2.2 4444 80\r\n".to_vec(), Some("192.0.2.1:4444")),
            (b"PROXY TCP6 2001:db8::1 ::1 4444 80\r\n".to_vec(), Some("[2001:db8::1]:4444")),
            (b"PROXY UNKNOWN\r\n".to_vec(), None),
            (b"PROXY UNKNOWN whatever\r\n".to_vec(), None),
            (binary(0x21, 0x11, &V4), Some("192.0.2.1:4444")),
            (binary(0x21, 0x21, &v6), Some("[2001:db8::1]:4444")),
            (binary(0x21, 0x11, &with_more), Some("192.0.2.1:4444")),
            (binary(0x20, 0x00, &[]), None),
            (binary(0x21, 0x00, &[]), None),
        ];
        cases.push((ppp_header(), Some("192.0.2.1:4444")));
        for (header, client) in cases {
            for split in [0, 1, 13, header.len()] {
                let stream = TcpStream::connect(addr).await.unwrap();
                let near = stream.local_addr().unwrap().to_string();
                let mut peer = Peer::client(stream);
                let (begin, end) = header.split_at(split.min(header.len()));
                peer.write(begin).await;
                tokio::task::yield_now().await;
                peer.write([end, REQUEST.as_bytes()].concat()).await;
                assert!(peer.head().await.starts_with("HTTP/1.1 101 "));
                peer.expect(TEXT, client.unwrap_or(&near)).await;
            }
        }
    });
}

/// What another implementation writes.
fn ppp_header() -> Vec<u8> {
    let addrs = ppp::v2::IPv4::new([192, 0, 2, 1], [192, 0, 2, 2], 4444, 80);
    let command = ppp::v2::Version::Two | ppp::v2::Command::Proxy;
    ppp::v2::Builder::with_addresses(command, ppp::v2::Protocol::Stream, addrs).build().unwrap()
}

/// Sends something that is no header; what the server answers and notes.
async fn refused(network: &str, sent: &[u8]) -> String {
    let (addr, _server, failed) = serve(network).await;
    let mut stream = TcpStream::connect(addr).await.unwrap();
    stream.write_all(sent).await.unwrap();
    let mut answer = Vec::new();
    let _reset = stream.read_to_end(&mut answer).await;
    assert_eq!(answer, b"", "nothing is said to whoever is no proxy");
    let failed = failed.lock().unwrap();
    assert_eq!(failed.len(), 1, "{failed:?}");
    failed[0].clone()
}

#[test]
fn what_does_not_begin_with_a_header_is_cut_off() {
    real(async {
        let long_line = [b"PROXY UNKNOWN ".to_vec(), vec![b'x'; 100]].concat();
        let long_rest = binary(0x21, 0x11, &[0; 5000]);
        for (sent, why) in [
            (REQUEST.as_bytes(), "there is no PROXY header"),
            (&long_line, "too long"),
            (&long_rest, "too long"),
            (b"PROXY TCP4 192.0.2.1 evil 1 2\r\n", ""),
            (b"PROXY TCP4 192.0.2.1\r\n", ""),
            (&binary(0x31, 0x11, &V4), ""),
            (&binary(0x21, 0x11, &V4[..4]), ""),
            (b"PROXY TCP4", "took too long"),
        ] {
            let noted = refused("127.0.0.0/8", sent).await;
            assert!(noted.contains(why), "{noted}");
        }
    });
}

#[test]
fn whoever_is_no_trusted_proxy_is_cut_off() {
    real(async {
        let sent = b"PROXY TCP4 192.0.2.1 192.0.2.2 4444 80\r\n";
        let noted = refused("10.0.0.0/8", sent).await;
        assert!(noted.contains("permission denied"), "{noted}");
    });
}
