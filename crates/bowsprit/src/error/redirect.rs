//! Redirects that are not followed.

use std::{error::Error as StdError, fmt};

/// Why a redirect was not followed.
///
/// ```
/// use bowsprit::{ConnectError, error::RedirectError};
///
/// fn explain(error: &ConnectError) {
///     if let ConnectError::Redirect { from, error: RedirectError::Insecure } = error {
///         println!("{from} redirects to a server without TLS");
///     }
/// }
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum RedirectError {
    /// The target is not a WebSocket URL.
    Location,
    /// The redirect leads from an encrypted to an unencrypted connection.
    Insecure,
    /// The redirect leads to a Unix socket.
    UnixSocket,
    /// The redirect leads to a URL that was already requested.
    Loop,
    /// There were more redirects than [`Client::max_redirects`](crate::Client::max_redirects)
    /// allows.
    TooMany,
    /// The redirect leads to another origin, where subprotocols are sent only with
    /// [`Client::subprotocols_cross_origin`](crate::Client::subprotocols_cross_origin).
    Subprotocol,
}

impl fmt::Display for RedirectError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Location => "its target is not a WebSocket URL",
            Self::Insecure => "it leads from an encrypted to a plain connection",
            Self::UnixSocket => "it leads to another socket of this machine",
            Self::Loop => "it leads to a URL that was asked before",
            Self::TooMany => "there were too many before it (Client::max_redirects)",
            Self::Subprotocol => {
                "it leads to another origin, and sec-websocket-protocol, which may hold a token, \
                 is sent there only if subprotocols_cross_origin allows it"
            }
        })
    }
}

impl StdError for RedirectError {}
