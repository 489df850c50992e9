//! Agreeing on permessage-deflate, RFC 7692 §5 and §7.1.

use bowsprit_proto::{
    Url,
    deflate::{ContextTakeover, Deflate, Parameters, WindowBits},
    handshake::{ClientHandshake, HandshakeError, Offer, Policy},
};
use http::{HeaderMap, Response, header};
use proptest::prelude::*;

use super::{
    deflate::agree,
    opening_server::{accept, refuse, request},
};

const NAME: &str = "permessage-deflate";

fn policy(deflate: Deflate) -> Policy {
    let mut policy = Policy::default();
    policy.deflate = Some(deflate);
    policy
}

fn extensions(headers: &HeaderMap) -> Option<&str> {
    headers.get(header::SEC_WEBSOCKET_EXTENSIONS).map(|value| value.to_str().unwrap())
}

/// Asserts what a server answers to the lines of an offer; `;…` stands for our extension with it.
#[track_caller]
fn assert_answer(deflate: Deflate, lines: &[&str], expected: Option<&str>) {
    let accepted = accept(&request(&[("Sec-WebSocket-Extensions", lines)]), &policy(deflate));
    let answer = expected.map(|parameters| format!("{NAME}{parameters}"));
    assert_eq!(extensions(accepted.response.headers()), answer.as_deref(), "{lines:?}");
    let agreed = accepted.negotiated.deflate.map(|parameters| parameters.to_string());
    assert_eq!(agreed, answer, "what is used is what was answered");
}

/// A server without wishes of its own.
fn open() -> Deflate {
    Deflate::client()
}

fn offered(deflate: Deflate) -> Offer {
    let mut offer = Offer::default();
    offer.deflate = Some(deflate);
    offer
}

/// What a client makes of the lines of an answer.
fn verify(offer: &Offer, lines: &[&str]) -> Result<Option<Parameters>, HandshakeError> {
    let url: Url = "ws://example.com/".parse().unwrap();
    let (handshake, _) = ClientHandshake::new(&url, offer, *b"the sample nonce").unwrap();
    let mut response = Response::builder()
        .status(101)
        .header("Upgrade", "websocket")
        .header("Connection", "Upgrade")
        .header("Sec-WebSocket-Accept", "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=");
    for line in lines {
        response = response.header("Sec-WebSocket-Extensions", *line);
    }
    handshake.verify(&response.body(()).unwrap()).map(|negotiated| negotiated.deflate)
}

#[track_caller]
fn assert_client_fails(deflate: Deflate, answer: &str) {
    let verified = verify(&offered(deflate), &[answer]);
    assert!(matches!(verified, Err(HandshakeError::Deflate(_))), "{answer}: {verified:?}");
}

#[track_caller]
fn assert_client_takes(deflate: Deflate, answer: &str, server: (bool, u8), client: (bool, u8)) {
    let taken = verify(&offered(deflate), &[answer]).unwrap().unwrap();
    let sides =
        [taken.server, taken.client].map(|side| (side.no_context_takeover, side.window_bits()));
    assert_eq!(sides, [server, client], "{answer}");
}

/// RFC: D5-1, D5-3, D5-5, D7.1.1.1-1, D7.1.1.2-1, D7.1.2.1-1, D7.1.2.2-1, D7.1.2.2-2
#[test]
fn an_offer_is_answered_with_what_it_asks_for() {
    let same = [
        "",
        "; server_no_context_takeover",
        "; client_no_context_takeover",
        "; server_no_context_takeover; client_no_context_takeover",
        "; server_max_window_bits=9",
        "; client_max_window_bits=12",
        "; server_max_window_bits=8; client_max_window_bits=8",
        "; server_no_context_takeover; client_no_context_takeover; server_max_window_bits=10; \
         client_max_window_bits=15",
    ];
    for parameters in same {
        assert_answer(open(), &[&format!("{NAME}{parameters}")], Some(parameters));
    }
    assert_answer(open(), &["permessage-deflate; client_max_window_bits"], Some(""));
    for none in ["x-webkit-deflate-frame", "Permessage-Deflate", "permessage-deflate2", "foo; a=b"]
    {
        assert_answer(open(), &[none], None);
    }
    assert_answer(open(), &[], None);
    let off = accept(&request(&[("Sec-WebSocket-Extensions", &[NAME])]), &Policy::default());
    assert_eq!(extensions(off.response.headers()), None);
    assert_eq!(off.negotiated.deflate, None);
}

/// RFC: D5-4, D7-1, D7.1.2.1-1, D7.1.2.2-1
#[test]
fn an_offer_with_a_wrong_parameter_is_declined_and_the_next_one_is_tried() {
    let mut wrong: Vec<String> = [
        "unknown",
        "Server_No_Context_Takeover",
        "server_no_context_takeover=1",
        "client_no_context_takeover=true",
        "client_no_context_takeover=\"x\"",
        "server_no_context_takeover; server_no_context_takeover",
        "client_no_context_takeover; client_no_context_takeover",
        "server_max_window_bits",
        "server_max_window_bits=9; server_max_window_bits=9",
        "client_max_window_bits; client_max_window_bits",
        "client_max_window_bits=9; client_max_window_bits",
        "server_no_context_takeover; mode=fast",
    ]
    .map(str::to_owned)
    .into();
    for bits in ["7", "16", "0", "08", "015", "8.", "+9", "-9", "1e1", "0x9", "256", "264", "nine"]
    {
        wrong.push(format!("server_max_window_bits={bits}"));
        wrong.push(format!("client_max_window_bits=\"{bits}\""));
    }
    for parameters in wrong {
        let offer = format!("{NAME}; {parameters}");
        assert_answer(open(), &[&offer], None);
        let next = "permessage-deflate; server_max_window_bits=11";
        assert_answer(
            open(),
            &[&format!("{offer}, foo, {next}")],
            Some("; server_max_window_bits=11"),
        );
        assert_answer(open(), &[&offer, next, NAME], Some("; server_max_window_bits=11"));
        assert_client_fails(open(), &offer);
    }
}

/// RFC: D5-1, D5-3
#[test]
fn the_first_offer_that_can_be_accepted_is() {
    let lists: [(&[&str], &str); 5] = [
        (&["permessage-deflate, permessage-deflate; server_no_context_takeover"], ""),
        (
            &["permessage-deflate; server_no_context_takeover, permessage-deflate"],
            "; server_no_context_takeover",
        ),
        (
            &["foo", "permessage-deflate; client_max_window_bits=9", NAME],
            "; client_max_window_bits=9",
        ),
        (&["permessage-deflate;server_max_window_bits=\"10\""], "; server_max_window_bits=10"),
        (&["permessage-deflate ; \tserver_max_window_bits = 1\\0, permessage-deflate"], ""),
    ];
    for (lines, parameters) in &lists[..4] {
        assert_answer(open(), lines, Some(parameters));
    }
    // RFC 6455 §9.1: no backslash outside of quotes, but within them it may be.
    let malformed = HandshakeError::Malformed(header::SEC_WEBSOCKET_EXTENSIONS);
    refuse(&request(&[("Sec-WebSocket-Extensions", lists[4].0)]), &policy(open()), &malformed);
    let escaped = "permessage-deflate; server_max_window_bits=\"1\\0\"";
    assert_answer(open(), &[escaped], Some("; server_max_window_bits=10"));
}

/// RFC: D7-1
#[test]
fn only_a_header_that_breaks_the_grammar_is_refused() {
    let error = HandshakeError::Malformed(header::SEC_WEBSOCKET_EXTENSIONS);
    for parameters in [
        ";",
        ";;",
        "; server_max_window_bits=",
        "; server_max_window_bits=\"\"",
        "; server_max_window_bits=\"1 0\"",
        "; server_max_window_bits=\"10",
        "; server_max_window_bits=1 0",
        "; =10",
        " foo",
        "; a=b=c",
    ] {
        let offer = format!("{NAME}{parameters}");
        let request = request(&[("Sec-WebSocket-Extensions", &[&offer])]);
        let rejection = refuse(&request, &policy(open()), &error);
        assert_eq!(rejection.response.status(), 400, "{offer}");
        assert_eq!(verify(&offered(open()), &[&offer]), Err(error.clone()), "{offer}");
    }
}

/// RFC: D7-1, D7.1.1.1-1, D7.1.1.2-1, D7.1.2.1-1, D7.1.2.2-1, D7.1.2.2-2
#[test]
fn a_server_with_wishes_of_its_own_answers_them_or_declines() {
    use ContextTakeover::{Never, Required};
    use WindowBits::{AtMost, Unspecified};
    let client = |bits| open().client_max_window_bits(bits);
    let server = |bits| open().server_max_window_bits(bits);
    let windows = [
        (client(AtMost(10)), "", None),
        (client(AtMost(10)), "client_max_window_bits", Some("client_max_window_bits=10")),
        (client(AtMost(10)), "client_max_window_bits=9", Some("client_max_window_bits=9")),
        (client(AtMost(10)), "client_max_window_bits=12", Some("client_max_window_bits=10")),
        (client(Unspecified), "client_max_window_bits=9", Some("")),
        (client(Unspecified), "client_max_window_bits", Some("")),
        (server(AtMost(10)), "", Some("server_max_window_bits=10")),
        (server(AtMost(10)), "server_max_window_bits=9", Some("server_max_window_bits=9")),
        (server(AtMost(10)), "server_max_window_bits=15", Some("server_max_window_bits=10")),
        (server(AtMost(3)), "", Some("server_max_window_bits=8")),
        (server(AtMost(99)), "", Some("server_max_window_bits=15")),
        (server(Unspecified), "server_max_window_bits=15", None),
        (server(Unspecified), "", Some("")),
    ];
    let server = |takeover| open().server_context_takeover(takeover);
    let client = |takeover| open().client_context_takeover(takeover);
    let (of_server, of_client) = ("server_no_context_takeover", "client_no_context_takeover");
    let takeovers = [
        (server(Never), "", Some(of_server)),
        (server(Required), of_server, None),
        (server(Required), of_client, Some(of_client)),
        (client(Never), "", Some(of_client)),
        (client(Required), of_client, None),
        (client(Required), of_server, Some(of_server)),
    ];
    for (server, offer, answer) in windows.into_iter().chain(takeovers) {
        let with = |parameter: &str| match parameter {
            "" => String::new(),
            parameter => format!("; {parameter}"),
        };
        let offer = format!("{NAME}{}", with(offer));
        assert_answer(server, &[&offer], answer.map(with).as_deref());
    }
    let default = "permessage-deflate; client_max_window_bits";
    let answer = "; server_no_context_takeover; client_no_context_takeover";
    assert_answer(Deflate::server(), &[default], Some(answer));
    let either = ["permessage-deflate, permessage-deflate; client_max_window_bits"];
    let server = open().client_max_window_bits(AtMost(10));
    assert_answer(server, &either, Some("; client_max_window_bits=10"));
}

/// RFC: D5-6, D5-7, D7-2, D7.1.1.1-1, D7.1.1.2-1, D7.1.2.1-1, D7.1.2.2-1
#[test]
fn a_client_takes_an_answer_to_what_it_offered() {
    use ContextTakeover::{Never, Required};
    use WindowBits::{AtMost, Unspecified};
    let any = (false, 15);
    assert_client_takes(open(), NAME, any, any);
    let all = "permessage-deflate; server_no_context_takeover; client_no_context_takeover; \
               server_max_window_bits=8; client_max_window_bits=9";
    assert_client_takes(open(), all, (true, 8), (true, 9));
    assert_client_takes(
        open(),
        "permessage-deflate;server_max_window_bits=\"10\"",
        (false, 10),
        any,
    );
    let server = open().server_max_window_bits(AtMost(10));
    assert_client_takes(server, "permessage-deflate; server_max_window_bits=10", (false, 10), any);
    assert_client_takes(server, "permessage-deflate; server_max_window_bits=9", (false, 9), any);
    for (deflate, answer) in [
        (server, ""),
        (server, "; server_max_window_bits=11"),
        (open().client_max_window_bits(Unspecified), "; client_max_window_bits=15"),
        (open(), "; client_max_window_bits"),
        (open().server_context_takeover(Never), ""),
        (open().server_context_takeover(Required), "; server_no_context_takeover"),
        (open().client_context_takeover(Required), "; client_no_context_takeover"),
    ] {
        assert_client_fails(deflate, &format!("{NAME}{answer}"));
    }
}

/// RFC: D7.1.1.2-1, D7.1.2.2-1, D7.2.1-5
#[test]
fn a_client_keeps_the_promise_of_its_offer_even_if_the_answer_is_silent() {
    let offer = open()
        .client_max_window_bits(WindowBits::AtMost(9))
        .client_context_takeover(ContextTakeover::Never);
    assert_client_takes(offer, NAME, (false, 15), (true, 9));
    let greater = "permessage-deflate; client_max_window_bits=10";
    assert_client_takes(offer, greater, (false, 15), (true, 9));
    assert_client_takes(
        offer,
        "permessage-deflate; client_max_window_bits=8",
        (false, 15),
        (true, 8),
    );
}

/// RFC: D5-4, D5-6, D7-2
#[test]
fn a_client_fails_on_an_answer_to_what_it_did_not_offer() {
    for answer in [
        "foo",
        "permessage-deflate, foo",
        "permessage-deflate, permessage-deflate",
        "Permessage-Deflate",
    ] {
        let verified = verify(&offered(open()), &[answer]);
        assert_eq!(verified, Err(HandshakeError::Extension), "{answer}");
    }
    let nothing = Offer::default();
    assert_eq!(verify(&nothing, &[NAME]), Err(HandshakeError::Extension));
    assert_eq!(verify(&nothing, &[]), Ok(None));
    assert_eq!(verify(&offered(open()), &[]), Ok(None), "declined");
    let repeated = HandshakeError::Repeated(header::SEC_WEBSOCKET_EXTENSIONS);
    assert_eq!(verify(&offered(open()), &[NAME, NAME]), Err(repeated));
}

fn options() -> impl Strategy<Value = Deflate> {
    let takeover = prop::sample::select(vec![
        ContextTakeover::Never,
        ContextTakeover::Allowed,
        ContextTakeover::Required,
    ]);
    let bits = prop_oneof![
        Just(WindowBits::Any),
        Just(WindowBits::Unspecified),
        any::<u8>().prop_map(WindowBits::AtMost),
        (8..=15_u8).prop_map(WindowBits::AtMost),
        (8..=15_u8).prop_map(WindowBits::Exactly),
    ];
    (takeover.clone(), takeover, bits.clone(), bits).prop_map(
        |(server, client, of_server, of_client)| {
            Deflate::client()
                .server_context_takeover(server)
                .client_context_takeover(client)
                .server_max_window_bits(of_server)
                .client_max_window_bits(of_client)
        },
    )
}

/// Whether a server with these options has to decline what a client with those offers.
fn is_declined(client: &Deflate, server: &Deflate) -> bool {
    use ContextTakeover::{Never, Required};
    use WindowBits::{AtMost, Exactly, Unspecified};
    let takeover = |asked, own| asked == Never && own == Required;
    let clamp = |bits: u8| bits.clamp(8, 15);
    let is_less = |asked, own| match (asked, own) {
        (AtMost(asked) | Exactly(asked), Exactly(own)) => clamp(asked) < own,
        _ => false,
    };
    takeover(client.server_context_takeover, server.server_context_takeover)
        || takeover(client.client_context_takeover, server.client_context_takeover)
        || matches!(
            (client.server_max_window_bits, server.server_max_window_bits),
            (AtMost(_) | Exactly(_), Unspecified)
        )
        || matches!(
            (client.client_max_window_bits, server.client_max_window_bits),
            (Unspecified, AtMost(_) | Exactly(_))
        )
        || is_less(client.server_max_window_bits, server.server_max_window_bits)
        || is_less(client.client_max_window_bits, server.client_max_window_bits)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2000))]

    /// RFC: D5-7
    #[test]
    fn our_ends_agree_whatever_they_want(client in options(), server in options()) {
        // A client that insists where the server may not do so fails; it is not asked to here.
        let insists = |client, server| {
            client == ContextTakeover::Required && server == ContextTakeover::Never
        };
        prop_assume!(!insists(client.server_context_takeover, server.server_context_takeover));
        prop_assume!(!insists(client.client_context_takeover, server.client_context_takeover));
        let agreed = agree(&client, &server);
        prop_assert_eq!(agreed.is_none(), is_declined(&client, &server));
        if let Some((by_client, mut by_server)) = agreed {
            // A promise that the server does not speak about.
            if by_server.client.max_window_bits.is_none() {
                by_server.client.max_window_bits = by_client.client.max_window_bits;
                prop_assert!(by_server.client.max_window_bits.is_none()
                    || server.client_max_window_bits == WindowBits::Unspecified);
            }
            prop_assert_eq!(by_client, by_server);
        }
    }
}
