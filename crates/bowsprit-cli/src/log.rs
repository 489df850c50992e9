//! What is logged to standard error.

use std::{env, io};

use tracing_subscriber::{
    filter::{LevelFilter, Targets},
    layer::SubscriberExt,
    util::SubscriberInitExt,
};

use crate::terminal::note;

/// Logs everything if `verbose`, else what the variable `RUST_LOG` says, else what matters.
pub(crate) fn init(verbose: bool) {
    let filter = if verbose { all(LevelFilter::TRACE) } else { by_environment() };
    let formatting = tracing_subscriber::fmt()
        .with_max_level(LevelFilter::TRACE)
        .with_writer(io::stderr)
        // Telling it on standard error is no use if that is what has failed.
        .log_internal_errors(false);
    formatting.finish().with(filter).init();
}

fn by_environment() -> Targets {
    let Some(text) = env::var("RUST_LOG").ok().filter(|text| !text.is_empty()) else {
        return all(LevelFilter::INFO);
    };
    text.parse().unwrap_or_else(|error| {
        note(&format!("RUST_LOG is ignored: {error}"));
        all(LevelFilter::INFO)
    })
}

fn all(level: LevelFilter) -> Targets {
    Targets::new().with_default(level)
}
