//! Agreeing on parameters in the opening handshake, RFC 7692 §5, §7.1.

use alloc::{format, string::String};
use core::fmt;

use super::{ContextTakeover, Deflate, MAX_WINDOW_BITS, MIN_WINDOW_BITS, NAME, WindowBits};
use crate::extension::Extension;

const SERVER_NO_CONTEXT_TAKEOVER: &str = "server_no_context_takeover";
const CLIENT_NO_CONTEXT_TAKEOVER: &str = "client_no_context_takeover";
const SERVER_MAX_WINDOW_BITS: &str = "server_max_window_bits";
const CLIENT_MAX_WINDOW_BITS: &str = "client_max_window_bits";

/// What both sides agreed on. `Display` writes it as the server's answer does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Parameters {
    /// What holds for messages from the server.
    pub server: Side,
    /// What holds for messages from the client.
    pub client: Side,
}

/// What was agreed on for the messages of one side.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Side {
    /// Every message is compressed by itself.
    pub no_context_takeover: bool,
    /// References go back at most 2^n bytes; `None` stands for 15, unsaid.
    pub max_window_bits: Option<u8>,
}

impl Side {
    /// How far back references go, as a power of 2.
    #[must_use]
    pub fn window_bits(&self) -> u8 {
        self.max_window_bits.unwrap_or(MAX_WINDOW_BITS)
    }
}

impl fmt::Display for Parameters {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(NAME)?;
        for (side, name) in
            [(self.server, SERVER_NO_CONTEXT_TAKEOVER), (self.client, CLIENT_NO_CONTEXT_TAKEOVER)]
        {
            if side.no_context_takeover {
                write!(f, "; {name}")?;
            }
        }
        for (side, name) in
            [(self.server, SERVER_MAX_WINDOW_BITS), (self.client, CLIENT_MAX_WINDOW_BITS)]
        {
            if let Some(bits) = side.max_window_bits {
                write!(f, "; {name}={bits}")?;
            }
        }
        Ok(())
    }
}

/// The parameters of one element of the header, as they stand there.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Stated {
    server_no_context_takeover: bool,
    client_no_context_takeover: bool,
    server_max_window_bits: Option<u8>,
    /// In an offer the parameter may stand without a value.
    client_max_window_bits: Option<Option<u8>>,
}

impl Stated {
    /// Reads the parameters; `None` if one is unknown, repeated, or has a value that it may not
    /// have. §7.1: a server then declines the offer, a client fails the connection.
    fn read(extension: &Extension<'_>) -> Option<Self> {
        let mut stated = Self::default();
        for parameter in &extension.parameters {
            let value = parameter.value.as_deref();
            match parameter.name {
                SERVER_NO_CONTEXT_TAKEOVER => set(&mut stated.server_no_context_takeover, value)?,
                CLIENT_NO_CONTEXT_TAKEOVER => set(&mut stated.client_no_context_takeover, value)?,
                SERVER_MAX_WINDOW_BITS if stated.server_max_window_bits.is_none() => {
                    stated.server_max_window_bits = Some(window_bits(value?)?);
                }
                CLIENT_MAX_WINDOW_BITS if stated.client_max_window_bits.is_none() => {
                    let bits = value.map(|value| window_bits(value).ok_or(())).transpose();
                    stated.client_max_window_bits = Some(bits.ok()?);
                }
                _ => return None,
            }
        }
        Some(stated)
    }
}

/// Sets a parameter that has no value and may stand there once.
fn set(flag: &mut bool, value: Option<&str>) -> Option<()> {
    let fresh = value.is_none() && !*flag;
    *flag = true;
    fresh.then_some(())
}

/// §7.1.2.1: "a decimal integer value without leading zeroes between 8 to 15, inclusive".
fn window_bits(value: &str) -> Option<u8> {
    let bits = value.parse().ok().filter(|bits| (MIN_WINDOW_BITS..=MAX_WINDOW_BITS).contains(bits));
    bits.filter(|_| value.bytes().all(|byte| byte.is_ascii_digit()) && !value.starts_with('0'))
}

/// A client's offer.
pub(crate) fn offer(deflate: &Deflate) -> String {
    let mut offer = String::from(NAME);
    if deflate.server_context_takeover == ContextTakeover::Never {
        offer.push_str("; ");
        offer.push_str(SERVER_NO_CONTEXT_TAKEOVER);
    }
    if deflate.client_context_takeover == ContextTakeover::Never {
        offer.push_str("; ");
        offer.push_str(CLIENT_NO_CONTEXT_TAKEOVER);
    }
    if let Some(bits) = deflate.server_max_window_bits.limit() {
        offer.push_str(&format!("; {SERVER_MAX_WINDOW_BITS}={bits}"));
    }
    match deflate.client_max_window_bits {
        WindowBits::Any => offer.push_str(&format!("; {CLIENT_MAX_WINDOW_BITS}")),
        WindowBits::AtMost(_) => {
            let bits = deflate.client_max_window_bits.limit().unwrap_or(MAX_WINDOW_BITS);
            offer.push_str(&format!("; {CLIENT_MAX_WINDOW_BITS}={bits}"));
        }
        WindowBits::Unspecified => {}
    }
    offer
}

/// A server's answer: the first of the client's offers that can be accepted.
///
/// §5.1: "the server may accept one of the offers, in the client's order of preference"; §7.1: one
/// that it cannot accept is declined, and the connection goes on without compression.
pub(crate) fn accept(deflate: &Deflate, offers: &[Extension<'_>]) -> Option<Parameters> {
    let offers = offers.iter().filter(|offer| offer.name == NAME);
    offers.filter_map(Stated::read).find_map(|offer| accept_one(deflate, offer))
}

fn accept_one(deflate: &Deflate, offer: Stated) -> Option<Parameters> {
    let refused = |asked, own| asked && own == ContextTakeover::Required;
    if refused(offer.server_no_context_takeover, deflate.server_context_takeover)
        || refused(offer.client_no_context_takeover, deflate.client_context_takeover)
    {
        return None;
    }
    let server = Side {
        no_context_takeover: offer.server_no_context_takeover
            || deflate.server_context_takeover == ContextTakeover::Never,
        max_window_bits: match (deflate.server_max_window_bits, offer.server_max_window_bits) {
            (WindowBits::Unspecified, Some(_)) => return None,
            // §7.1.2.1: "accepts ... by including the parameter with the same or smaller value".
            (own, offered) => own.limit().into_iter().chain(offered).min(),
        },
    };
    let client = Side {
        no_context_takeover: offer.client_no_context_takeover
            || deflate.client_context_takeover == ContextTakeover::Never,
        max_window_bits: match (deflate.client_max_window_bits, offer.client_max_window_bits) {
            // §7.1.2.2: "If a received extension negotiation offer doesn't have the
            // "client_max_window_bits" extension parameter, the corresponding extension negotiation
            // response to the offer MUST NOT include" it; so this limit cannot be had.
            (WindowBits::AtMost(_), None) => return None,
            (WindowBits::Unspecified, _) | (_, None) => None,
            (own, Some(offered)) => own.limit().into_iter().chain(offered).min(),
        },
    };
    Some(Parameters { server, client })
}

/// A client's judgement of the server's answer. `None` fails the connection, §7.1.
pub(crate) fn verify(deflate: &Deflate, answer: &Extension<'_>) -> Option<Parameters> {
    let stated = Some(answer).filter(|answer| answer.name == NAME).and_then(Stated::read)?;
    let client_bits = match (stated.client_max_window_bits, deflate.client_max_window_bits) {
        // In an answer the parameter needs a value, and may only follow an offer of it.
        (Some(None), _) | (Some(Some(_)), WindowBits::Unspecified) => return None,
        // §7.1.2.2: even if the answer has a greater value than the offer, or none, "the client is
        // not going to use an LZ77 sliding window size greater than the size specified by the value
        // in the extension negotiation offer".
        (answered, own) => own.limit().into_iter().chain(answered.flatten()).min(),
    };
    // What was asked of the server is granted by saying so, §7.1.1.1, §7.1.2.1.
    let granted = match deflate.server_max_window_bits.limit() {
        Some(asked) => stated.server_max_window_bits.is_some_and(|bits| bits <= asked),
        None => true,
    };
    let takeover_fits = fits(deflate.server_context_takeover, stated.server_no_context_takeover)
        && (deflate.client_context_takeover != ContextTakeover::Required
            || !stated.client_no_context_takeover);
    (granted && takeover_fits).then_some(Parameters {
        server: Side {
            no_context_takeover: stated.server_no_context_takeover,
            max_window_bits: stated.server_max_window_bits,
        },
        client: Side {
            no_context_takeover: stated.client_no_context_takeover
                || deflate.client_context_takeover == ContextTakeover::Never,
            max_window_bits: client_bits,
        },
    })
}

/// Whether what the server states of its context takeover is what was asked of it.
fn fits(asked: ContextTakeover, no_context_takeover: bool) -> bool {
    match asked {
        ContextTakeover::Never => no_context_takeover,
        ContextTakeover::Allowed => true,
        ContextTakeover::Required => !no_context_takeover,
    }
}
