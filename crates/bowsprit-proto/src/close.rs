//! Close codes and reasons, RFC 6455 §5.5.1, §7.1.5 to §7.4.

use alloc::{borrow::Cow, string::String, vec::Vec};
use core::fmt;

use crate::{ProtocolError, SendError, frame::MAX_CONTROL_LEN, handshake::Version, utf8};

/// The length of a close code on the wire.
const CODE_LEN: usize = 2;

/// Why a connection is closed, as a number, §7.4.
///
/// It can hold any number; [`is_sendable`](Self::is_sendable) tells which ones may be sent.
///
/// ```
/// use bowsprit_proto::CloseCode;
///
/// assert_eq!(CloseCode::GOING_AWAY, 1001);
/// assert!(CloseCode::new(4001).is_sendable());
/// assert!(!CloseCode::ABNORMAL.is_sendable(), "1006 never is on the wire");
/// ```
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct CloseCode(u16);

macro_rules! close_codes {
    ($($(#[$doc:meta])+ $name:ident = $code:literal;)+) => {
        impl CloseCode {
            $($(#[$doc])+ pub const $name: Self = Self($code);)+

            /// The name of a code in this table.
            const fn name(self) -> Option<&'static str> {
                match self.0 {
                    $($code => Some(stringify!($name)),)+
                    _ => None,
                }
            }
        }
    };
}

close_codes! {
    /// 1000: the purpose of the connection has been fulfilled.
    NORMAL = 1000;
    /// 1001: the server is going down, or the page is being left.
    GOING_AWAY = 1001;
    /// 1002: a protocol error.
    PROTOCOL_ERROR = 1002;
    /// 1003: a kind of data that the endpoint cannot accept.
    UNSUPPORTED_DATA = 1003;
    /// 1004: reserved; in HyBi drafts up to version 8 it meant "too big". Never sent.
    RESERVED = 1004;
    /// 1005: local only: the peer's close frame had no code.
    NO_STATUS_RECEIVED = 1005;
    /// 1006: local only: the connection ended without a close frame.
    ABNORMAL = 1006;
    /// 1007: data that does not fit the message's type, such as text that is not UTF-8.
    INVALID_PAYLOAD = 1007;
    /// 1008: a message that breaks the endpoint's policy.
    POLICY_VIOLATION = 1008;
    /// 1009: a message that is too big to process.
    TOO_BIG = 1009;
    /// 1010: the client requires an extension that the server did not negotiate.
    MANDATORY_EXTENSION = 1010;
    /// 1011: the endpoint encountered an unexpected condition.
    INTERNAL_ERROR = 1011;
    /// 1012: the service is restarting (registered with IANA).
    SERVICE_RESTART = 1012;
    /// 1013: try again later (registered with IANA).
    TRY_AGAIN_LATER = 1013;
    /// 1014: a gateway received an invalid response from upstream (registered with IANA).
    BAD_GATEWAY = 1014;
    /// 1015: local only: the TLS handshake failed.
    TLS_FAILURE = 1015;
}

impl CloseCode {
    /// The code with this number.
    #[must_use]
    pub const fn new(code: u16) -> Self {
        Self(code)
    }

    /// Whether a close frame may contain this code, §7.4.
    ///
    /// True for the codes of §7.4.1 but 1004, 1005, 1006 and 1015, for 1012 to 1014 which were
    /// registered later, and for 3000 to 4999.
    #[must_use]
    pub const fn is_sendable(self) -> bool {
        matches!(self.0, 1000..=1003 | 1007..=1014 | 3000..=4999)
    }

    /// Whether a peer that speaks `version` may send this code.
    const fn is_receivable(self, version: Version) -> bool {
        // HyBi drafts knew 1004 as "too big"; RFC 6455 reserves it.
        self.is_sendable() || (self.0 == 1004 && matches!(version, Version::V8))
    }
}

impl From<u16> for CloseCode {
    fn from(code: u16) -> Self {
        Self(code)
    }
}

impl PartialEq<u16> for CloseCode {
    fn eq(&self, code: &u16) -> bool {
        self.0 == *code
    }
}

impl From<CloseCode> for u16 {
    fn from(code: CloseCode) -> Self {
        code.0
    }
}

impl fmt::Display for CloseCode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(&self.0, f)
    }
}

impl fmt::Debug for CloseCode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.name() {
            Some(name) => write!(f, "{} {name}", self.0),
            None => fmt::Display::fmt(self, f),
        }
    }
}

/// The content of a close frame: a code and a reason, §5.5.1.
///
/// ```
/// use bowsprit_proto::{Close, CloseCode};
///
/// let close = Close::new(CloseCode::POLICY_VIOLATION, "too many messages");
/// assert_eq!(close.code, 1008);
/// let without_reason = Close::from(CloseCode::NORMAL);
/// assert_eq!(without_reason.reason, "");
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
#[expect(clippy::exhaustive_structs, reason = "RFC 6455 fixes these fields")]
pub struct Close<'r> {
    /// Why the connection is closed; [`CloseCode::NO_STATUS_RECEIVED`] stands for an empty frame.
    pub code: CloseCode,
    /// An explanation of at most 123 bytes. If it is a peer's, "it MUST NOT be shown to end users".
    pub reason: Cow<'r, str>,
}

impl<'r> Close<'r> {
    /// The length of the longest reason: the code takes two of the 125 bytes, §5.5.1.
    pub const MAX_REASON_LEN: usize = MAX_CONTROL_LEN - CODE_LEN;

    /// Creates a code with a reason.
    pub fn new(code: CloseCode, reason: impl Into<Cow<'r, str>>) -> Self {
        Self { code, reason: reason.into() }
    }

    /// Converts it into one that owns its reason.
    #[must_use]
    pub fn into_owned(self) -> Close<'static> {
        Close { code: self.code, reason: Cow::Owned(String::from(self.reason)) }
    }

    /// Reads the payload of a close frame. With `any_text`, a reason that is not UTF-8 gets
    /// replacement characters.
    pub(crate) fn parse(
        payload: &'r [u8],
        version: Version,
        any_text: bool,
    ) -> Result<Self, ProtocolError> {
        // §7.1.5: "If this Close control frame contains no status code, _The WebSocket Connection
        // Close Code_ is considered to be 1005."
        if payload.is_empty() {
            return Ok(Self::from(CloseCode::NO_STATUS_RECEIVED));
        }
        // §5.5.1: "If there is a body, the first two bytes of the body MUST be a 2-byte unsigned
        // integer"
        let Some((code, reason)) = payload.split_first_chunk() else {
            return Err(ProtocolError::CloseTruncated);
        };
        let code = CloseCode(u16::from_be_bytes(*code));
        if !code.is_receivable(version) {
            return Err(ProtocolError::CloseCode(code));
        }
        match utf8::from_utf8(reason) {
            Ok(reason) => Ok(Self::new(code, reason)),
            Err(_) if any_text => Ok(Self::new(code, String::from_utf8_lossy(reason))),
            Err(_) => Err(ProtocolError::CloseReasonUtf8),
        }
    }

    /// The payload of a close frame, in the first bytes of an array.
    pub(crate) fn encode(&self) -> Result<([u8; MAX_CONTROL_LEN], usize), SendError> {
        let mut payload = [0; MAX_CONTROL_LEN];
        if self.code == CloseCode::NO_STATUS_RECEIVED && self.reason.is_empty() {
            return Ok((payload, 0));
        }
        encode_into(&mut payload, self.code, self.reason.as_bytes()).map(|len| (payload, len))
    }

    /// Encodes the payload of a close frame for a driver that makes the frame itself. The driver
    /// sees to it that the reason is UTF-8, §5.5.1.
    ///
    /// # Errors
    ///
    /// [`SendError::CloseCode`] for a code that may not be sent, also for
    /// [`CloseCode::NO_STATUS_RECEIVED`], [`SendError::CloseReasonTooLong`] for a reason of more
    /// than [`MAX_REASON_LEN`](Self::MAX_REASON_LEN) bytes.
    ///
    /// ```
    /// use bowsprit_proto::{Close, CloseCode, SendError};
    ///
    /// assert_eq!(Close::encode_bytes(CloseCode::NORMAL, b"bye")?, b"\x03\xe8bye");
    /// let too_long = Close::encode_bytes(CloseCode::NORMAL, &[b'a'; 124]);
    /// assert_eq!(too_long, Err(SendError::CloseReasonTooLong));
    /// # Ok::<(), SendError>(())
    /// ```
    pub fn encode_bytes(code: CloseCode, reason: &[u8]) -> Result<Vec<u8>, SendError> {
        let mut payload = [0; MAX_CONTROL_LEN];
        let len = encode_into(&mut payload, code, reason)?;
        Ok(payload[..len].to_vec())
    }

    /// §5.5.1: "When sending a Close frame in response, the endpoint typically echos the status
    /// code it received."
    pub(crate) fn reply(&self) -> Close<'_> {
        match self.code {
            CloseCode::RESERVED => Close::from(CloseCode::TOO_BIG),
            code => Close::new(code, &*self.reason),
        }
    }
}

fn encode_into(
    payload: &mut [u8; MAX_CONTROL_LEN],
    code: CloseCode,
    reason: &[u8],
) -> Result<usize, SendError> {
    // §7.4.1: 1005, 1006 and 1015 "MUST NOT be set as a status code in a Close control frame by an
    // endpoint"
    if !code.is_sendable() {
        return Err(SendError::CloseCode(code));
    }
    let (code_mut, rest) = payload.split_at_mut(CODE_LEN);
    code_mut.copy_from_slice(&code.0.to_be_bytes());
    let reason_mut = rest.get_mut(..reason.len()).ok_or(SendError::CloseReasonTooLong)?;
    reason_mut.copy_from_slice(reason);
    Ok(CODE_LEN + reason.len())
}

impl From<CloseCode> for Close<'_> {
    fn from(code: CloseCode) -> Self {
        Self { code, reason: Cow::Borrowed("") }
    }
}

impl From<u16> for Close<'_> {
    fn from(code: u16) -> Self {
        CloseCode(code).into()
    }
}

impl<'r, R: Into<Cow<'r, str>>> From<(CloseCode, R)> for Close<'r> {
    fn from((code, reason): (CloseCode, R)) -> Self {
        Self::new(code, reason)
    }
}

impl<'r, R: Into<Cow<'r, str>>> From<(u16, R)> for Close<'r> {
    fn from((code, reason): (u16, R)) -> Self {
        Self::new(CloseCode(code), reason)
    }
}

impl fmt::Display for Close<'_> {
    /// Writes the code and the reason. Control characters in the reason are escaped, as it may be a
    /// peer's text.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(&self.code, f)?;
        if self.reason.is_empty() { Ok(()) } else { write!(f, " {:?}", self.reason) }
    }
}
