//! Why nothing can be agreed on, RFC 7692 §7.1.

use alloc::string::String;
use core::fmt;

/// Why permessage-deflate cannot be agreed on: what is wrong with the client's offers, or with the
/// server's answer.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum NegotiationError {
    /// A parameter that the extension does not have.
    UnknownParameter {
        /// Which element of the list of offers has it, counted from 0; 0 in an answer.
        offer: usize,
        /// The parameter's name.
        name: String,
    },
    /// A parameter that stands there more than once.
    RepeatedParameter {
        /// Which element of the list of offers has it, counted from 0; 0 in an answer.
        offer: usize,
        /// The parameter's name.
        name: String,
    },
    /// A parameter with a value that it may not have, or without one that it needs.
    InvalidValue {
        /// Which element of the list of offers has it, counted from 0; 0 in an answer.
        offer: usize,
        /// The parameter's name.
        name: &'static str,
        /// Its value, if there is one.
        value: Option<String>,
    },
    /// None of the client's offers fits what the server wants.
    NoAcceptableOffer,
    /// The answer is for another extension.
    OtherExtension,
    /// The answer has this parameter, or a value of it, which the client's offer did not allow.
    NotOffered(&'static str),
    /// The answer lacks this parameter, or has a greater value, though the client asked for it.
    NotGranted(&'static str),
}

impl fmt::Display for NegotiationError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("permessage-deflate: ")?;
        match self {
            Self::UnknownParameter { name, .. } => write!(f, "unknown parameter {name}"),
            Self::RepeatedParameter { name, .. } => write!(f, "duplicate parameter {name}"),
            Self::InvalidValue { name, value: Some(value), .. } => {
                write!(f, "invalid value for parameter {name}: {value}")
            }
            Self::InvalidValue { name, value: None, .. } => {
                write!(f, "parameter {name} needs a value")
            }
            Self::NoAcceptableOffer => f.write_str("none of the offers can be accepted"),
            Self::OtherExtension => f.write_str("the answer is for another extension"),
            Self::NotOffered(name) => {
                write!(f, "the server answered with {name}, which the offer did not allow")
            }
            Self::NotGranted(name) => {
                write!(f, "the server did not grant {name}, which the offer asked for")
            }
        }
    }
}

impl core::error::Error for NegotiationError {}
