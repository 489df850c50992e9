//! Events of the library, as lines on stderr.

// ANCHOR: all
use tracing::Level;

pub(crate) fn init() {
    tracing_subscriber::fmt().with_max_level(Level::INFO).with_writer(std::io::stderr).init();
}
// ANCHOR_END: all
