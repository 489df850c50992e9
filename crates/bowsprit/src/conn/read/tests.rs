//! What a connection holds while it waits.

use std::future::poll_fn;

use bowsprit_proto::{
    deflate::{ContextTakeover, Deflate, Parameters},
    handshake::{Policy, respond},
    queue::Origin,
};
use http::Request;
use tokio::io::{AsyncWriteExt, DuplexStream, duplex};

use super::*;
use crate::{
    ConnectionConfig, Limits, Outgoing, Output, Sender,
    conn::Info,
    shared_config::SharedConfig,
    stats::Counters,
    transport::{AnyTransport, WriteHalf},
};

const TEXT_LEN: usize = 100_000;

fn agree(takeover: ContextTakeover) -> Parameters {
    let deflate =
        Deflate::server().server_context_takeover(takeover).client_context_takeover(takeover);
    let mut policy = Policy::default();
    policy.deflate = Some(deflate);
    let request = Request::get("/")
        .header("host", "example.com")
        .header("connection", "upgrade")
        .header("upgrade", "websocket")
        .header("sec-websocket-key", "dGhlIHNhbXBsZSBub25jZQ==")
        .header("sec-websocket-version", "13")
        .header("sec-websocket-extensions", "permessage-deflate")
        .body(())
        .unwrap();
    respond(&request, &policy).unwrap().negotiated.deflate.unwrap()
}

fn shared_config() -> Arc<SharedConfig> {
    let counters = Arc::new(Counters::new(Role::Server));
    Arc::new(SharedConfig { config: ConnectionConfig::server(), counters })
}

/// A server's side of a connection that compresses, and the other end of its transport.
fn connection(parameters: &Parameters, pipe_len: usize) -> (Reader, DuplexStream) {
    let (ours, theirs) = duplex(pipe_len);
    let (read, write): (ReadHalf, WriteHalf) = AnyTransport::from_io(ours).0.split();
    let sender = Sender::server().with_deflate(parameters, &Deflate::server());
    let receiver =
        Receiver::new(Role::Server, Limits::SERVER).with_deflate(parameters, &Deflate::server());
    let link = Link::new(sender, write, Info::new(None, "/"), shared_config());
    (Reader::new(read, Role::Server, receiver, ReceiveBuffer::default(), link), theirs)
}

#[tokio::test]
async fn a_reader_that_waits_keeps_no_decompressed_message() {
    for takeover in [ContextTakeover::Never, ContextTakeover::Allowed] {
        let parameters = agree(takeover);
        let (mut reader, mut peer) = connection(&parameters, 1024 * 1024);
        let mut client = Sender::client(|| [0; 4]).with_deflate(&parameters, &Deflate::client());
        let mut out = Output::new();
        client.text(&"tick ".repeat(TEXT_LEN / 5), &mut out).unwrap();
        for slice in out.slices() {
            peer.write_all(slice).await.unwrap();
        }
        assert!(poll_fn(|cx| reader.poll_event(cx, Want::Messages)).await.unwrap());
        assert!(matches!(reader.event(), Some(Event::Text(text)) if text.len() == TEXT_LEN));
        let mut cx = Context::from_waker(std::task::Waker::noop());
        assert!(reader.poll_event(&mut cx, Want::Messages).is_pending());
        assert!(reader.buffer.take_scratch().is_none(), "{takeover:?}");
    }
}

#[tokio::test]
async fn a_peer_that_takes_nothing_keeps_no_context_from_others() {
    let parameters = agree(ContextTakeover::Never);
    let config = Sender::server().with_deflate(&parameters, &Deflate::server()).wanted_compressor();
    let (reader, _peer) = connection(&parameters, 1);
    let text = "tick ".repeat(reader.link.config().max_inline_compression_len / 5);
    reader.link.try_send(Outgoing::from(text.as_str()), Origin::Owner).unwrap();
    reader.link.write_out();
    assert!(reader.link.queued_len() > 0);
    assert!(pool::take_compressor(config.unwrap()).is_some());
}

#[tokio::test]
async fn what_nobody_receives_keeps_no_pooled_block() {
    let (mut reader, mut peer) = connection(&agree(ContextTakeover::Never), 1024 * 1024);
    let mut client = Sender::client(|| [0; 4]);
    let mut out = Output::new();
    client.ping(b"before", &mut out).unwrap();
    client.binary(&vec![7; 100_000], &mut out).unwrap();
    for slice in out.slices() {
        peer.write_all(slice).await.unwrap();
    }
    let mut cx = Context::from_waker(std::task::Waker::noop());
    for _ in 0..3 {
        reader.watch(&mut cx, false);
        assert!((1..=MAX_MOVED_LEN).contains(&reader.buffer.block_len()));
    }
    assert!(reader.link.queued_len() > 0, "the ping is answered");
    assert!(poll_fn(|cx| reader.poll_event(cx, Want::Messages)).await.unwrap());
    assert!(matches!(reader.event(), Some(Event::Binary(bytes)) if bytes == [7; 100_000]));
    reader.watch(&mut cx, true);
    assert_eq!(reader.buffer.block_len(), 0);
}
