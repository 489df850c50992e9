//! SIGHUP for `bowsprit serve`: reload, or the terminal is gone.

use std::io::{IsTerminal, stdin};

#[cfg(target_os = "linux")]
use bowsprit::server::systemd;
use bowsprit::tls::ReloadableTls;

use crate::signal::{Signal, Signals};

/// What is done at a SIGHUP.
pub(crate) struct Reload {
    tls: Option<ReloadableTls>,
    /// Whether the program was started on a terminal.
    had_terminal: bool,
}

impl Reload {
    pub(crate) fn new(tls: Option<ReloadableTls>) -> Self {
        Self { tls, had_terminal: stdin().is_terminal() }
    }

    /// Reloads at each SIGHUP, until a signal asks the program to stop.
    pub(crate) async fn until_stop(&self, signals: &mut Signals) {
        while self.asks_for_reload(signals.next().await) {
            tell_systemd(true);
            match self.tls.clone() {
                // The outcome is logged where it is known.
                Some(tls) => drop(tokio::task::spawn_blocking(move || tls.reload()).await),
                None => tracing::info!("SIGHUP: there is nothing to reload without --cert"),
            }
            tell_systemd(false);
        }
    }

    /// Waits until a signal asks the program to stop once more.
    pub(crate) async fn until_second_stop(&self, signals: &mut Signals) {
        while self.asks_for_reload(signals.next().await) {
            tracing::info!("SIGHUP: nothing is reloaded any more");
        }
    }

    fn asks_for_reload(&self, signal: Signal) -> bool {
        match signal {
            #[cfg(unix)]
            Signal::HangUp => !self.had_terminal || stdin().is_terminal(),
            _ => false,
        }
    }
}

/// Tells systemd that a reload begins or has ended.
fn tell_systemd(begins: bool) {
    #[cfg(target_os = "linux")]
    {
        let told = if begins { systemd::notify_reloading() } else { systemd::notify_ready() };
        if let Err(error) = told {
            tracing::warn!(%error, "systemd cannot be told of the reload");
        }
    }
    #[cfg(not(target_os = "linux"))]
    let _nobody = begins;
}
