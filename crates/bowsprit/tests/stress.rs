//! Scenarios with many tasks, whose order chance decides, for as long as they are given.
//!
//! Each is run again and again with other random numbers, under a watchdog: half a second in an
//! ordinary run of the tests, longer by `scripts/stress --minutes N`. After all rounds of a
//! scenario the process has as many descriptors as before. A failure tells its seed.

#![cfg(all(feature = "client", feature = "server"))]
#![expect(clippy::unwrap_used, reason = "a test fails by it")]

mod stress {
    mod ending;
    mod faulty;
    mod handlers;
    mod harness;
    mod numbered;
    mod proxy;
    mod runtimes;
    mod sending;
    mod served;
    mod topics;
}
