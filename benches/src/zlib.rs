//! The limit with compression: bare zlib-rs and an echo of bytes on tokio. A message is its length
//! in 4 octets, and its compressed data.

use std::{cell::RefCell, io};

use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpStream},
};
use zlib_rs::{Deflate, DeflateFlush, Inflate, InflateFlush};

use crate::wire::Exchange;

/// What ends the data of a flush, and is not sent, RFC 7692 §7.2.1.
const TAIL: [u8; 4] = [0, 0, 0xFF, 0xFF];

const MAX_LEN: usize = 64 * 1024;

/// What a message goes through, with contexts that every message begins anew.
struct Codec {
    deflate: Deflate,
    inflate: Inflate,
    plain: Vec<u8>,
    compressed: Vec<u8>,
}

thread_local! {
    static CODEC: RefCell<Codec> = RefCell::new(Codec::new(1, 15));
}

impl Codec {
    fn new(level: i32, window_bits: u8) -> Self {
        Self {
            deflate: Deflate::new(level, false, window_bits),
            inflate: Inflate::new(false, 15),
            plain: vec![0; MAX_LEN],
            compressed: vec![0; MAX_LEN],
        }
    }

    fn compress(&mut self, plain: &[u8]) -> &[u8] {
        self.deflate.reset();
        let done = self.deflate.compress(plain, &mut self.compressed, DeflateFlush::SyncFlush);
        done.expect("valid calls of zlib");
        let len = usize::try_from(self.deflate.total_out()).unwrap_or(MAX_LEN);
        &self.compressed[..len - TAIL.len()]
    }

    fn decompress(&mut self, compressed: &[u8]) -> io::Result<usize> {
        self.inflate.reset(false);
        let mut len = 0;
        for part in [compressed, &TAIL] {
            let out = &mut self.plain[len..];
            let done = self.inflate.decompress(part, out, InflateFlush::NoFlush);
            done.map_err(|_| io::ErrorKind::InvalidData)?;
            len = usize::try_from(self.inflate.total_out()).unwrap_or(MAX_LEN);
        }
        Ok(len)
    }

    fn echo(&mut self, compressed: &[u8]) -> io::Result<&[u8]> {
        let len = self.decompress(compressed)?;
        let plain = std::mem::take(&mut self.plain);
        self.compress(&plain[..len]);
        self.plain = plain;
        let len = usize::try_from(self.deflate.total_out()).unwrap_or(MAX_LEN);
        Ok(&self.compressed[..len - TAIL.len()])
    }
}

/// A message, at level 1.
pub(crate) struct Deflated {
    plain: Vec<u8>,
    pub(crate) compressed: Vec<u8>,
}

impl Deflated {
    /// JSON of so many bytes.
    pub(crate) fn json(len: usize, window_bits: u8) -> Self {
        let mut plain = Vec::new();
        for i in 0_usize.. {
            let (user, amount) = (i * 7919 % 1000, i * i * 31 % 10_007);
            let item = format!(r#"{{"id":{i},"user":"user {user}","amount":{amount},"ok":true}},"#);
            plain.extend_from_slice(item.as_bytes());
            if plain.len() >= len {
                break;
            }
        }
        plain.truncate(len);
        Self::new(plain, window_bits)
    }

    /// So many zeros.
    pub(crate) fn zeros(len: usize) -> Self {
        Self::new(vec![0; len], 15)
    }

    fn new(plain: Vec<u8>, window_bits: u8) -> Self {
        let compressed = Codec::new(1, window_bits).compress(&plain).to_vec();
        Self { plain, compressed }
    }

    /// So many MiB of nothing but zeros.
    pub(crate) fn bomb(mebibytes: usize) -> Vec<u8> {
        let mut compressed = vec![0; MAX_LEN];
        let mut deflate = Deflate::new(9, false, 15);
        let done = deflate.compress(&vec![0; 1 << 20], &mut compressed, DeflateFlush::FullFlush);
        done.expect("valid calls of zlib");
        // What follows a full flush refers to nothing before it, so it can be repeated.
        compressed.truncate(usize::try_from(deflate.total_out()).unwrap_or(MAX_LEN));
        let mut bomb = compressed.repeat(mebibytes);
        bomb.truncate(bomb.len() - TAIL.len());
        bomb
    }

    /// Whether another's compressed data is of the same message.
    pub(crate) fn is_from(&self, compressed: &[u8]) -> bool {
        let mut codec = Codec::new(1, 15);
        let len = codec.decompress(compressed);
        len.is_ok_and(|len| codec.plain[..len] == self.plain)
    }

    /// The message, and what [`serve`] makes of it at `level`.
    pub(crate) fn exchange(&self, level: u8) -> Exchange {
        let framed = |data: &[u8]| [&length(data), data].concat();
        let mut codec = Codec::new(level.into(), 15);
        Exchange::without_frames(framed(&self.compressed), framed(codec.compress(&self.plain)))
    }
}

fn length(data: &[u8]) -> [u8; 4] {
    u32::try_from(data.len()).unwrap_or(u32::MAX).to_be_bytes()
}

/// Compresses at `level`, on this thread.
pub(crate) async fn serve(listener: TcpListener, level: u8) -> io::Result<()> {
    CODEC.replace(Codec::new(level.into(), 15));
    loop {
        let (stream, _) = listener.accept().await?;
        stream.set_nodelay(true)?;
        tokio::spawn(echo(stream));
    }
}

async fn echo(mut stream: TcpStream) -> io::Result<()> {
    let (mut input, mut output) = (Vec::with_capacity(MAX_LEN), Vec::with_capacity(MAX_LEN));
    while stream.read_buf(&mut input).await? > 0 {
        let mut rest = &input[..];
        while let Some((len, data)) = rest.split_first_chunk() {
            let len = usize::try_from(u32::from_be_bytes(*len)).unwrap_or(usize::MAX);
            let Some((message, after)) = data.split_at_checked(len) else { break };
            CODEC.with_borrow_mut(|codec| {
                let reply = codec.echo(message)?;
                output.extend_from_slice(&length(reply));
                output.extend_from_slice(reply);
                io::Result::Ok(())
            })?;
            rest = after;
        }
        let used = input.len() - rest.len();
        input.drain(..used);
        stream.write_all(&output).await?;
        output.clear();
    }
    Ok(())
}
