//! The `bowsprit` program: a WebSocket server and client for the command line.

mod args;
mod connect;
mod conversation;
mod metrics;
mod page;
mod refusal;
mod secret;
mod serve;
mod signal;
mod terminal;
mod wait;

use std::{io, process::ExitCode};

use clap::Parser;

use crate::args::{Arguments, Command};

fn main() -> ExitCode {
    let arguments = Arguments::try_parse();
    let arguments = arguments.unwrap_or_else(|error| secret::redacted(error).exit());
    let level = if arguments.verbose { tracing::Level::TRACE } else { tracing::Level::INFO };
    tracing_subscriber::fmt().with_max_level(level).with_writer(io::stderr).init();
    match run(arguments.command) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            terminal::note(&format!("bowsprit: {error:#}"));
            ExitCode::FAILURE
        }
    }
}

fn run(command: Command) -> anyhow::Result<()> {
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    let result = match command {
        Command::Serve(options) => runtime.block_on(serve::serve(options)),
        Command::Connect(options) => runtime.block_on(connect::connect(options)),
    };
    // A read of standard input cannot be called off; it must not keep the program.
    runtime.shutdown_background();
    result
}
