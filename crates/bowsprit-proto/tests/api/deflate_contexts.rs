//! Contexts that are lent and taken back between messages.

use bowsprit_proto::{
    Fragment, Limits, Message, MessageKind, Role, Sender,
    deflate::{Compressor, Decompressor, Deflate},
};
use proptest::prelude::*;

use super::{
    deflate::{BACKEND, end, frames_of, pair, prose, with_takeover, with_window},
    pair::{BOTH, EVENT, End, Seen, peer_of, receive, text},
};

/// What happens to the contexts before a message.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Pool {
    Leave,
    Take,
    TakeAndLend,
    LendAnother,
    Drop,
}

fn pools() -> impl Strategy<Value = Vec<(Pool, usize, bool)>> {
    use Pool::{Drop, Leave, LendAnother, Take, TakeAndLend};
    let pool = prop::sample::select(vec![Leave, Take, TakeAndLend, LendAnother, Drop]);
    prop::collection::vec((pool, prop_oneof![0..3000_usize, 900..1100_usize], any::<bool>()), 1..12)
}

/// A context of the same configuration that another connection has used.
fn used_compressor(deflate: Deflate, role: Role) -> Compressor {
    let mut other = end(role, Limits::SERVER, deflate);
    let config = other.connection.sender().wanted_compressor().unwrap();
    other.connection.sender().lend_compressor(Compressor::new(config));
    other.send(|sender, out| sender.text(&prose(2000, 9), out)).unwrap();
    other.connection.sender().take_compressor().unwrap_or_else(|| Compressor::new(config))
}

fn disturb_sender(end: &mut End, pool: Pool, takeover: bool, deflate: Deflate) {
    let role = end.role;
    let sender = end.connection.sender();
    match pool {
        Pool::Leave => {}
        Pool::Drop => drop_compressor(sender),
        Pool::LendAnother => sender.lend_compressor(used_compressor(deflate, role)),
        Pool::Take | Pool::TakeAndLend => {
            let had_one = sender.wanted_compressor().is_none();
            let taken = sender.take_compressor();
            assert_eq!(taken.is_some(), had_one && !takeover);
            if let Some(compressor) = taken.filter(|_| pool == Pool::TakeAndLend) {
                assert_eq!(sender.wanted_compressor(), Some(compressor.config()));
                sender.lend_compressor(compressor);
                assert_eq!(sender.wanted_compressor(), None);
            }
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(60))]

    /// RFC: D7.2.1-4, D7.2.2-1
    #[test]
    fn a_conversation_goes_on_whatever_happens_to_the_contexts(
        takeover: bool,
        role in prop::sample::select(BOTH.to_vec()),
        script in pools(),
    ) {
        let deflate = with_takeover(takeover);
        let mut from = end(role, Limits::SERVER, deflate);
        let to = end(peer_of(role), Limits::SERVER, deflate);
        let (mut receiver, _) = to.connection.split();
        let mut input = to.input;
        let mut pooled = Vec::new();
        for (i, (pool, len, fragmented)) in script.into_iter().enumerate() {
            disturb_sender(&mut from, pool, takeover, deflate);
            let had_one = receiver.wanted_decompressor().is_none();
            let taken = receiver.take_decompressor();
            prop_assert_eq!(taken.is_some(), had_one && !takeover);
            pooled.extend(taken);
            if pool == Pool::LendAnother {
                receiver.lend_decompressor(pooled.pop().unwrap_or_else(|| Decompressor::new(BACKEND)));
                prop_assert!(receiver.wanted_decompressor().is_none());
            }
            let message = prose(len, i % 3);
            let bytes = if fragmented {
                let middle = len / 2;
                let parts = [(&message.as_bytes()[..middle], false), (&message.as_bytes()[middle..], true)];
                parts.into_iter().flat_map(|(payload, fin)| {
                    let fragment = Fragment { kind: MessageKind::Text, payload, fin };
                    let sent = from.send(|sender, out| sender.fragment(fragment, out)).unwrap();
                    assert!(fin || from.connection.sender().take_compressor().is_none());
                    sent
                }).collect()
            } else {
                from.send(|sender, out| sender.text(&message, out)).unwrap()
            };
            input.extend(&bytes);
            prop_assert_eq!(receive(&mut receiver, &mut input), EVENT);
            prop_assert_eq!(Seen::of(&input.event().unwrap()), text(&message));
        }
    }
}

fn fragment(end: &mut End, payload: &str, fin: bool) -> Vec<u8> {
    let fragment = Fragment { kind: MessageKind::Text, payload: payload.as_bytes(), fin };
    end.send(|sender, out| sender.fragment(fragment, out)).unwrap()
}

#[test]
fn contexts_stay_inside_a_compressed_message() {
    for role in BOTH {
        let deflate = with_takeover(false);
        let mut from = end(role, Limits::SERVER, deflate);
        let mut to = end(peer_of(role), Limits::SERVER, deflate);
        let whole = prose(3000, 3);
        let first = fragment(&mut from, &whole[..1500], false);
        assert!(from.connection.sender().take_compressor().is_none());
        drop_compressor(from.connection.sender());
        let config = from.connection.sender().wanted_compressor();
        assert_eq!(config, None, "what is needed is not dropped");
        assert_eq!(to.receive(&first), []);
        let (mut receiver, _) = to.connection.split();
        assert!(receiver.take_decompressor().is_none());
        receiver.lend_decompressor(Decompressor::new(BACKEND));
        let ping = from.send(|sender, out| sender.ping(b"", out)).unwrap();
        let last = fragment(&mut from, &whole[1500..], true);
        for bytes in [&ping, &last[..20]] {
            to.input.extend(bytes);
            while receive(&mut receiver, &mut to.input) == EVENT {}
            assert!(receiver.take_decompressor().is_none());
        }
        to.input.extend(&last[20..]);
        assert_eq!(receive(&mut receiver, &mut to.input), EVENT);
        assert_eq!(Seen::of(&to.input.event().unwrap()), text(&whole));
        assert!(
            receiver.take_decompressor().is_some()
                && receiver.wanted_decompressor() == Some(BACKEND)
        );
        assert!(from.connection.sender().take_compressor().is_some());
    }
}

#[test]
fn a_decompressor_may_be_taken_inside_a_message_that_is_not_compressed() {
    let mut to = end(Role::Client, Limits::SERVER, with_takeover(false));
    let hello = super::rfc1951::Blocks::new().stored(true, b"Hello").bytes();
    let frames: [(u8, &[u8]); 2] = [(0xC2, &hello), (0x02, b"plain")];
    assert_eq!(to.receive(&super::deflate::frames_to(Role::Client, frames)).len(), 1);
    let (mut receiver, _) = to.connection.split();
    let taken = receiver.take_decompressor().unwrap();
    let mut other = end(Role::Client, Limits::SERVER, with_takeover(false)).connection.split().0;
    other.lend_decompressor(taken);
    to.input.extend(&super::deflate::frames_to(Role::Client, [(0x80, &b" text"[..])]));
    assert_eq!(receive(&mut receiver, &mut to.input), EVENT);
    assert_eq!(to.input.take_payload(), &b"plain text"[..]);
}

#[test]
fn a_context_is_only_wanted_where_one_is_missing_and_fits() {
    let mut plain = End::new(Role::Server);
    assert_eq!(plain.connection.sender().wanted_compressor(), None);
    assert!(plain.connection.sender().take_compressor().is_none());
    let (mut receiver, _) = plain.connection.split();
    assert!(receiver.wanted_decompressor().is_none());
    receiver.lend_decompressor(Decompressor::new(BACKEND));
    assert!(receiver.take_decompressor().is_none());

    let [mut wide, mut narrow] =
        [15, 9].map(|bits| end(Role::Server, Limits::SERVER, with_window(false, bits)));
    let [of_wide, of_narrow] =
        [&mut wide, &mut narrow].map(|end| end.connection.sender().wanted_compressor().unwrap());
    assert_ne!(of_wide, of_narrow);
    narrow.connection.sender().lend_compressor(Compressor::new(of_wide));
    assert_eq!(narrow.connection.sender().wanted_compressor(), Some(of_narrow), "does not fit");
    assert_eq!(Compressor::new(of_narrow).config(), of_narrow);
}

/// RFC: D7.2.1-4
#[test]
fn after_its_context_is_dropped_a_message_refers_to_nothing() {
    for role in BOTH {
        let deflate = with_takeover(true).level(6);
        let mut pair = pair(deflate);
        let (mut from, to) = match role {
            Role::Client => (pair.client, &mut pair.server),
            Role::Server => (pair.server, &mut pair.client),
        };
        let message = Message::text(prose(3000, 4));
        let mut sent = || from.send(|sender, out| sender.message(message.clone(), out)).unwrap();
        let [first, second] = [sent(), sent()];
        assert!(second.len() < first.len() / 2);
        drop_compressor(from.connection.sender());
        let third = from.send(|sender, out| sender.message(message.clone(), out)).unwrap();
        assert_eq!(frames_of(&third), frames_of(&first));
        let seen = to.receive(&[first, second, third].concat());
        assert_eq!(seen, vec![text(message.as_text().unwrap()); 3]);
    }
}

/// The first call only looks whether the context is used.
fn drop_compressor(sender: &mut Sender) {
    sender.drop_idle_compressor();
    sender.drop_idle_compressor();
}

#[test]
fn a_context_with_the_largest_window_is_lent_to_whoever_gives_it_back_or_needs_it() {
    for role in BOTH {
        for (takeover, bits, wanted) in
            [(false, 9, true), (false, 15, true), (true, 15, true), (true, 14, false)]
        {
            let deflate = with_window(takeover, bits);
            let mut from = end(peer_of(role), Limits::SERVER, deflate);
            let to = end(role, Limits::SERVER, deflate);
            let (mut receiver, _) = to.connection.split();
            assert_eq!(receiver.wanted_decompressor().is_some(), wanted, "{takeover}, {bits} bits");
            receiver.lend_decompressor(Decompressor::new(BACKEND));
            assert!(receiver.wanted_decompressor().is_none());
            let mut input = to.input;
            for seed in [1, 1, 2] {
                let message = prose(2000, seed);
                input.extend(&from.send(|sender, out| sender.text(&message, out)).unwrap());
                assert_eq!(receive(&mut receiver, &mut input), EVENT);
                assert_eq!(Seen::of(&input.event().unwrap()), text(&message));
            }
            assert_eq!(receiver.take_decompressor().is_some(), !takeover);
        }
    }
}
