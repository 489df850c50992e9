//! What an offer or an answer says, RFC 7692 §7.1.

use alloc::borrow::ToOwned;

use super::{
    CLIENT_MAX_WINDOW_BITS, CLIENT_NO_CONTEXT_TAKEOVER, MAX_WINDOW_BITS, MIN_WINDOW_BITS,
    NegotiationError, SERVER_MAX_WINDOW_BITS, SERVER_NO_CONTEXT_TAKEOVER,
};
use crate::extension::{Extension, Parameter};

/// The parameters of one element of the header, as they stand there.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Stated {
    pub(super) server_no_context_takeover: bool,
    pub(super) client_no_context_takeover: bool,
    pub(super) server_max_window_bits: Option<u8>,
    /// In an offer the parameter may stand without a value.
    pub(super) client_max_window_bits: Option<Option<u8>>,
}

impl Stated {
    /// Reads element number `index` of a client's offers. §7.1: if a parameter is unknown,
    /// repeated, or has a value that it may not have, the server declines it.
    pub(super) fn offer(index: usize, offer: &Extension<'_>) -> Result<Self, NegotiationError> {
        Self::read(index, offer, true)
    }

    /// Reads a server's answer. §7.1: for the same reasons a client fails the connection.
    pub(super) fn answer(answer: &Extension<'_>) -> Result<Self, NegotiationError> {
        Self::read(0, answer, false)
    }

    fn read(
        offer: usize,
        extension: &Extension<'_>,
        is_offer: bool,
    ) -> Result<Self, NegotiationError> {
        let mut stated = Self::default();
        for parameter in &extension.parameters {
            let name = parameter.name;
            // Four parameters are known, so that this takes linear time.
            if extension.parameters.iter().filter(|other| other.name == name).count() > 1 {
                return Err(NegotiationError::RepeatedParameter { offer, name: name.to_owned() });
            }
            stated.set(offer, parameter, is_offer)?;
        }
        Ok(stated)
    }

    fn set(
        &mut self,
        offer: usize,
        parameter: &Parameter<'_>,
        is_offer: bool,
    ) -> Result<(), NegotiationError> {
        let value = parameter.value.as_deref();
        let invalid = |name| {
            let value = value.map(ToOwned::to_owned);
            NegotiationError::InvalidValue { offer, name, value }
        };
        let bits = |name| value.and_then(window_bits).ok_or_else(|| invalid(name));
        let flag = |name| if value.is_none() { Ok(true) } else { Err(invalid(name)) };
        match parameter.name {
            SERVER_NO_CONTEXT_TAKEOVER => {
                self.server_no_context_takeover = flag(SERVER_NO_CONTEXT_TAKEOVER)?;
            }
            CLIENT_NO_CONTEXT_TAKEOVER => {
                self.client_no_context_takeover = flag(CLIENT_NO_CONTEXT_TAKEOVER)?;
            }
            SERVER_MAX_WINDOW_BITS => {
                self.server_max_window_bits = Some(bits(SERVER_MAX_WINDOW_BITS)?);
            }
            // §7.1.2.2: it may stand without a value in an offer, not in an answer.
            CLIENT_MAX_WINDOW_BITS if value.is_none() && is_offer => {
                self.client_max_window_bits = Some(None);
            }
            CLIENT_MAX_WINDOW_BITS => {
                self.client_max_window_bits = Some(Some(bits(CLIENT_MAX_WINDOW_BITS)?));
            }
            name => {
                return Err(NegotiationError::UnknownParameter { offer, name: name.to_owned() });
            }
        }
        Ok(())
    }
}

/// §7.1.2.1: "a decimal integer value without leading zeroes between 8 to 15, inclusive".
fn window_bits(value: &str) -> Option<u8> {
    let bits = value.parse().ok().filter(|bits| (MIN_WINDOW_BITS..=MAX_WINDOW_BITS).contains(bits));
    bits.filter(|_| value.bytes().all(|byte| byte.is_ascii_digit()) && !value.starts_with('0'))
}
