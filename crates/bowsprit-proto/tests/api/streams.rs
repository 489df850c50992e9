//! Streams of frames for property tests: mostly valid, some not.

use bowsprit_proto::Role;
use proptest::{collection::vec, prelude::*};

use super::pair::{frame, frames};

/// A first byte and a payload.
type Frame = (u8, Vec<u8>);

/// What `from` might send: messages, control frames, and now and then something else.
pub(crate) fn stream(from: Role) -> impl Strategy<Value = Vec<u8>> {
    let frames = move |list: Vec<Frame>| frames(from, list.iter().map(|(b, p)| (*b, &p[..])));
    let item = prop_oneof![
        12 => message().prop_map(frames),
        4 => control().prop_map(move |frame| frames(vec![frame])),
        1 => close().prop_map(move |frame| frames(vec![frame])),
        1 => any_frame(from),
        1 => vec(any::<u8>(), 0..20),
    ];
    (vec(item, 0..8), 0..10_usize).prop_map(|(items, cut)| {
        let mut bytes = items.concat();
        bytes.truncate(bytes.len().saturating_sub(cut.saturating_sub(5)));
        bytes
    })
}

/// Where to cut a stream; the fractions are of its length.
pub(crate) fn cuts() -> impl Strategy<Value = Vec<prop::sample::Index>> {
    vec(any::<prop::sample::Index>(), 0..12)
}

/// `bytes` cut at those places.
pub(crate) fn pieces<'b>(bytes: &'b [u8], cuts: &[prop::sample::Index]) -> Vec<&'b [u8]> {
    let mut at: Vec<usize> = cuts.iter().map(|cut| cut.index(bytes.len() + 1)).collect();
    at.push(bytes.len());
    at.sort_unstable();
    let starts = [0].into_iter().chain(at.iter().copied());
    starts.zip(&at).map(|(from, to)| &bytes[from..*to]).collect()
}

/// A message cut into fragments, with control frames between them.
fn message() -> impl Strategy<Value = Vec<Frame>> {
    let payload = prop_oneof![
        4 => "\\PC{0,60}".prop_map(|text| (0x1, text.into_bytes())),
        4 => vec(any::<u8>(), 0..400).prop_map(|bytes| (0x2, bytes)),
        1 => vec(any::<u8>(), 0..6).prop_map(|bytes| (0x1, bytes)),
    ];
    let between = vec(prop::option::weighted(0.3, control()), 12);
    (payload, cuts(), between).prop_map(|((opcode, payload), cuts, between)| {
        let cuts = &cuts[..cuts.len() / 2];
        let mut list = Vec::new();
        for (i, piece) in pieces(&payload, cuts).into_iter().enumerate() {
            let opcode = if i == 0 { opcode } else { 0 };
            let fin = if i == cuts.len() { 0x80 } else { 0 };
            list.extend(between[i].clone().filter(|_| i > 0));
            list.push((fin | opcode, piece.to_vec()));
        }
        list
    })
}

fn control() -> impl Strategy<Value = Frame> {
    (prop::sample::select(vec![0x89, 0x8A]), vec(any::<u8>(), 0..=125))
}

fn close() -> impl Strategy<Value = Frame> {
    let code = prop_oneof![Just(1000_u16), 990..1020_u16, any::<u16>()];
    let payload = prop_oneof![
        Just(Vec::new()),
        vec(any::<u8>(), 1..5),
        (code, "\\PC{0,20}")
            .prop_map(|(code, reason)| [&code.to_be_bytes(), reason.as_bytes()].concat()),
    ];
    (Just(0x88), payload)
}

fn any_frame(from: Role) -> impl Strategy<Value = Vec<u8>> {
    (any::<u8>(), vec(any::<u8>(), 0..140))
        .prop_map(move |(first, payload)| frame(from, first, &payload))
}
