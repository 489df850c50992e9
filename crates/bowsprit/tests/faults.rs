//! Faults of the transport: each operation of a conversation fails, stops, is cut short or comes
//! late. Nothing panics or hangs, messages arrive in order and without gaps, and the error is the
//! right one.

#![expect(clippy::unwrap_used, reason = "a test fails by it")]

mod support;

mod faults {
    mod every;
    mod scenarios;
    mod single;
}
