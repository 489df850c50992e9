//! `bowsprit serve` as a service of systemd.

use std::{
    env, fs,
    net::TcpListener,
    os::{fd::OwnedFd, unix::net::UnixDatagram},
    path::PathBuf,
    process::{self, Command, Stdio},
    time::Duration,
};

use super::program::{Program, run};

/// Puts the standard input where sockets belong, and becomes the program.
const START: &str = "export LISTEN_PID=$$; exec 3<&0 0</dev/null \"$@\"";

/// The socket on which systemd is told things.
struct Notifications {
    socket: UnixDatagram,
    path: PathBuf,
}

impl Notifications {
    fn new() -> Self {
        let path = env::temp_dir().join(format!("bowsprit-cli-notify-{}", process::id()));
        let socket = UnixDatagram::bind(&path).unwrap();
        socket.set_read_timeout(Some(Duration::from_secs(30))).unwrap();
        Self { socket, path }
    }

    fn next(&self) -> String {
        let mut datagram = [0; 1000];
        let len = self.socket.recv(&mut datagram).expect("systemd was told nothing");
        String::from_utf8(datagram[..len].to_vec()).unwrap()
    }
}

impl Drop for Notifications {
    fn drop(&mut self) {
        let _gone = fs::remove_file(&self.path);
    }
}

#[test]
fn serve_takes_a_socket_and_tells_what_it_does() {
    let notifications = Notifications::new();
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let addr = listener.local_addr().unwrap();
    let mut command = Command::new("env");
    command.args(["--default-signal=HUP", "sh", "-c", START, "sh"]);
    command.args([env!("CARGO_BIN_EXE_bowsprit"), "serve", "--listen", "systemd"]);
    command.env("LISTEN_FDS", "1").env("NOTIFY_SOCKET", &notifications.path).env_remove("RUST_LOG");
    command.stdin(OwnedFd::from(listener)).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut server = Program::spawn(&mut command);
    server.wait_for(&format!("listening on ws://{addr}"));
    assert_eq!(notifications.next(), "READY=1");
    let ended = run(&["connect", "-n1", &format!("ws://{addr}/echo")], b"hello\n");
    assert_eq!(ended.lines(), ["hello"], "{}", ended.stderr);
    server.signal("HUP");
    assert!(notifications.next().starts_with("RELOADING=1\nMONOTONIC_USEC="));
    assert_eq!(notifications.next(), "READY=1");
    server.signal("TERM");
    assert_eq!(notifications.next(), "STOPPING=1");
    assert_eq!(server.wait().code, Some(0));
}

#[test]
fn that_systemd_has_passed_no_socket_is_told() {
    let ended = run(&["serve", "--listen", "systemd"], b"");
    assert_eq!(ended.code, Some(1));
    let told = "bowsprit: cannot listen on systemd: systemd has passed no socket";
    assert!(ended.stderr.starts_with(told), "{}", ended.stderr);
}
