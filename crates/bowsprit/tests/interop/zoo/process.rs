//! The process of a peer.

use std::{
    io::{BufRead, BufReader, Read},
    os::unix::process::CommandExt,
    process::{Child, Command, Stdio},
    thread,
};

use serde_json::Value;
use tokio::sync::mpsc;

use super::firefox::Profile;

/// A running peer and all that it has started; killed when dropped.
pub(super) struct Process {
    child: Child,
    lines: mpsc::Receiver<String>,
    /// Removed once nobody uses it any longer.
    _profile: Option<Profile>,
}

impl Process {
    pub(super) fn start(command: &mut Command) -> Self {
        let (sender, lines) = mpsc::channel(1);
        let mut child = spawn(command);
        let stdout = child.stdout.take().unwrap();
        for_each_line(stdout, move |line| sender.blocking_send(line.to_owned()).is_ok());
        Self { child, lines, _profile: None }
    }

    /// Opens a page in a browser, which says what it has to say in another way.
    pub(super) fn open(browser: &str, page: &str, reports: mpsc::Receiver<String>) -> Self {
        let profile = Profile::new();
        // A browser is many processes.
        let mut child = spawn(profile.open(browser, page).process_group(0));
        for_each_line(child.stdout.take().unwrap(), complain);
        Self { child, lines: reports, _profile: Some(profile) }
    }

    /// The next thing it says.
    ///
    /// # Cancel safety
    ///
    /// Nothing is lost if this is dropped.
    pub(super) async fn line(&mut self) -> Value {
        let line = self.lines.recv().await.expect("the peer has ended");
        serde_json::from_str(&line).expect(&line)
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        let group = format!("kill -s KILL -- -{}", self.child.id());
        let _ended = Command::new("sh").args(["-c", &group]).stderr(Stdio::null()).status();
        let _ended = self.child.kill();
        let _ended = self.child.wait();
    }
}

fn spawn(command: &mut Command) -> Child {
    command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = command.spawn().unwrap();
    for_each_line(child.stderr.take().unwrap(), complain);
    child
}

/// Shows something of a peer if the test fails.
fn complain(line: &str) -> bool {
    eprintln!("{line}");
    true
}

/// Hands the lines over until one is not taken.
fn for_each_line(from: impl Read + Send + 'static, take: impl Fn(&str) -> bool + Send + 'static) {
    thread::spawn(move || {
        BufReader::new(from).lines().map_while(Result::ok).all(|line| take(&line))
    });
}
