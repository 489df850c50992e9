//! What systemd does to start a service.

use std::{
    env, fs,
    io::Read,
    os::{
        fd::OwnedFd,
        linux::net::SocketAddrExt,
        unix::net::{SocketAddr, UnixDatagram},
    },
    path::PathBuf,
    process::{Child, Command, Stdio},
    sync::atomic::{AtomicU32, Ordering},
    time::Duration,
};

/// Moves the standard input and, if there are two, the standard output to where sockets belong, and
/// becomes the service without changing the process.
const START: &str = "export LISTEN_PID=$$
    if test \"$LISTEN_FDS\" = 2; then exec 4<&1 1>&2; fi
    exec 3<&0 0</dev/null \"$@\"";

/// The same with a process in between.
const START_BY_CHILD: &str = "export LISTEN_PID=$$; exec 3<&0 0</dev/null; \"$@\"; exit $?";

/// A service that runs; killed when dropped.
pub(super) struct Service(Child);

/// What a service is started with.
#[derive(Default)]
pub(super) struct Unit {
    pub(super) sockets: Vec<OwnedFd>,
    pub(super) names: Option<&'static str>,
    pub(super) notify: Option<String>,
    pub(super) watchdog: Option<Duration>,
    pub(super) by_child: bool,
}

impl Unit {
    /// Starts a function of `service.rs`.
    pub(super) fn start(self, function: &str) -> Service {
        let mut command = Command::new("sh");
        let start = if self.by_child { START_BY_CHILD } else { START };
        command.args(["-c", start, "sh"]).arg(env::current_exe().unwrap());
        command.args(["--exact", "--ignored", "--nocapture"]);
        command.arg(format!("systemd::service::{function}"));
        for name in ["LISTEN_FDS", "LISTEN_FDNAMES", "NOTIFY_SOCKET", "WATCHDOG_USEC"] {
            command.env_remove(name);
        }
        if !self.sockets.is_empty() {
            command.env("LISTEN_FDS", self.sockets.len().to_string());
        }
        command.envs(self.names.map(|names| ("LISTEN_FDNAMES", names)));
        command.envs(self.notify.map(|socket| ("NOTIFY_SOCKET", socket)));
        let micros = self.watchdog.map(|period| period.as_micros().to_string());
        command.envs(micros.map(|micros| ("WATCHDOG_USEC", micros)));
        let mut sockets = self.sockets.into_iter();
        command.stdin(sockets.next().map_or_else(Stdio::null, Stdio::from));
        command.stdout(sockets.next().map_or_else(Stdio::null, Stdio::from));
        Service(command.stderr(Stdio::piped()).spawn().unwrap())
    }
}

impl Service {
    /// Waits for the end of a service that does not fail; returns what it has printed.
    pub(super) fn end(mut self) -> String {
        let mut printed = String::new();
        self.0.stderr.take().unwrap().read_to_string(&mut printed).unwrap();
        assert!(self.0.wait().unwrap().success(), "{printed}");
        printed
    }
}

impl Drop for Service {
    fn drop(&mut self) {
        let _ended = self.0.kill();
        let _ended = self.0.wait();
    }
}

/// The socket on which systemd is told things.
pub(super) struct Notifications {
    socket: UnixDatagram,
    pub(super) name: String,
    folder: PathBuf,
}

impl Notifications {
    pub(super) fn new(is_abstract: bool) -> Self {
        let folder = folder();
        let path = folder.join("notify");
        let (socket, name) = if is_abstract {
            let addr = SocketAddr::from_abstract_name(path.to_str().unwrap()).unwrap();
            (UnixDatagram::bind_addr(&addr), format!("@{}", path.display()))
        } else {
            (UnixDatagram::bind(&path), path.to_str().unwrap().to_owned())
        };
        let socket = socket.unwrap();
        socket.set_read_timeout(Some(Duration::from_secs(30))).unwrap();
        Self { socket, name, folder }
    }

    /// The next thing that a service tells.
    pub(super) fn next(&self) -> String {
        let mut datagram = [0; 1000];
        let len = self.socket.recv(&mut datagram).expect("systemd was told nothing");
        String::from_utf8(datagram[..len].to_vec()).unwrap()
    }
}

impl Drop for Notifications {
    fn drop(&mut self) {
        let _gone = fs::remove_dir_all(&self.folder);
    }
}

/// A new folder.
pub(super) fn folder() -> PathBuf {
    static COUNT: AtomicU32 = AtomicU32::new(0);
    let number = COUNT.fetch_add(1, Ordering::Relaxed);
    let folder = env::temp_dir().join(format!("bowsprit-systemd-{}-{number}", std::process::id()));
    fs::create_dir_all(&folder).unwrap();
    folder
}
