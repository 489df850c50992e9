//! Why permessage-deflate is refused, and windows of one size, RFC 7692 §5 and §7.1.
//!
//! npm `ws` 8.23 gave the same answers and reasons to 100,000 random offers and answers, except for
//! `NotGranted`, which it does not check.

use bowsprit_proto::{
    deflate::{ContextTakeover, Deflate, NegotiationError, OfferPolicy, WindowBits},
    extension,
    handshake::{HandshakeError, Policy},
};

use super::opening_server::{accept, refuse, request};

const SERVER_BITS: &str = "server_max_window_bits";
const CLIENT_BITS: &str = "client_max_window_bits";

/// A server without wishes of its own.
fn open() -> Deflate {
    Deflate::client()
}

fn unknown(offer: usize, name: &str) -> NegotiationError {
    NegotiationError::UnknownParameter { offer, name: name.into() }
}

fn repeated(offer: usize, name: &str) -> NegotiationError {
    NegotiationError::RepeatedParameter { offer, name: name.into() }
}

fn invalid(offer: usize, name: &'static str, value: Option<&str>) -> NegotiationError {
    NegotiationError::InvalidValue { offer, name, value: value.map(Into::into) }
}

/// What a server that refuses makes of offers.
fn judge(deflate: Deflate, offers: &str) -> Result<Option<String>, NegotiationError> {
    let offers = extension::parse(offers).unwrap();
    let accepted = deflate.accept(&offers, OfferPolicy::Refuse)?;
    Ok(accepted.map(|parameters| {
        assert_eq!(parameters.to_extension().to_string(), parameters.to_string());
        parameters.to_string()
    }))
}

/// RFC: D7-1
#[test]
fn a_server_that_refuses_tells_which_parameter_of_which_offer_is_wrong() {
    let cases = [
        ("permessage-deflate; foo", unknown(0, "foo")),
        ("bar; foo, permessage-deflate, permessage-deflate; foo=1", unknown(2, "foo")),
        ("permessage-deflate; foo; foo", repeated(0, "foo")),
        (
            "permessage-deflate; server_max_window_bits=7; server_max_window_bits=7",
            repeated(0, SERVER_BITS),
        ),
        ("permessage-deflate; server_max_window_bits", invalid(0, SERVER_BITS, None)),
        ("permessage-deflate; server_max_window_bits=7", invalid(0, SERVER_BITS, Some("7"))),
        ("permessage-deflate; server_max_window_bits=08", invalid(0, SERVER_BITS, Some("08"))),
        (
            "permessage-deflate, permessage-deflate; client_max_window_bits=\"16\"; foo",
            invalid(1, CLIENT_BITS, Some("16")),
        ),
        (
            "permessage-deflate; server_no_context_takeover=1",
            invalid(0, "server_no_context_takeover", Some("1")),
        ),
        (
            "permessage-deflate; client_no_context_takeover=true",
            invalid(0, "client_no_context_takeover", Some("true")),
        ),
    ];
    for (offers, error) in cases {
        assert_eq!(judge(open(), offers), Err(error.clone()), "{offers}");
        let parsed = extension::parse(offers).unwrap();
        assert!(open().accept(&parsed, OfferPolicy::Decline).is_ok(), "{offers}");
    }
}

/// RFC: D7-1, D7.1.2.1-1, D7.1.2.2-1
#[test]
fn a_server_that_refuses_does_so_if_no_offer_can_be_accepted() {
    use WindowBits::{Exactly, Unspecified};
    let refused = [
        (open().server_max_window_bits(Unspecified), "server_max_window_bits=9"),
        (open().server_max_window_bits(Exactly(10)), "server_max_window_bits=9"),
        (open().client_max_window_bits(Exactly(10)), "server_max_window_bits=9"),
        (open().client_max_window_bits(Exactly(10)), "client_max_window_bits=9"),
        (open().server_context_takeover(ContextTakeover::Required), "server_no_context_takeover"),
    ];
    for (deflate, parameter) in refused {
        let offer = format!("permessage-deflate; {parameter}");
        let error = NegotiationError::NoAcceptableOffer;
        assert_eq!(judge(deflate, &offer), Err(error), "{offer}");
        let another = "permessage-deflate; client_max_window_bits";
        assert!(judge(deflate, &format!("{offer}, {another}")).unwrap().is_some(), "{offer}");
    }
    for nothing in ["foo", "x-webkit-deflate-frame; a; a", "Permessage-Deflate; foo"] {
        assert_eq!(judge(open(), nothing), Ok(None), "{nothing}");
    }
}

/// RFC: D7.1.2.1-1, D7.1.2.2-1, D7.1.2.2-2
#[test]
fn a_window_of_one_size_is_answered_as_such() {
    let server = open().server_max_window_bits(WindowBits::Exactly(10));
    let client = open().client_max_window_bits(WindowBits::Exactly(10));
    for (deflate, offered, answered) in [
        (server, "", "server_max_window_bits=10"),
        (server, "; server_max_window_bits=10", "server_max_window_bits=10"),
        (server, "; server_max_window_bits=15", "server_max_window_bits=10"),
        (client, "; client_max_window_bits", "client_max_window_bits=10"),
        (client, "; client_max_window_bits=10", "client_max_window_bits=10"),
        (client, "; client_max_window_bits=15", "client_max_window_bits=10"),
        (open().server_max_window_bits(WindowBits::Exactly(3)), "", "server_max_window_bits=8"),
    ] {
        let answer = judge(deflate, &format!("permessage-deflate{offered}"));
        assert_eq!(answer, Ok(Some(format!("permessage-deflate; {answered}"))), "{offered}");
    }
    let offer = server.client_max_window_bits(WindowBits::Exactly(12)).offer().to_string();
    let both = "permessage-deflate; server_max_window_bits=10; client_max_window_bits=12";
    assert_eq!(offer, both);
}

/// RFC: D5-6, D7-2, D7.1.1.1-1, D7.1.1.2-1, D7.1.2.1-1, D7.1.2.2-1
#[test]
fn a_client_tells_what_is_wrong_with_an_answer() {
    use ContextTakeover::{Never, Required};
    use NegotiationError::{NotGranted, NotOffered, OtherExtension};
    let exactly = |bits| open().client_max_window_bits(WindowBits::Exactly(bits));
    let cases = [
        (open(), "permessage-deflate; foo", unknown(0, "foo")),
        (
            open(),
            "permessage-deflate; client_max_window_bits; server_max_window_bits=7",
            invalid(0, CLIENT_BITS, None),
        ),
        (open(), "foo", OtherExtension),
        (exactly(10), "permessage-deflate; client_max_window_bits=11", NotOffered(CLIENT_BITS)),
        (
            open().client_max_window_bits(WindowBits::Unspecified),
            "permessage-deflate; client_max_window_bits=15",
            NotOffered(CLIENT_BITS),
        ),
        (
            open().client_context_takeover(Required),
            "permessage-deflate; client_no_context_takeover",
            NotOffered("client_no_context_takeover"),
        ),
        (
            open().server_context_takeover(Required),
            "permessage-deflate; server_no_context_takeover",
            NotOffered("server_no_context_takeover"),
        ),
        (
            open().server_context_takeover(Never),
            "permessage-deflate",
            NotGranted("server_no_context_takeover"),
        ),
        (
            open().server_max_window_bits(WindowBits::AtMost(10)),
            "permessage-deflate; server_max_window_bits=11",
            NotGranted(SERVER_BITS),
        ),
    ];
    for (deflate, answer, error) in cases {
        let parsed = extension::parse(answer).unwrap();
        assert_eq!(deflate.verify(&parsed[0]), Err(error), "{answer}");
    }
    for (answer, bits) in
        [("", 10), ("; client_max_window_bits=10", 10), ("; client_max_window_bits=9", 9)]
    {
        let answer = format!("permessage-deflate{answer}");
        let agreed = exactly(10).verify(&extension::parse(&answer).unwrap()[0]).unwrap();
        assert_eq!(agreed.client.window_bits(), bits, "{answer}");
    }
}

/// RFC: D7-1
#[test]
fn a_handshake_is_refused_with_400_if_the_policy_is_to_refuse() {
    let mut policy = Policy::default();
    policy.deflate = Some(open());
    let offers = "permessage-deflate; server_max_window_bits=7, permessage-deflate";
    let bad = request(&[("Sec-WebSocket-Extensions", &[offers])]);
    assert!(accept(&bad, &policy).negotiated.deflate.is_some(), "the first is declined");
    policy.deflate_offers = OfferPolicy::Refuse;
    let error = HandshakeError::Deflate(invalid(0, SERVER_BITS, Some("7")));
    let rejection = refuse(&bad, &policy, &error);
    assert_eq!(rejection.response.status(), 400);
    let text = "permessage-deflate: invalid value for parameter server_max_window_bits: 7\n";
    assert_eq!(rejection.response.body(), text);
    let other = request(&[("Sec-WebSocket-Extensions", &["foo"])]);
    assert_eq!(accept(&other, &policy).negotiated.deflate, None);
    assert_eq!(accept(&request(&[]), &policy).negotiated.deflate, None);
    policy.deflate = None;
    assert_eq!(accept(&bad, &policy).negotiated.deflate, None, "it is not read");
}
