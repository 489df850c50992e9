//! The zoo: one connection after the other with everybody who speaks WebSocket, in both roles.
//!
//! A peer is a small program below `conformance/interop/zoo`; `peer.py` there says what it does. It
//! sends everything back, and does what it is asked in a message, so that all checks are here, once
//! for both roles. What was found has to be what `conformance/INTEROP.md` says. To write that anew:
//!
//! ```text
//! BOWSPRIT_RENEW_INTEROP=1 cargo test -p bowsprit --test interop -- --include-ignored zoo
//! ```

mod checks;
mod clients;
mod firefox;
mod peer;
mod process;
mod server;
mod servers;
mod table;
