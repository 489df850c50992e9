//! Runs the program.

use std::{
    io::{BufRead, BufReader, Read, Write},
    mem,
    net::{TcpListener, TcpStream},
    process::{Child, Command, ExitStatus, Stdio},
    sync::mpsc,
    thread::{self, JoinHandle},
    time::{Duration, Instant},
};

use bowsprit::{WebSocket, error::BoxError};

/// The tests themselves may run where SIGHUP is ignored.
#[cfg(target_os = "linux")]
const DEFAULT_SIGNAL: &str = "env --default-signal=HUP";

const TOO_LONG: Duration = Duration::from_secs(30);

/// The program, running; stopped when dropped.
pub(super) struct Program {
    process: Child,
    stdout: mpsc::Receiver<Vec<u8>>,
    stderr: mpsc::Receiver<Vec<u8>>,
    /// What has been taken from `stdout`.
    seen: Vec<u8>,
    /// What has been taken from `stderr`.
    noted: Vec<u8>,
}

/// What a program that has ended leaves.
#[derive(Debug)]
pub(super) struct Ended {
    pub(super) code: Option<i32>,
    pub(super) stdout: Vec<u8>,
    pub(super) stderr: String,
}

impl Ended {
    /// What was printed on standard output, as lines.
    pub(super) fn lines(&self) -> Vec<&str> {
        str::from_utf8(&self.stdout).unwrap().lines().collect()
    }
}

/// The program with these arguments, its streams piped, and nothing that concerns it in its
/// environment.
pub(super) fn command(args: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_bowsprit"));
    for name in ["ws_proxy", "wss_proxy", "http_proxy", "https_proxy", "all_proxy", "no_proxy"] {
        command.env_remove(name).env_remove(name.to_uppercase());
    }
    command.env_remove("RUST_LOG");
    command.args(args).stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    command
}

/// Runs the program to its end, with this as its standard input.
pub(super) fn run(args: &[&str], input: &[u8]) -> Ended {
    let mut program = Program::start(args);
    // It may end without having read everything.
    let _unread = program.process.stdin.take().unwrap().write_all(input);
    program.end()
}

/// Runs the program to its end, with these variables in its environment and no input.
pub(super) fn run_with(variables: &[(&str, &str)], args: &[&str]) -> Ended {
    Program::spawn(command(args).envs(variables.iter().copied())).end()
}

impl Program {
    pub(super) fn start(args: &[&str]) -> Self {
        Self::spawn(&mut command(args))
    }

    /// The same with so many file descriptors.
    #[cfg(target_os = "linux")]
    pub(super) fn start_with_descriptors(limit: u32, args: &[&str]) -> Self {
        let mut command = Command::new("sh");
        command.arg("-c").arg(format!("ulimit -n {limit} && exec \"$0\" \"$@\""));
        command.arg(env!("CARGO_BIN_EXE_bowsprit")).args(args).env_remove("RUST_LOG");
        Self::spawn(command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()))
    }

    /// The same on a terminal, on which Ctrl-D is typed at the end of the input.
    #[cfg(target_os = "linux")]
    pub(super) fn start_on_terminal(args: &[&str]) -> Self {
        let program = env!("CARGO_BIN_EXE_bowsprit");
        let line = format!("{DEFAULT_SIGNAL} {program} {}", args.join(" "));
        let mut command = Command::new("script");
        command.args(["--quiet", "--return", "--command", &line, "/dev/null"]);
        Self::spawn(command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()))
    }

    /// The same where SIGHUP is not ignored.
    #[cfg(target_os = "linux")]
    pub(super) fn start_for_hang_up(args: &[&str]) -> Self {
        let mut command = Command::new("env");
        command.args(["--default-signal=HUP", env!("CARGO_BIN_EXE_bowsprit")]).args(args);
        command.env_remove("RUST_LOG");
        Self::spawn(command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()))
    }

    pub(super) fn spawn(command: &mut Command) -> Self {
        let mut process = command.spawn().unwrap();
        let stdout = drain(process.stdout.take().unwrap());
        let stderr = drain(process.stderr.take().unwrap());
        Self { process, stdout, stderr, seen: Vec::new(), noted: Vec::new() }
    }

    /// Types a line on its standard input.
    pub(super) fn type_line(&mut self, line: &str) {
        writeln!(self.process.stdin.as_mut().unwrap(), "{line}").unwrap();
    }

    /// Waits until it has printed a line.
    pub(super) fn wait_for(&mut self, line: &str) {
        wait_for(&format!("{line}\n"), &mut self.seen, &self.stdout);
    }

    /// Waits until it has printed a line that starts so; returns the rest of that line.
    pub(super) fn wait_for_rest(&mut self, start: &str) -> String {
        loop {
            let seen = String::from_utf8_lossy(&self.seen);
            let rest = seen.split_inclusive('\n').find_map(|line| line.strip_prefix(start));
            if let Some(rest) = rest.and_then(|rest| rest.strip_suffix('\n')) {
                return rest.to_owned();
            }
            self.seen.extend(self.stdout.recv_timeout(TOO_LONG).expect("not printed"));
        }
    }

    /// Forgets what it has printed on standard error so far.
    pub(super) fn forget_log(&mut self) {
        self.noted.clear();
    }

    /// Waits until it has printed this on standard error.
    pub(super) fn wait_for_log(&mut self, text: &str) {
        wait_for(text, &mut self.noted, &self.stderr);
    }

    /// The number of its process.
    #[cfg(target_os = "linux")]
    pub(super) fn id(&self) -> u32 {
        self.process.id()
    }

    /// Sends it this signal.
    pub(super) fn signal(&self, name: &str) {
        signal(&self.process, name);
    }

    /// Waits for its end, with input that does not end.
    pub(super) fn wait(mut self) -> Ended {
        let input = self.process.stdin.take();
        let ended = self.end();
        drop(input);
        ended
    }

    /// Ends it at once.
    pub(super) fn kill(mut self) -> Ended {
        self.process.kill().unwrap();
        self.end()
    }

    /// Waits for its end, with no more input.
    pub(super) fn end(mut self) -> Ended {
        drop(self.process.stdin.take());
        let code = wait(&mut self.process).code();
        self.seen.extend(self.stdout.iter().flatten());
        self.noted.extend(self.stderr.iter().flatten());
        let (stdout, stderr) = (mem::take(&mut self.seen), mem::take(&mut self.noted));
        Ended { code, stdout, stderr: String::from_utf8(stderr).unwrap() }
    }
}

impl Drop for Program {
    fn drop(&mut self) {
        let _ended = self.process.kill();
        let _ended = self.process.wait();
    }
}

pub(super) fn wait(process: &mut Child) -> ExitStatus {
    let start = Instant::now();
    loop {
        if let Some(status) = process.try_wait().unwrap() {
            return status;
        }
        assert!(start.elapsed() < TOO_LONG, "the program does not end");
        thread::sleep(Duration::from_millis(5));
    }
}

fn wait_for(text: &str, seen: &mut Vec<u8>, output: &mpsc::Receiver<Vec<u8>>) {
    while !String::from_utf8_lossy(seen).contains(text) {
        seen.extend(output.recv_timeout(TOO_LONG).expect("not printed"));
    }
}

fn signal(process: &Child, name: &str) {
    let process = process.id().to_string();
    let sent = Command::new("kill").args(["-s", name, &process]).status().unwrap();
    assert!(sent.success());
}

/// Reads what a program prints, so that it does not have to wait.
fn drain(mut from: impl Read + Send + 'static) -> mpsc::Receiver<Vec<u8>> {
    let (pieces, output) = mpsc::channel();
    thread::spawn(move || {
        let mut piece = [0; 4096];
        while let Ok(len @ 1..) = from.read(&mut piece) {
            // Whoever started the program may have lost interest.
            let _ended = pieces.send(piece[..len].to_vec());
        }
    });
    output
}

/// `bowsprit serve` on a free port; stopped when dropped.
pub(super) struct Server {
    process: Child,
    address: String,
    rest: Option<JoinHandle<Vec<u8>>>,
}

impl Server {
    pub(super) fn start(args: &[&str]) -> Self {
        Self::spawn(&mut command(&[&["serve", "--listen", "127.0.0.1:0"], args].concat()))
    }

    /// The same, by a program such as `env` or `nohup` with these arguments.
    #[cfg(target_os = "linux")]
    pub(super) fn start_by(program: &str, args: &[&str]) -> Self {
        let mut command = Command::new(program);
        command.args(args).arg(env!("CARGO_BIN_EXE_bowsprit"));
        command.args(["serve", "--listen", "127.0.0.1:0"]);
        Self::spawn(command.stdin(Stdio::piped()).stdout(Stdio::piped()))
    }

    fn spawn(command: &mut Command) -> Self {
        let mut process = command.stderr(Stdio::null()).spawn().unwrap();
        let mut stdout = BufReader::new(process.stdout.take().unwrap());
        let (lines, line) = mpsc::channel();
        let rest = thread::spawn(move || {
            let mut line = String::new();
            stdout.read_line(&mut line).unwrap();
            lines.send(line).unwrap();
            let mut rest = Vec::new();
            stdout.read_to_end(&mut rest).unwrap();
            rest
        });
        let line = line.recv_timeout(TOO_LONG).expect("the server does not start");
        let (_, address) = line.split_once("://").expect(&line);
        let address = address.trim_end().to_owned();
        Self { process, address, rest: Some(rest) }
    }

    pub(super) fn address(&self) -> &str {
        &self.address
    }

    pub(super) fn url(&self, path: &str) -> String {
        format!("ws://{}{path}", self.address)
    }

    /// Stops it; returns what it has printed on standard output after its first line.
    pub(super) fn stop(mut self) -> Vec<u8> {
        self.process.kill().unwrap();
        self.rest.take().unwrap().join().unwrap()
    }

    /// Sends it this signal.
    pub(super) fn signal(&self, name: &str) {
        signal(&self.process, name);
    }

    /// Waits for its end.
    pub(super) fn wait(mut self) -> ExitStatus {
        wait(&mut self.process)
    }

    /// Sends a plain request and reads the answer to its end.
    pub(super) fn ask(&self, method: &str, path: &str) -> String {
        self.ask_as(&self.address, method, path)
    }

    /// The same, asking for another host.
    pub(super) fn ask_as(&self, host: &str, method: &str, path: &str) -> String {
        ask(&self.address, host, method, path)
    }
}

/// Sends a plain request to this address and reads the answer to its end.
pub(super) fn ask(address: &str, host: &str, method: &str, path: &str) -> String {
    let mut stream = TcpStream::connect(address).unwrap();
    stream.set_read_timeout(Some(TOO_LONG)).unwrap();
    write!(stream, "{method} {path} HTTP/1.1\r\nHost: {host}\r\n\r\n").unwrap();
    let mut response = String::new();
    stream.read_to_string(&mut response).unwrap();
    response
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ended = self.process.kill();
        let _ended = self.process.wait();
    }
}

/// A server that takes one request, and answers with these bytes.
pub(super) struct Answering {
    address: String,
    thread: JoinHandle<String>,
}

impl Answering {
    pub(super) fn start(answer: &[u8]) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap().to_string();
        let answer = answer.to_owned();
        let thread = thread::spawn(move || {
            let (mut stream, _) = listener.accept().unwrap();
            stream.set_read_timeout(Some(TOO_LONG)).unwrap();
            let mut head = Vec::new();
            while !head.ends_with(b"\r\n\r\n") {
                let mut byte = [0];
                stream.read_exact(&mut byte).unwrap();
                head.extend(byte);
            }
            stream.write_all(&answer).unwrap();
            String::from_utf8(head).unwrap()
        });
        Self { address, thread }
    }

    pub(super) fn url(&self) -> String {
        format!("ws://{}/", self.address)
    }

    /// The head of the request.
    pub(super) fn request(self) -> String {
        self.thread.join().unwrap()
    }
}

/// A server of the library in this process, with a handler of its own.
pub(super) struct Handling {
    authority: String,
    _runtime: tokio::runtime::Runtime,
}

impl Handling {
    pub(super) fn start<F>(handler: fn(WebSocket) -> F) -> Self
    where
        F: Future<Output = Result<(), BoxError>> + Send + 'static,
    {
        let runtime = tokio::runtime::Runtime::new().unwrap();
        let server = bowsprit::Server::builder().bind("127.0.0.1:0");
        let server = runtime.block_on(server).unwrap();
        let authority = server.local_addr().unwrap().to_string();
        runtime.spawn(server.serve(move |ws, _| handler(ws)));
        Self { authority, _runtime: runtime }
    }

    pub(super) fn url(&self, path: &str) -> String {
        format!("ws://{}{path}", self.authority)
    }
}
