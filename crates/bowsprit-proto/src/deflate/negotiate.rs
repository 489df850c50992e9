//! Agreeing on parameters in the opening handshake, RFC 7692 §5, §7.1.

use alloc::{string::ToString, vec::Vec};
use core::fmt;

use super::{
    CLIENT_MAX_WINDOW_BITS, CLIENT_NO_CONTEXT_TAKEOVER, ContextTakeover, Deflate, MAX_WINDOW_BITS,
    NAME, NegotiationError, SERVER_MAX_WINDOW_BITS, SERVER_NO_CONTEXT_TAKEOVER, WindowBits,
    stated::Stated,
};
use crate::extension::Extension;

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

impl Parameters {
    /// The server's answer, for a list with answers of other extensions.
    #[must_use]
    pub fn to_extension(&self) -> Extension<'static> {
        let answer = Extension::new(NAME);
        self.stated().fold(answer, |answer, (name, bits)| match bits {
            None => answer.with_flag(name),
            Some(bits) => answer.with_parameter(name, bits.to_string()),
        })
    }

    /// The parameters that are not left out, with their values.
    fn stated(&self) -> impl Iterator<Item = (&'static str, Option<u8>)> {
        let flag = |side: Side, name| side.no_context_takeover.then_some((name, None));
        let bits = |side: Side, name| side.max_window_bits.map(|bits| (name, Some(bits)));
        [
            flag(self.server, SERVER_NO_CONTEXT_TAKEOVER),
            flag(self.client, CLIENT_NO_CONTEXT_TAKEOVER),
            bits(self.server, SERVER_MAX_WINDOW_BITS),
            bits(self.client, CLIENT_MAX_WINDOW_BITS),
        ]
        .into_iter()
        .flatten()
    }
}

impl fmt::Display for Parameters {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(NAME)?;
        for (name, bits) in self.stated() {
            match bits {
                None => write!(f, "; {name}")?,
                Some(bits) => write!(f, "; {name}={bits}")?,
            }
        }
        Ok(())
    }
}

/// What a server does about a client's offers that it cannot accept.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum OfferPolicy {
    /// Goes on with those that it can accept, or without compression, §7.1.
    #[default]
    Decline,
    /// Refuses the handshake if any of the offers has a parameter that is not right, or none can be
    /// accepted. It does not if nothing was offered.
    Refuse,
}

/// Agreeing on parameters, for those who make the header themselves; else see
/// [`handshake`](crate::handshake).
impl Deflate {
    /// A client's offer.
    ///
    /// ```
    /// use bowsprit_proto::deflate::Deflate;
    ///
    /// let offer = Deflate::client().offer();
    /// assert_eq!(offer.to_string(), "permessage-deflate; client_max_window_bits");
    /// ```
    #[must_use]
    pub fn offer(&self) -> Extension<'static> {
        let mut offer = Extension::new(NAME);
        if self.server_context_takeover == ContextTakeover::Never {
            offer = offer.with_flag(SERVER_NO_CONTEXT_TAKEOVER);
        }
        if self.client_context_takeover == ContextTakeover::Never {
            offer = offer.with_flag(CLIENT_NO_CONTEXT_TAKEOVER);
        }
        if let Some(bits) = self.server_max_window_bits.limit() {
            offer = offer.with_parameter(SERVER_MAX_WINDOW_BITS, bits.to_string());
        }
        match (self.client_max_window_bits.limit(), self.client_max_window_bits) {
            (_, WindowBits::Unspecified) => offer,
            (None, _) => offer.with_flag(CLIENT_MAX_WINDOW_BITS),
            (Some(bits), _) => offer.with_parameter(CLIENT_MAX_WINDOW_BITS, bits.to_string()),
        }
    }

    /// A server's answer: the first of the client's offers that can be accepted. Offers of other
    /// extensions may stand between them.
    ///
    /// §5.1: "the server may accept one of the offers, in the client's order of preference"; §7.1:
    /// one that it cannot accept is declined, and the connection goes on without compression, which
    /// is what `None` stands for.
    ///
    /// # Errors
    ///
    /// What is wrong with the offers, if the policy is to refuse them for that.
    pub fn accept(
        &self,
        offers: &[Extension<'_>],
        policy: OfferPolicy,
    ) -> Result<Option<Parameters>, NegotiationError> {
        let offers = offers.iter().enumerate().filter(|(_, offer)| offer.name == NAME);
        let mut offers = offers.map(|(index, offer)| Stated::offer(index, offer)).peekable();
        match policy {
            OfferPolicy::Decline => {
                Ok(offers.filter_map(Result::ok).find_map(|offer| accept_one(self, offer)))
            }
            OfferPolicy::Refuse if offers.peek().is_none() => Ok(None),
            OfferPolicy::Refuse => {
                let offers = offers.collect::<Result<Vec<_>, _>>()?;
                let accepted = offers.into_iter().find_map(|offer| accept_one(self, offer));
                accepted.map(Some).ok_or(NegotiationError::NoAcceptableOffer)
            }
        }
    }

    /// A client's judgement of the server's answer.
    ///
    /// # Errors
    ///
    /// The answer is not one to our offer: §7.1 has the client fail the connection.
    pub fn verify(&self, answer: &Extension<'_>) -> Result<Parameters, NegotiationError> {
        if answer.name != NAME {
            return Err(NegotiationError::OtherExtension);
        }
        let stated = Stated::answer(answer)?;
        if self.client_context_takeover == ContextTakeover::Required
            && stated.client_no_context_takeover
        {
            return Err(NegotiationError::NotOffered(CLIENT_NO_CONTEXT_TAKEOVER));
        }
        Ok(Parameters {
            client: Side {
                no_context_takeover: stated.client_no_context_takeover
                    || self.client_context_takeover == ContextTakeover::Never,
                max_window_bits: client_window(self.client_max_window_bits, stated)?,
            },
            server: server_side(self, stated)?,
        })
    }

    /// The same for a server that may have answered several times, as the npm package `ws` judges
    /// it: each answer has to be valid by itself, and the first of them counts.
    ///
    /// # Errors
    ///
    /// As [`verify`](Self::verify), and [`NegotiationError::OtherExtension`] if there is no answer.
    pub fn verify_first(&self, answers: &[Extension<'_>]) -> Result<Parameters, NegotiationError> {
        let (first, later) = answers.split_first().ok_or(NegotiationError::OtherExtension)?;
        let is_valid = |answer: &Extension<'_>| match answer.name {
            NAME => Stated::answer(answer).map(drop),
            _ => Err(NegotiationError::OtherExtension),
        };
        is_valid(first)?;
        later.iter().try_for_each(is_valid)?;
        self.verify(first)
    }
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
            (own @ WindowBits::Exactly(_), Some(offered)) if Some(offered) < own.limit() => {
                return None;
            }
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
            (WindowBits::AtMost(_) | WindowBits::Exactly(_), None) => return None,
            (own @ WindowBits::Exactly(_), Some(Some(offered))) if Some(offered) < own.limit() => {
                return None;
            }
            (WindowBits::Unspecified, _) | (_, None) => None,
            (own, Some(offered)) => own.limit().into_iter().chain(offered).min(),
        },
    };
    Some(Parameters { server, client })
}

/// The window that the client is going to use after an answer.
fn client_window(own: WindowBits, answer: Stated) -> Result<Option<u8>, NegotiationError> {
    let answered = answer.client_max_window_bits.flatten();
    let is_allowed = match own {
        WindowBits::Any | WindowBits::AtMost(_) => true,
        WindowBits::Exactly(_) => answered <= own.limit(),
        // It may only follow an offer of it.
        WindowBits::Unspecified => answered.is_none(),
    };
    if !is_allowed {
        return Err(NegotiationError::NotOffered(CLIENT_MAX_WINDOW_BITS));
    }
    // §7.1.2.2: even if the answer has a greater value than the offer, or none, "the client is not
    // going to use an LZ77 sliding window size greater than the size specified by the value in the
    // extension negotiation offer".
    Ok(own.limit().into_iter().chain(answered).min())
}

/// What was asked of the server is granted by saying so, §7.1.1.1, §7.1.2.1.
fn server_side(own: &Deflate, answer: Stated) -> Result<Side, NegotiationError> {
    let asked = own.server_max_window_bits.limit();
    let is_granted = |asked| answer.server_max_window_bits.is_some_and(|bits| bits <= asked);
    if !asked.is_none_or(is_granted) {
        return Err(NegotiationError::NotGranted(SERVER_MAX_WINDOW_BITS));
    }
    match (own.server_context_takeover, answer.server_no_context_takeover) {
        (ContextTakeover::Never, false) => {
            Err(NegotiationError::NotGranted(SERVER_NO_CONTEXT_TAKEOVER))
        }
        (ContextTakeover::Required, true) => {
            Err(NegotiationError::NotOffered(SERVER_NO_CONTEXT_TAKEOVER))
        }
        (_, no_context_takeover) => {
            Ok(Side { no_context_takeover, max_window_bits: answer.server_max_window_bits })
        }
    }
}
