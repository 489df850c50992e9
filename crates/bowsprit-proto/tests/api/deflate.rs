//! Endpoints that agreed on permessage-deflate.

use bowsprit_proto::{
    FrameHeader, Limits, ProtocolError, Role, Url,
    deflate::{Backend, ContextTakeover, DataError, Deflate, Parameters, WindowBits},
    handshake::{ClientHandshake, Offer, Policy, respond},
};

use super::pair::{End, Pair, Seen, frame, peer_of};

/// What the tests compress with: `--features zlib` runs all of them with zlib.
#[cfg(not(feature = "zlib"))]
pub(crate) const BACKEND: Backend = Backend::ZlibRs;
#[cfg(feature = "zlib")]
pub(crate) const BACKEND: Backend = Backend::Zlib;

/// First bytes: FIN and RSV1 with an opcode.
pub(crate) const TEXT: u8 = 0xC1;
pub(crate) const BINARY: u8 = 0xC2;

/// Runs the opening handshake; returns what the client and the server agreed on, if they did.
pub(crate) fn agree(client: &Deflate, server: &Deflate) -> Option<(Parameters, Parameters)> {
    let mut offer = Offer::default();
    offer.deflate = Some(*client);
    let mut policy = Policy::default();
    policy.deflate = Some(*server);
    let url: Url = "ws://example.com/".parse().unwrap();
    let (handshake, request) = ClientHandshake::new(&url, &offer, [7; 16]).unwrap();
    let accepted = respond(&request, &policy).expect("an offer of ours is well-formed");
    let by_client = handshake.verify(&accepted.response).expect("our answer fits our offer");
    assert_eq!(by_client.deflate.is_some(), accepted.negotiated.deflate.is_some());
    by_client.deflate.zip(accepted.negotiated.deflate)
}

/// Options with one rule for the context takeover of both sides.
pub(crate) fn with_takeover(takeover: bool) -> Deflate {
    let rule = if takeover { ContextTakeover::Allowed } else { ContextTakeover::Never };
    let both = Deflate::client().server_context_takeover(rule).client_context_takeover(rule);
    both.backend(BACKEND)
}

/// The same with one window for both sides.
pub(crate) fn with_window(takeover: bool, bits: u8) -> Deflate {
    with_takeover(takeover)
        .server_max_window_bits(WindowBits::AtMost(bits))
        .client_max_window_bits(WindowBits::AtMost(bits))
}

/// One end of a connection whose two ends both want `deflate`.
pub(crate) fn end(role: Role, limits: Limits, deflate: Deflate) -> End {
    let (parameters, _) = agree(&deflate, &deflate).expect("equal options agree");
    End::with_deflate(role, limits, &parameters, &deflate)
}

/// Both ends.
pub(crate) fn pair(deflate: Deflate) -> Pair {
    let limits = Limits::CLIENT;
    Pair { client: end(Role::Client, limits, deflate), server: end(Role::Server, limits, deflate) }
}

/// The frames that an end has sent: headers, and payloads unmasked.
pub(crate) fn frames_of(mut bytes: &[u8]) -> Vec<(FrameHeader, Vec<u8>)> {
    let mut frames = Vec::new();
    while !bytes.is_empty() {
        let (header, len) = FrameHeader::parse(bytes).unwrap().expect("whole frames are sent");
        let (payload, rest) = bytes[len..].split_at(usize::try_from(header.payload_len).unwrap());
        let mut payload = payload.to_vec();
        if let Some(key) = header.masking_key {
            payload.iter_mut().zip(key.iter().cycle()).for_each(|(byte, key)| *byte ^= key);
        }
        frames.push((header, payload));
        bytes = rest;
    }
    frames
}

/// Frames for the end of `role`, each a first byte and a payload.
pub(crate) fn frames_to<'p>(
    role: Role,
    frames: impl IntoIterator<Item = (u8, &'p [u8])>,
) -> Vec<u8> {
    frames.into_iter().flat_map(|(first, payload)| frame(peer_of(role), first, payload)).collect()
}

/// What is wrong with the data of a message that has failed its connection.
#[track_caller]
pub(crate) fn data_error(seen: &[Seen]) -> DataError {
    match seen.last() {
        Some(Seen::Failed(ProtocolError::Compression(error))) => *error,
        _ => panic!("it was decompressed, or failed otherwise: {seen:?}"),
    }
}

/// Text that compresses, with an end that tells it from other texts.
pub(crate) fn prose(len: usize, seed: usize) -> String {
    let words = ["sail ", "mast ", "bowsprit ", "the ", "of ", "€ ", "and ", "keel "];
    let mut state = seed.wrapping_mul(2_654_435_761) + 1;
    let mut text = String::new();
    while text.len() < len {
        state = state.wrapping_mul(1_103_515_245).wrapping_add(12_345) & 0x7FFF_FFFF;
        text.push_str(words[state >> 16 & 7]);
    }
    while text.len() > len {
        text.pop();
    }
    text.extend((text.len()..len).map(|_| '.'));
    text
}

/// Bytes that do not compress.
pub(crate) fn noise(len: usize, seed: u64) -> Vec<u8> {
    let mut state = seed.wrapping_mul(0x9E37_79B9_7F4A_7C15) | 1;
    let step = move |_| {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        state.to_le_bytes()[3]
    };
    (0..len).map(step).collect()
}
