//! Programs that run beside the test.

use std::{
    io::{self, BufRead, BufReader, Read},
    os::unix::process::CommandExt,
    process::{Child, Command, Stdio},
    sync::mpsc,
    thread,
    time::Duration,
};

const TOO_LONG: Duration = Duration::from_secs(10);

/// A program and all that it starts; killed when dropped.
pub(super) struct Process {
    child: Child,
    lines: mpsc::Receiver<String>,
    /// What has been taken from `lines`.
    seen: Vec<String>,
}

impl Process {
    pub(super) fn start(command: &mut Command) -> io::Result<Self> {
        command.process_group(0).stdin(Stdio::null());
        let mut child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn()?;
        let (sender, lines) = mpsc::channel();
        forward(child.stdout.take().unwrap(), sender.clone());
        forward(child.stderr.take().unwrap(), sender);
        Ok(Self { child, lines, seen: Vec::new() })
    }

    /// Waits for a line with this in it; returns what follows that.
    pub(super) fn wait_for(&mut self, text: &str) -> String {
        loop {
            let Ok(line) = self.lines.recv_timeout(TOO_LONG) else {
                panic!("{text:?} is not printed, but: {:#?}", self.seen)
            };
            self.seen.push(line.clone());
            if let Some((_, rest)) = line.split_once(text) {
                return rest.to_owned();
            }
        }
    }

    /// Kills it; returns all that it has printed.
    pub(super) fn stop(mut self) -> Vec<String> {
        self.kill();
        std::mem::take(&mut self.seen)
    }

    fn kill(&mut self) {
        let group = format!("kill -s KILL -- -{}", self.child.id());
        let _ended = Command::new("sh").args(["-c", &group]).stderr(Stdio::null()).status();
        let _ended = self.child.kill();
        let _ended = self.child.wait();
        // The output ends with the last one that can write to it.
        while let Ok(line) = self.lines.recv_timeout(TOO_LONG) {
            self.seen.push(line);
        }
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        self.kill();
    }
}

/// Passes on the lines that a program prints.
fn forward(from: impl Read + Send + 'static, to: mpsc::Sender<String>) {
    thread::spawn(move || {
        for line in BufReader::new(from).lines().map_while(Result::ok) {
            // Whoever started the program may have lost interest.
            let _ended = to.send(line);
        }
    });
}
