//! The program as its users see it: arguments, output, exit codes.

#![expect(clippy::unwrap_used, reason = "a test fails by it")]

mod cli {
    mod connect;
    mod foreign;
    mod help;
    mod outcomes;
    mod program;
    mod secrets;
    mod serve;
    #[cfg(unix)]
    mod signals;
    mod tls;
}
