//! What a client sends and a server answers, as bytes.

use std::{
    io::{self, Read, Write},
    net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream},
    time::Duration,
};

use anyhow::{Context, bail, ensure};
use bowsprit_proto::handshake::accept_for;
use rustls::ClientConnection;
use socket2::{Domain, Socket, Type};

use crate::{identity, zlib::Deflated};

/// A client that waits longer than this has found a fault.
pub(crate) const TIMEOUT: Duration = Duration::from_secs(20);

const MASKING_KEY: [u8; 4] = [0x37, 0xFA, 0x21, 0x3D];

/// The first octet of an unfragmented binary message.
const BINARY: u8 = 0x82;

/// The longest header but for the masking key.
const MAX_HEADER_LEN: usize = 10;

/// Marks a compressed message.
pub(crate) const RSV1: u8 = 0x40;

/// The smallest request that opens a connection, but for the header that names the host.
pub(crate) const UPGRADE: &[u8] = b"GET / HTTP/1.1\r\n\
    Host: localhost\r\n\
    Upgrade: websocket\r\n\
    Connection: Upgrade\r\n\
    Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\
    Sec-WebSocket-Version: 13\r\n\r\n";

/// The same with an offer to compress.
pub(crate) const UPGRADE_DEFLATE: &[u8] = b"GET / HTTP/1.1\r\n\
    Host: localhost\r\n\
    Upgrade: websocket\r\n\
    Connection: Upgrade\r\n\
    Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\
    Sec-WebSocket-Extensions: permessage-deflate; client_max_window_bits\r\n\
    Sec-WebSocket-Version: 13\r\n\r\n";

/// A binary message, as it goes to an echo server and as it comes back.
pub(crate) struct Exchange {
    pub(crate) request: Vec<u8>,
    /// Has the masking key 0 if it is masked.
    pub(crate) reply: Vec<u8>,
    /// As much of a reply as tells its kind and length.
    pub(crate) reply_header_len: usize,
    reply_is_masked: bool,
}

impl Exchange {
    /// What a client exchanges with a server.
    pub(crate) fn new(payload_len: usize) -> Self {
        let payload = payload(payload_len);
        let header = header(payload_len, false);
        Self {
            request: request(&payload),
            reply_header_len: header.len(),
            reply: [header, payload].concat(),
            reply_is_masked: false,
        }
    }

    /// What a server exchanges with a client that echoes.
    pub(crate) fn with_client(payload_len: usize) -> Self {
        let payload = payload(payload_len);
        let header = header(payload_len, true);
        Self {
            request: [self::header(payload_len, false), payload.clone()].concat(),
            reply_header_len: header.len(),
            reply: [header, vec![0; MASKING_KEY.len()], payload].concat(),
            reply_is_masked: true,
        }
    }

    /// The exchange, after it was made once, for what a server needs once.
    pub(crate) fn tried(self, addr: SocketAddr) -> anyhow::Result<Self> {
        let mut stream = connect(addr, UPGRADE)?;
        stream.write_all(&self.request)?;
        let mut reply = vec![0; self.reply.len()];
        stream.read_exact(&mut reply)?;
        ensure!(self.is_reply(&reply), wrong_echo());
        Ok(self)
    }

    /// A compressed message, and what a server makes of it.
    pub(crate) fn compressed(addr: SocketAddr, message: &Deflated) -> anyhow::Result<Self> {
        let mut request = request(&message.compressed);
        request[0] |= RSV1;
        let mut stream = connect(addr, UPGRADE_DEFLATE)?;
        stream.write_all(&request)?;
        let mut reply = vec![0; 2];
        stream.read_exact(&mut reply)?;
        ensure!(reply[0] == BINARY | RSV1, "no compressed message came back");
        let mut len = usize::from(reply[1]);
        if len == 126 {
            reply.resize(4, 0);
            stream.read_exact(&mut reply[2..])?;
            len = usize::from(u16::from_be_bytes([reply[2], reply[3]]));
        }
        let reply_header_len = reply.len();
        reply.resize(reply_header_len + len, 0);
        stream.read_exact(&mut reply[reply_header_len..])?;
        ensure!(message.is_from(&reply[reply_header_len..]), wrong_echo());
        Ok(Self { request, reply, reply_header_len, reply_is_masked: false })
    }

    /// With a server that knows no WebSocket.
    pub(crate) fn without_frames(request: Vec<u8>, reply: Vec<u8>) -> Self {
        let reply_header_len = reply.len().min(MAX_HEADER_LEN);
        Self { request, reply, reply_header_len, reply_is_masked: false }
    }

    /// The same bytes as they come back from such a server.
    pub(crate) fn of_bytes(request: Vec<u8>) -> Self {
        Self::without_frames(request.clone(), request)
    }

    /// Whether these bytes are the reply; its masking key may be any.
    pub(crate) fn is_reply(&self, bytes: &[u8]) -> bool {
        if !self.reply_is_masked {
            return bytes == self.reply;
        }
        let (expected_header, expected) = self.reply.split_at(self.reply_header_len);
        let Some((header, masked)) = bytes.split_at_checked(self.reply_header_len) else {
            return false;
        };
        let Some((key, masked)) = masked.split_first_chunk() else { return false };
        header == expected_header && apply_mask(masked, *key) == expected[key.len()..]
    }
}

fn payload(len: usize) -> Vec<u8> {
    (0..251).cycle().take(len).collect()
}

fn apply_mask(payload: &[u8], key: [u8; 4]) -> Vec<u8> {
    payload.iter().zip(key.iter().cycle()).map(|(octet, key)| octet ^ key).collect()
}

/// An unfragmented binary message of a client.
pub(crate) fn request(payload: &[u8]) -> Vec<u8> {
    let mut request = header(payload.len(), true);
    request.extend_from_slice(&MASKING_KEY);
    request.extend(apply_mask(payload, MASKING_KEY));
    request
}

/// RFC 6455 §5.2, for one unfragmented binary message.
fn header(payload_len: usize, masked: bool) -> Vec<u8> {
    let mask = if masked { 0x80 } else { 0 };
    let mut header = vec![BINARY];
    match (u8::try_from(payload_len), u16::try_from(payload_len)) {
        (Ok(len @ ..126), _) => header.push(mask | len),
        (_, Ok(len)) => {
            header.push(mask | 126);
            header.extend_from_slice(&len.to_be_bytes());
        }
        _ => {
            header.push(mask | 127);
            header.extend_from_slice(&(payload_len as u64).to_be_bytes());
        }
    }
    header
}

/// Opens a connection, blocking; with an `upgrade` a WebSocket one.
pub(crate) fn connect(addr: SocketAddr, upgrade: &[u8]) -> anyhow::Result<TcpStream> {
    let mut stream = connect_tcp(addr, None)?;
    request_upgrade(&mut stream, upgrade)?;
    Ok(stream)
}

/// The same over TLS.
pub(crate) fn connect_encrypted(
    addr: SocketAddr,
    upgrade: &[u8],
) -> anyhow::Result<(TcpStream, ClientConnection)> {
    let mut stream = connect_tcp(addr, None)?;
    let mut tls = encrypt(&mut stream)?;
    request_upgrade(&mut rustls::Stream::new(&mut tls, &mut stream), upgrade)?;
    Ok((stream, tls))
}

/// Speaks the handshake of TLS.
pub(crate) fn encrypt(stream: &mut TcpStream) -> anyhow::Result<ClientConnection> {
    let mut tls = identity::connect()?;
    tls.complete_io(stream)?;
    Ok(tls)
}

/// Opens a connection without WebSocket, blocking; with a `source` from that address.
pub(crate) fn connect_tcp(addr: SocketAddr, source: Option<Ipv4Addr>) -> io::Result<TcpStream> {
    let socket = Socket::new(Domain::IPV4, Type::STREAM, None)?;
    if let Some(source) = source {
        socket.bind(&SocketAddr::from((source, 0)).into())?;
    }
    socket.connect(&addr.into())?;
    let stream = TcpStream::from(socket);
    stream.set_nodelay(true)?;
    stream.set_read_timeout(Some(TIMEOUT))?;
    Ok(stream)
}

fn request_upgrade(stream: &mut (impl Read + Write), upgrade: &[u8]) -> anyhow::Result<()> {
    if upgrade.is_empty() {
        return Ok(());
    }
    stream.write_all(upgrade)?;
    check_head(&read_head(stream)?)
}

/// Reads a head that nothing follows.
fn read_head(stream: &mut impl Read) -> anyhow::Result<Vec<u8>> {
    let mut head = Vec::new();
    // Whoever is not spoken to says nothing after its head.
    while !ends_head(&head) {
        let mut part = [0; 1024];
        let len = stream.read(&mut part)?;
        ensure!(len > 0, "the other side has hung up");
        head.extend_from_slice(&part[..len]);
    }
    Ok(head)
}

/// Accepts a connection of a client and agrees to a WebSocket one, blocking.
pub(crate) fn accept(listener: &TcpListener) -> anyhow::Result<TcpStream> {
    let (mut stream, _) = listener.accept()?;
    stream.set_nodelay(true)?;
    stream.set_read_timeout(Some(TIMEOUT))?;
    let head = String::from_utf8(read_head(&mut stream)?)?;
    let name = "sec-websocket-key: ";
    let key = head.lines().find(|line| line.to_ascii_lowercase().starts_with(name));
    let key = &key.context("a request without key")?[name.len()..];
    write!(
        stream,
        "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\
         Sec-WebSocket-Accept: {}\r\n\r\n",
        accept_for(key)
    )?;
    Ok(stream)
}

pub(crate) fn ends_head(head: &[u8]) -> bool {
    head.ends_with(b"\r\n\r\n")
}

/// Checks the answer to [`UPGRADE`].
pub(crate) fn check_head(head: &[u8]) -> anyhow::Result<()> {
    let head = String::from_utf8_lossy(head);
    if !head.starts_with("HTTP/1.1 101 ") {
        bail!("no upgrade: {head}");
    }
    // §1.3: the answer to the key of the request.
    ensure!(head.contains("s3pPLMBiTxaQ9kYGzzhZRbK+xOo="), "a wrong key: {head}");
    Ok(())
}

/// The error of a server that echoes something else.
pub(crate) fn wrong_echo() -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, "the server has not echoed what it was sent")
}
