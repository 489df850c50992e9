//! A peer made by hand: writes whatever bytes it is told to, and reads frames without judging them.

use bowsprit_proto::handshake::accept_for;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};

/// A client's request with the key of RFC 6455 §1.3.
pub(super) const REQUEST: &str = "GET /chat HTTP/1.1\r\nHost: example.com\r\nUpgrade: websocket\r\n\
    Connection: Upgrade\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\
    Sec-WebSocket-Version: 13\r\n\r\n";

pub(super) const TEXT: u8 = 1;
pub(super) const BINARY: u8 = 2;
pub(super) const CLOSE: u8 = 8;
pub(super) const PING: u8 = 9;
pub(super) const PONG: u8 = 10;

const FIN: u8 = 0x80;
const MASKED: u8 = 0x80;
const KEY: [u8; 4] = [0x37, 0xfa, 0x21, 0x3d];

/// The other end of a connection.
pub(super) struct Peer<S> {
    pub(super) io: S,
    /// It plays the client, so it masks.
    masks: bool,
    /// Read but not used yet.
    input: Vec<u8>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Frame {
    pub(super) fin: bool,
    pub(super) opcode: u8,
    pub(super) payload: Vec<u8>,
}

impl Frame {
    pub(super) fn new(opcode: u8, payload: impl AsRef<[u8]>) -> Self {
        Self { fin: true, opcode, payload: payload.as_ref().to_vec() }
    }

    /// A close frame.
    pub(super) fn close(code: u16, reason: &str) -> Self {
        Self::new(CLOSE, [&code.to_be_bytes()[..], reason.as_bytes()].concat())
    }

    /// Its bytes, as a client or a server sends them.
    pub(super) fn encode(&self, masked: bool) -> Vec<u8> {
        let mut bytes = vec![if self.fin { FIN } else { 0 } | self.opcode];
        let mask = if masked { MASKED } else { 0 };
        match self.payload.len() {
            len @ 0..=125 => bytes.push(mask | u8::try_from(len).unwrap()),
            len @ 126..=0xffff => {
                bytes.push(mask | 126);
                bytes.extend(u16::try_from(len).unwrap().to_be_bytes());
            }
            len => {
                bytes.push(mask | 127);
                bytes.extend((len as u64).to_be_bytes());
            }
        }
        if masked {
            bytes.extend(KEY);
            bytes.extend(self.payload.iter().enumerate().map(|(i, byte)| byte ^ KEY[i % 4]));
        } else {
            bytes.extend(&self.payload);
        }
        bytes
    }
}

impl<S: AsyncRead + AsyncWrite + Unpin> Peer<S> {
    /// Plays the client: sends a request and reads the response, which has to be 101.
    pub(super) async fn connect(io: S) -> Self {
        let mut peer = Self::client(io);
        peer.write(REQUEST).await;
        let head = peer.head().await;
        assert!(head.starts_with("HTTP/1.1 101 "), "{head}");
        peer
    }

    /// Plays the server: reads a request and answers it.
    pub(super) async fn accept(io: S) -> Self {
        let mut peer = Self::server(io);
        let request = peer.head().await;
        peer.write(switching_protocols(&request, "")).await;
        peer
    }

    /// A client that has sent nothing yet.
    pub(super) fn client(io: S) -> Self {
        Self { io, masks: true, input: Vec::new() }
    }

    /// A server that has sent nothing yet.
    pub(super) fn server(io: S) -> Self {
        Self { io, masks: false, input: Vec::new() }
    }

    /// Writes bytes as they are.
    pub(super) async fn write(&mut self, bytes: impl AsRef<[u8]>) {
        self.io.write_all(bytes.as_ref()).await.unwrap();
    }

    /// Writes a frame.
    pub(super) async fn send(&mut self, opcode: u8, payload: impl AsRef<[u8]>) {
        let bytes = self.encode(opcode, payload);
        self.write(bytes).await;
    }

    /// Writes a close frame.
    pub(super) async fn send_close(&mut self, code: u16, reason: &str) {
        let bytes = Frame::close(code, reason).encode(self.masks);
        self.write(bytes).await;
    }

    /// The bytes of a frame of this peer.
    pub(super) fn encode(&self, opcode: u8, payload: impl AsRef<[u8]>) -> Vec<u8> {
        Frame::new(opcode, payload).encode(self.masks)
    }

    /// Reads the head of a request or response.
    pub(super) async fn head(&mut self) -> String {
        loop {
            if let Some(end) = self.input.windows(4).position(|four| four == b"\r\n\r\n") {
                let rest = self.input.split_off(end + 4);
                let head = std::mem::replace(&mut self.input, rest);
                return String::from_utf8(head).unwrap();
            }
            let len = self.io.read_buf(&mut self.input).await.unwrap();
            assert_ne!(len, 0, "the head ends early: {:?}", String::from_utf8_lossy(&self.input));
        }
    }

    /// Reads a frame; `None` at the end of the transport.
    pub(super) async fn try_frame(&mut self) -> Option<Frame> {
        loop {
            if let Some((frame, len)) = self.parse() {
                self.input.drain(..len);
                return Some(frame);
            }
            // A reset ends a connection as well.
            if self.io.read_buf(&mut self.input).await.unwrap_or(0) == 0 {
                assert!(self.input.is_empty(), "half a frame: {:?}", self.input);
                return None;
            }
        }
    }

    /// Reads a frame.
    pub(super) async fn frame(&mut self) -> Frame {
        self.try_frame().await.expect("the transport has ended")
    }

    /// Reads the next frame and compares it.
    pub(super) async fn expect(&mut self, opcode: u8, payload: impl AsRef<[u8]>) {
        assert_eq!(self.frame().await, Frame::new(opcode, payload));
    }

    /// Reads a close frame with this code and returns its reason.
    pub(super) async fn expect_close(&mut self, code: u16) -> String {
        let frame = self.frame().await;
        assert_eq!((frame.opcode, &frame.payload[..2]), (CLOSE, &code.to_be_bytes()[..]));
        String::from_utf8(frame.payload[2..].to_vec()).unwrap()
    }

    /// Expects the end of the transport.
    pub(super) async fn expect_end(&mut self) {
        assert_eq!(self.try_frame().await, None);
    }

    /// Ends this direction of the transport.
    pub(super) async fn shut_down(&mut self) {
        self.io.shutdown().await.unwrap();
    }

    /// Answers a close frame with this code, ends the transport, and expects the other side's end.
    pub(super) async fn finish(&mut self, code: u16) {
        self.expect_close(code).await;
        self.send_close(code, "").await;
        self.shut_down().await;
        self.expect_end().await;
    }

    /// The frame at the start of the input, if it is whole, and its length.
    fn parse(&self) -> Option<(Frame, usize)> {
        let [first, second, rest @ ..] = &self.input[..] else { return None };
        let (len, rest) = match second & 0x7f {
            126 => {
                rest.split_first_chunk().map(|(len, rest)| (u16::from_be_bytes(*len).into(), rest))
            }
            127 => rest.split_first_chunk().map(|(len, rest)| (u64::from_be_bytes(*len), rest)),
            len => Some((u64::from(len), rest)),
        }?;
        // RFC 6455 §5.1: clients mask, servers do not.
        assert_eq!(second & MASKED != 0, !self.masks, "masking");
        let (key, rest) = if self.masks {
            ([0; 4], rest)
        } else {
            rest.split_first_chunk().map(|(k, r)| (*k, r))?
        };
        let payload = rest.get(..usize::try_from(len).unwrap())?;
        let used = self.input.len() - rest.len() + payload.len();
        let payload = payload.iter().enumerate().map(|(i, byte)| byte ^ key[i % 4]).collect();
        Some((Frame { fin: first & FIN != 0, opcode: first & 0x0f, payload }, used))
    }
}

/// The response to a client's request, with more header fields.
pub(super) fn switching_protocols(request: &str, more: &str) -> String {
    let key = request
        .lines()
        .find_map(|line| {
            let (name, value) = line.split_once(':')?;
            name.eq_ignore_ascii_case("sec-websocket-key").then_some(value.trim())
        })
        .expect("a request has a key");
    format!(
        "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\
         Sec-WebSocket-Accept: {}\r\n{more}\r\n",
        accept_for(key)
    )
}
