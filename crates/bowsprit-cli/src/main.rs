//! The `bowsprit` program: a WebSocket server and client for the command line.

mod address;
mod args;
mod connect;
mod conversation;
mod explanation;
mod listening;
mod log;
mod metrics;
mod outcome;
mod page;
mod refusal;
mod reload;
mod secret;
mod serve;
mod signal;
mod terminal;
mod wait;

use std::process::ExitCode;

use clap::Parser;

use crate::{
    args::{Arguments, Command},
    outcome::{Failure, Outcome},
    terminal::note,
};

fn main() -> ExitCode {
    let outcome = match Arguments::try_parse() {
        Ok(arguments) => run(arguments),
        Err(error) => explain(error),
    };
    outcome.into()
}

/// Prints what is wrong with the arguments, or the help they ask for.
fn explain(error: clap::Error) -> Outcome {
    let error = secret::redacted(error);
    let _unread = error.print();
    if error.use_stderr() { Outcome::Usage } else { Outcome::Done }
}

fn run(arguments: Arguments) -> Outcome {
    log::init(arguments.verbose);
    execute(arguments.command).unwrap_or_else(|Failure { outcome, error }| {
        note(&format!("bowsprit: {error:#}"));
        outcome
    })
}

fn execute(command: Command) -> Result<Outcome, Failure> {
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    let result = match command {
        Command::Serve(options) => runtime.block_on(serve::serve(options)),
        Command::Connect(options) => runtime.block_on(connect::connect(options)),
    };
    // A read of standard input cannot be called off; it must not keep the program.
    runtime.shutdown_background();
    result
}
