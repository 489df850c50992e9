//! The program as its users see it: arguments, output, exit codes.

#![expect(clippy::unwrap_used, reason = "a test fails by it")]

mod cli {
    mod connect;
    #[cfg(target_os = "linux")]
    mod descriptors;
    mod foreign;
    mod help;
    mod outcomes;
    mod program;
    #[cfg(target_os = "linux")]
    mod reload;
    mod secrets;
    mod serve;
    #[cfg(unix)]
    mod signals;
    #[cfg(target_os = "linux")]
    mod systemd;
    mod tls;
}
