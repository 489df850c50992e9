//! Listening sockets that systemd has opened, `sd_listen_fds(3)`.

use std::{
    env, io, mem,
    os::fd::{AsRawFd, OwnedFd},
    process,
    sync::{Mutex, PoisonError},
};

use rustix::{
    io::{FdFlags, fcntl_setfd},
    net::{AddressFamily, SocketType, getsockname, sockopt},
    process::{Resource, getrlimit},
};
use tokio::net::{TcpListener, UnixListener};

use super::super::listener::Listener;
use crate::error::check_runtime;

/// What systemd has passed and nobody has taken yet. `None` until someone asks: descriptors can be
/// taken over only once.
static LEFT: Mutex<Option<Vec<Passed>>> = Mutex::new(None);

/// Names can be several sockets', which then differ in their address.
struct Passed {
    name: String,
    socket: OwnedFd,
}

/// Socket activation.
impl Listener {
    /// Takes the socket that systemd has opened for this service, TCP or Unix: `ListenStream=` in
    /// the `.socket` unit. Clients can connect to it before the service runs and while it restarts.
    /// Needs the feature `systemd`.
    ///
    /// Descriptors can be taken over once in a process, so nothing else in it may do that.
    ///
    /// ```no_run
    /// # async fn example() -> Result<(), bowsprit::Error> {
    /// use bowsprit::{Server, server::Listener};
    ///
    /// let server = Server::builder().listen_on(Listener::from_systemd()?).notify_systemd();
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    ///
    /// systemd has passed no socket, several of them, or something else than a listening stream
    /// socket; the sockets are another process's, or taken already; or there is no tokio runtime.
    ///
    /// # Panics
    ///
    /// As [`bind`](Self::bind).
    pub fn from_systemd() -> io::Result<Self> {
        take(|left| match left.len() {
            0 => Err(not_found("the sockets that systemd has passed are all taken")),
            1 => take_at(left, 0),
            _ => Err(ambiguous(format!(
                "systemd has passed several sockets, named {}: choose one by \
                 Listener::from_systemd_named, or take them by Listener::all_from_systemd",
                names(left)
            ))),
        })
    }

    /// Takes the socket with this name: that of `FileDescriptorName=` in its `.socket` unit, by
    /// default the name of the unit, such as `chat.socket`.
    ///
    /// # Errors
    ///
    /// As [`from_systemd`](Self::from_systemd), if none or several have this name.
    ///
    /// # Panics
    ///
    /// As [`bind`](Self::bind).
    pub fn from_systemd_named(name: &str) -> io::Result<Self> {
        take(|left| {
            let mut these = (0..left.len()).filter(|&i| left[i].name == name);
            match (these.next(), these.next()) {
                (Some(i), None) => take_at(left, i),
                (Some(_), Some(_)) => Err(ambiguous(format!(
                    "systemd has passed several sockets named {name:?}: take them by \
                     Listener::all_from_systemd"
                ))),
                (None, _) => Err(not_found(format!(
                    "systemd has passed no socket named {name:?}; those that are left are named: \
                     {}",
                    names(left)
                ))),
            }
        })
    }

    /// Takes all sockets that systemd has passed, with their names, in the order of the units.
    /// There is at least one.
    ///
    /// ```no_run
    /// # async fn example() -> Result<(), bowsprit::Error> {
    /// use bowsprit::{Server, server::Listener};
    ///
    /// let mut sockets = Listener::all_from_systemd()?;
    /// let mut server = Server::builder().listen_on(sockets.remove(0).1);
    /// for (_name, listener) in sockets {
    ///     server = server.add_listener(listener);
    /// }
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    ///
    /// As [`from_systemd`](Self::from_systemd), but not if there are several.
    ///
    /// # Panics
    ///
    /// As [`bind`](Self::bind).
    pub fn all_from_systemd() -> io::Result<Vec<(String, Self)>> {
        take(|left| {
            if left.is_empty() {
                return Err(not_found("the sockets that systemd has passed are all taken"));
            }
            let mut all = Vec::new();
            while let Some(Passed { name, .. }) = left.first() {
                all.push((name.clone(), take_at(left, 0)?));
            }
            Ok(all)
        })
    }
}

/// Takes sockets of those that are left.
fn take<T>(choose: impl FnOnce(&mut Vec<Passed>) -> io::Result<T>) -> io::Result<T> {
    check_runtime().map_err(io::Error::other)?;
    let mut left = LEFT.lock().unwrap_or_else(PoisonError::into_inner);
    let left = match &mut *left {
        Some(left) => left,
        none => none.insert(take_over()?),
    };
    choose(left)
}

/// Takes over what systemd has passed to this process.
fn take_over() -> io::Result<Vec<Passed>> {
    check_environment(|name| env::var(name).ok())?;
    let passed = sd_listen_fds::get().map_err(io::Error::other)?;
    let mut sockets = Vec::new();
    for (name, socket) in passed {
        let socket = socket.into_std();
        // No child inherits them.
        if let Err(error) = fcntl_setfd(&socket, FdFlags::CLOEXEC) {
            let descriptor = socket.as_raw_fd();
            // It is not open, so it cannot be closed either.
            mem::forget(socket);
            let message = format!("LISTEN_FDS counts descriptor {descriptor}: {error}");
            return Err(invalid(message));
        }
        sockets.push(Passed { name: name.unwrap_or_else(|| "unknown".into()), socket });
    }
    Ok(sockets)
}

/// Whether there are descriptors for this process.
fn check_environment(variable: impl Fn(&str) -> Option<String>) -> io::Result<()> {
    let (Some(pid), Some(count)) = (variable("LISTEN_PID"), variable("LISTEN_FDS")) else {
        return Err(not_found(
            "systemd has passed no socket (LISTEN_FDS is not set): start the service with its \
             .socket unit, or listen by Listener::bind",
        ));
    };
    let own = process::id();
    if pid.parse() != Ok(own) {
        return Err(not_found(format!(
            "systemd has passed sockets to process {pid} (LISTEN_PID), but this is {own}: what \
             starts it in between, such as a shell, has to use exec"
        )));
    }
    let max = getrlimit(Resource::Nofile).current.unwrap_or(u64::MAX).min(1 << 20);
    match count.parse() {
        Ok(0) => Err(not_found("systemd has passed no socket (LISTEN_FDS is 0)")),
        Ok(count) if count <= max => Ok(()),
        _ => Err(invalid(format!("LISTEN_FDS is {count:?}, which is no number of descriptors"))),
    }
}

/// Takes one of the sockets, unless it is of another kind.
fn take_at(left: &mut Vec<Passed>, i: usize) -> io::Result<Listener> {
    let Passed { name, socket } = &left[i];
    let family = family(socket).map_err(|error| {
        let (error, descriptor) = (io::Error::from(error), socket.as_raw_fd());
        invalid(format!("descriptor {descriptor}, named {name:?}, is of no use: {error}"))
    })?;
    let Some(family) = family else {
        return Err(invalid(format!(
            "descriptor {}, named {name:?}, is no listening stream socket of TCP or Unix: \
             ListenStream= and Accept=no in the .socket unit make one",
            socket.as_raw_fd()
        )));
    };
    let socket = left.remove(i).socket;
    if family == AddressFamily::UNIX {
        let listener = std::os::unix::net::UnixListener::from(socket);
        listener.set_nonblocking(true)?;
        Ok(UnixListener::from_std(listener)?.into())
    } else {
        let listener = std::net::TcpListener::from(socket);
        listener.set_nonblocking(true)?;
        Ok(TcpListener::from_std(listener)?.into())
    }
}

/// The family of a socket's addresses, if a server can accept connections from it.
fn family(socket: &OwnedFd) -> rustix::io::Result<Option<AddressFamily>> {
    let listens =
        sockopt::socket_type(socket)? == SocketType::STREAM && sockopt::socket_acceptconn(socket)?;
    let family = getsockname(socket)?.address_family();
    let is_known =
        [AddressFamily::INET, AddressFamily::INET6, AddressFamily::UNIX].contains(&family);
    Ok((listens && is_known).then_some(family))
}

fn names(left: &[Passed]) -> String {
    left.iter().map(|passed| &*passed.name).collect::<Vec<_>>().join(", ")
}

fn not_found(message: impl Into<String>) -> io::Error {
    io::Error::new(io::ErrorKind::NotFound, message.into())
}

fn ambiguous(message: String) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidInput, message)
}

fn invalid(message: String) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, message)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(pid: Option<&str>, count: Option<&str>) -> Result<(), String> {
        let variable = |name: &str| {
            let value = if name == "LISTEN_PID" { pid } else { count };
            value.map(str::to_owned)
        };
        check_environment(variable).map_err(|error| error.to_string())
    }

    #[test]
    fn descriptors_have_to_be_for_this_process() {
        let own = process::id().to_string();
        assert_eq!(check(Some(&own), Some("2")), Ok(()));
        for (pid, count, text) in [
            (None, None, "LISTEN_FDS is not set"),
            (None, Some("1"), "LISTEN_FDS is not set"),
            (Some(&*own), None, "LISTEN_FDS is not set"),
            (Some("1"), Some("1"), "passed sockets to process 1 (LISTEN_PID), but this is"),
            (Some(""), Some("1"), "has to use exec"),
            (Some(&*own), Some("0"), "LISTEN_FDS is 0"),
            (Some(&*own), Some("-1"), "LISTEN_FDS is \"-1\""),
            (Some(&*own), Some("4294967295"), "which is no number of descriptors"),
        ] {
            let error = check(pid, count).unwrap_err();
            assert!(error.contains(text), "{pid:?} {count:?}: {error}");
        }
    }
}
