//! The core: frames, masks, compression.

use std::hint::black_box;

use anyhow::{Context, Result, ensure};
use bowsprit_proto::{
    Event, Limits, Output, ReceiveBuffer, Receiver, Role, Sender, Url,
    deflate::{Deflate, Parameters},
    handshake::{ClientHandshake, Offer, Policy, respond},
    mask::apply_mask,
};

const KEY: [u8; 4] = [0x37, 0xFA, 0x21, 0x3D];

/// Text in which one character in eight is not ASCII.
pub(crate) fn text(len: usize) -> Vec<u8> {
    let mut text = "seven b\u{e9}".repeat(len / 9);
    text.extend(std::iter::repeat_n('x', len - text.len()));
    text.into_bytes()
}

pub(crate) fn masked_frame(first: u8, payload: &[u8]) -> Vec<u8> {
    let mut frame = vec![first];
    match u8::try_from(payload.len()) {
        Ok(len @ ..126) => frame.push(0x80 | len),
        _ => {
            frame.push(0xFF);
            frame.extend((payload.len() as u64).to_be_bytes());
        }
    }
    frame.extend(KEY);
    let start = frame.len();
    frame.extend_from_slice(payload);
    apply_mask(&mut frame[start..], KEY, 0);
    frame
}

/// What a server does with the input of one read, as far as the next event.
pub(crate) fn receive(frames: &[u8], expected: usize, times: usize) -> Result<()> {
    let mut receiver = Receiver::new(Role::Server, Limits::SERVER);
    let mut input = ReceiveBuffer::new();
    for _ in 0..times {
        input.extend(frames);
        let mut received = 0;
        while receiver.receive(&mut input, &mut ()).progress?.is_event() {
            black_box(input.event().context("an event without data")?);
            received += 1;
        }
        ensure!(received == expected, "{received} messages instead of {expected}");
    }
    Ok(())
}

pub(crate) fn mask(len: usize, times: usize) -> Result<()> {
    let payload = text(len);
    let mut masked = payload.clone();
    for _ in 0..times {
        apply_mask(black_box(&mut masked), black_box(KEY), black_box(0));
    }
    // An even number of times is none.
    ensure!((masked == payload) == times.is_multiple_of(2), "masking has gone wrong");
    Ok(())
}

/// Compresses a message and decompresses it.
pub(crate) fn deflate(len: usize, times: usize) -> Result<()> {
    let options = Deflate::server().threshold(0);
    let parameters = agree(options)?;
    let mut sender = Sender::server().with_deflate(&parameters, &options);
    let mut receiver =
        Receiver::new(Role::Client, Limits::CLIENT).with_deflate(&parameters, &options);
    let (mut input, mut output) = (ReceiveBuffer::new(), Output::new());
    let json: String = (0..len).map(|i| format!(r#"{{"id":{i},"ok":true}},"#)).collect();
    let json = &json[..len];
    for _ in 0..times {
        sender.text(json, &mut output)?;
        for slice in output.slices() {
            input.extend(slice);
        }
        output.advance(output.len());
        ensure!(
            receiver.receive(&mut input, &mut ()).progress?.is_event(),
            "the message is not whole"
        );
        ensure!(input.event() == Some(Event::Text(json)), "another message has come out");
        ensure!(!receiver.receive(&mut input, &mut ()).progress?.is_event(), "there is more");
    }
    Ok(())
}

/// What a client agrees on with a server of these options.
fn agree(options: Deflate) -> Result<Parameters> {
    let mut policy = Policy::default();
    policy.deflate = Some(options);
    let mut offer = Offer::default();
    offer.deflate = Some(Deflate::client());
    let url: Url = "ws://example.com/".parse()?;
    let (_, request) = ClientHandshake::new(&url, &offer, [7; 16])?;
    let accepted = respond(&request, &policy).ok().context("the request was refused")?;
    accepted.negotiated.deflate.context("no compression")
}
