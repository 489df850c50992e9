//! Services of systemd: which state the process is in, and the watchdog, `sd_notify(3)`. Sockets
//! that systemd passes are [`Listener::from_systemd`](super::Listener::from_systemd).
//!
//! [`BoundServer::notify_systemd`](super::BoundServer::notify_systemd) is all that most servers
//! need. The functions of this module are for programs that know better when they are ready, and
//! for reloading:
//!
//! ```no_run
//! # async fn example(tls: bowsprit::tls::ReloadableTls) -> std::io::Result<()> {
//! use bowsprit::server::systemd;
//! use tokio::signal::unix::{SignalKind, signal};
//!
//! let mut hang_up = signal(SignalKind::hangup())?;
//! while hang_up.recv().await.is_some() {
//!     systemd::notify_reloading()?;
//!     let outcome = tls.reload();
//!     systemd::notify_ready()?;
//! }
//! # Ok(())
//! # }
//! ```
//!
//! All of them return whether there was anyone to tell: `false` if the process was not started by
//! systemd, or not with `Type=notify` or `Type=notify-reload` (the variable `NOTIFY_SOCKET` is not
//! set). The environment is read and never changed.

mod sockets;

use std::{
    env,
    ffi::OsStr,
    future::Future,
    io,
    os::{
        linux::net::SocketAddrExt,
        unix::{
            ffi::OsStrExt,
            net::{SocketAddr, UnixDatagram},
        },
    },
    process,
    sync::{
        OnceLock,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use rustix::time::{ClockId, clock_gettime};
use tokio::task::AbortHandle;

/// How long systemd may leave its socket full.
const SEND_TIMEOUT: Duration = Duration::from_secs(5);

/// Tells systemd that the service has started, or that a reload is complete: `READY=1`.
///
/// # Errors
///
/// The socket that `NOTIFY_SOCKET` names cannot be reached.
pub fn notify_ready() -> io::Result<bool> {
    notify("READY=1")
}

/// Tells systemd that the service reloads its configuration: `RELOADING=1`, with the time as
/// `Type=notify-reload` demands. [`notify_ready`] must follow, also if the reload has failed.
///
/// # Errors
///
/// As [`notify_ready`].
pub fn notify_reloading() -> io::Result<bool> {
    let now = clock_gettime(ClockId::Monotonic);
    let micros = i128::from(now.tv_sec) * 1_000_000 + i128::from(now.tv_nsec) / 1000;
    notify(&format!("RELOADING=1\nMONOTONIC_USEC={micros}"))
}

/// Tells systemd that the service has begun to stop: `STOPPING=1`.
///
/// # Errors
///
/// As [`notify_ready`].
pub fn notify_stopping() -> io::Result<bool> {
    notify("STOPPING=1")
}

/// Sets the line that `systemctl status` shows for the service. Line breaks in it become spaces.
///
/// ```
/// # fn example(server: bowsprit::Server) -> std::io::Result<()> {
/// use bowsprit::server::systemd;
///
/// systemd::notify_status(&format!("{} connections", server.connections()))?;
/// # Ok(())
/// # }
/// ```
///
/// # Errors
///
/// As [`notify_ready`].
pub fn notify_status(status: &str) -> io::Result<bool> {
    notify(&format!("STATUS={}", status.replace(['\n', '\r'], " ")))
}

/// Tells systemd that the service is alive, twice in each period of the unit's `WatchdogSec=`. If
/// that is not set, it returns at once; otherwise never.
///
/// # Panics
///
/// If the runtime was built without time enabled; `enable_all` enables it.
pub async fn watchdog() {
    if let Some(interval) = watchdog_interval(|name| env::var(name).ok()) {
        loop {
            log_failure(notify("WATCHDOG=1"));
            tokio::time::sleep(interval).await;
        }
    }
}

/// Half of the watchdog's period, if this process has one.
fn watchdog_interval(variable: impl Fn(&str) -> Option<String>) -> Option<Duration> {
    let is_for_us = variable("WATCHDOG_PID").is_none_or(|pid| pid.parse() == Ok(process::id()));
    let micros = variable("WATCHDOG_USEC")?.parse().ok().filter(|micros| *micros > 0)?;
    is_for_us.then(|| Duration::from_micros(micros) / 2)
}

fn notify(state: &str) -> io::Result<bool> {
    let Some(name) = env::var_os("NOTIFY_SOCKET").filter(|name| !name.is_empty()) else {
        return Ok(false);
    };
    let socket = UnixDatagram::unbound()?;
    socket.set_write_timeout(Some(SEND_TIMEOUT))?;
    socket.send_to_addr(state.as_bytes(), &address(&name)?)?;
    Ok(true)
}

/// The address of a socket in the file system, or of an abstract one, which begins with an `@`.
fn address(name: &OsStr) -> io::Result<SocketAddr> {
    match name.as_bytes() {
        [b'@', name @ ..] => SocketAddr::from_abstract_name(name),
        [b'/', ..] => SocketAddr::from_pathname(name),
        _ => {
            let message = format!("NOTIFY_SOCKET {} is no Unix socket", name.display());
            Err(io::Error::new(io::ErrorKind::Unsupported, message))
        }
    }
}

fn log_failure(told: io::Result<bool>) {
    if let Err(error) = told {
        tracing::warn!(%error, "systemd cannot be told the state of the service");
    }
}

/// What a server tells systemd of itself, once it is enabled.
#[derive(Default)]
pub(super) struct Notifier {
    enabled: AtomicBool,
    watchdog: OnceLock<AbortHandle>,
}

impl Notifier {
    pub(super) fn enable(&self) {
        self.enabled.store(true, Ordering::Relaxed);
    }

    /// The server accepts connections from now on.
    pub(super) fn on_serving(&self) {
        if self.enabled.load(Ordering::Relaxed) {
            log_failure(notify_ready());
            self.watchdog.get_or_init(|| spawn(watchdog()));
        }
    }

    /// The server shuts down from now on, which the watchdog still watches.
    pub(super) fn on_shutdown(&self) {
        if self.enabled.load(Ordering::Relaxed) {
            log_failure(notify_stopping());
        }
    }
}

fn spawn(task: impl Future<Output = ()> + Send + 'static) -> AbortHandle {
    tokio::spawn(task).abort_handle()
}

impl Drop for Notifier {
    fn drop(&mut self) {
        if let Some(watchdog) = self.watchdog.get() {
            watchdog.abort();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_watchdog_is_told_twice_in_its_period_by_the_process_it_watches() {
        let own = process::id().to_string();
        for (micros, pid, interval) in [
            (Some("3000000"), Some(&*own), Some(1_500_000)),
            (Some("3000000"), None, Some(1_500_000)),
            (Some("3000000"), Some("1"), None),
            (Some("0"), None, None),
            (Some("soon"), None, None),
            (None, None, None),
        ] {
            let variable = |name: &str| {
                let value = if name == "WATCHDOG_PID" { pid } else { micros };
                value.map(str::to_owned)
            };
            assert_eq!(watchdog_interval(variable), interval.map(Duration::from_micros));
        }
    }

    #[test]
    fn sockets_have_a_path_or_an_abstract_name() {
        let path = address(OsStr::new("/run/systemd/notify")).unwrap();
        assert_eq!(path.as_pathname().unwrap(), "/run/systemd/notify");
        let name = address(OsStr::new("@/org/notify")).unwrap();
        assert_eq!(name.as_abstract_name().unwrap(), b"/org/notify");
        let error = address(OsStr::new("vsock:2:1234")).unwrap_err();
        assert_eq!(error.to_string(), "NOTIFY_SOCKET vsock:2:1234 is no Unix socket");
    }
}
