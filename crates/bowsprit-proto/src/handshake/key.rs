//! `Sec-WebSocket-Key` and `Sec-WebSocket-Accept`, RFC 6455 §4.1 (7), §4.2.2 (5.4).

use alloc::string::String;

use base64::{
    Engine, alphabet,
    engine::{GeneralPurpose, GeneralPurposeConfig},
    prelude::BASE64_STANDARD,
};

/// Length of the nonce that a key encodes.
const NONCE_LEN: usize = 16;

/// Length of a nonce in base64.
const KEY_LEN: usize = 24;

/// Base64 as keys are read. 22 digits hold four bits more than 16 bytes, and the RFC's
/// own example (§4.1 (7), "AQIDBAUGBwgJCgsMDQ4PEC==") has one of them set.
const LENIENT: GeneralPurpose = GeneralPurpose::new(
    &alphabet::STANDARD,
    GeneralPurposeConfig::new().with_decode_allow_trailing_bits(true),
);

/// §1.3: a GUID "that is unlikely to be used by network endpoints that do not understand the
/// WebSocket Protocol".
const GUID: &[u8] = b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11";

/// Returns the `Sec-WebSocket-Accept` for a `Sec-WebSocket-Key`.
///
/// ```
/// let accept = bowsprit_proto::handshake::accept_for("dGhlIHNhbXBsZSBub25jZQ==");
/// assert_eq!(accept, "s3pPLMBiTxaQ9kYGzzhZRbK+xOo="); // §1.3
/// ```
#[must_use]
pub fn accept_for(key: &str) -> String {
    let mut hash = sha1_smol::Sha1::new();
    hash.update(key.as_bytes());
    hash.update(GUID);
    BASE64_STANDARD.encode(hash.digest().bytes())
}

/// Returns the `Sec-WebSocket-Key` for a nonce, §4.1 (7): "a randomly selected 16-byte value that
/// has been base64-encoded". For drivers that make the request themselves; others use
/// [`ClientHandshake::new`](super::ClientHandshake::new).
///
/// ```
/// let key = bowsprit_proto::handshake::key_for(*b"the sample nonce");
/// assert_eq!(key, "dGhlIHNhbXBsZSBub25jZQ=="); // §1.3
/// ```
#[must_use]
pub fn key_for(nonce: [u8; NONCE_LEN]) -> String {
    BASE64_STANDARD.encode(nonce)
}

/// §4.2.1 (5): "A |Sec-WebSocket-Key| header field with a base64-encoded value that, when decoded,
/// is 16 bytes in length."
pub(super) fn is_valid(key: &str) -> bool {
    let mut nonce = [0; NONCE_LEN + 2];
    key.len() == KEY_LEN && LENIENT.decode_slice(key, &mut nonce).is_ok_and(|len| len == NONCE_LEN)
}
