//! The opening handshake, RFC 6455 §4, with the types of the `http` crate. Servers also support the
//! extended CONNECT of HTTP/2, RFC 8441.
//!
//! A client creates a [`ClientHandshake`], sends its request and passes the response to
//! [`verify`](ClientHandshake::verify). A server [`respond`]s to a request according to a
//! [`Policy`]. Drivers parse HTTP.

mod authorization;
mod client;
mod connect;
mod error;
mod field;
mod host;
mod key;
mod origin;
mod rejection;
mod server;

use alloc::string::String;

use http::{HeaderName, header};

use crate::deflate::Parameters;

pub(crate) use authorization::are_basic;
pub use authorization::{basic_authorization, bearer_authorization};
pub use client::{ClientHandshake, Offer};
pub use connect::ConnectProtocol;
pub use error::HandshakeError;
pub use host::HostPolicy;
pub use key::{accept_for, key_for};
pub use origin::{OriginMatcher, OriginPolicy};
pub use rejection::Rejection;
pub use server::{
    Accepted, Policy, RequestContext, SubprotocolPolicy, asks_for_websocket, respond, respond_with,
};

/// A version of the protocol, as in `Sec-WebSocket-Version`, §4.1 (9).
///
/// ```
/// use bowsprit_proto::handshake::Version;
///
/// assert_eq!(Version::default().number(), 13);
/// assert_eq!(Version::from_number(8), Some(Version::V8));
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[expect(clippy::exhaustive_enums, reason = "no other version was ever in use")]
pub enum Version {
    /// The HyBi drafts 8 to 12. They differ in the name of the `Origin` header and the meaning of
    /// close code 1004.
    V8,
    /// RFC 6455.
    #[default]
    V13,
}

impl Version {
    /// All versions, the oldest first.
    pub const ALL: [Self; 2] = [Self::V8, Self::V13];

    /// The number in the header.
    #[must_use]
    pub const fn number(self) -> u8 {
        match self {
            Self::V8 => 8,
            Self::V13 => 13,
        }
    }

    /// The version with this number.
    #[must_use]
    pub const fn from_number(number: u8) -> Option<Self> {
        match number {
            8 => Some(Self::V8),
            13 => Some(Self::V13),
            _ => None,
        }
    }

    /// The header in which a client sends its origin, §4.1 (8). HyBi drafts have another one.
    #[must_use]
    pub const fn origin_header(self) -> HeaderName {
        match self {
            Self::V8 => origin::SEC_WEBSOCKET_ORIGIN,
            Self::V13 => header::ORIGIN,
        }
    }
}

/// The result of the negotiation.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Negotiated {
    /// The version of the protocol.
    pub version: Version,
    /// The subprotocol, if there is one.
    pub subprotocol: Option<String>,
    /// The parameters of compression, if it was negotiated.
    pub deflate: Option<Parameters>,
}
