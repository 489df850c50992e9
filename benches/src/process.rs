//! Servers in processes of their own.

use std::{
    env,
    io::{BufRead, BufReader, Write},
    net::SocketAddr,
    process::{Child, ChildStdout, Command, Stdio},
    time::Duration,
};

use anyhow::{Context, bail};
use rustix::process::{Pid, Signal, kill_process};

use crate::{
    identity, server,
    system::{self, Memory},
};

/// How long a server may take to end once it is asked to.
const END_TIMEOUT: Duration = Duration::from_secs(10);

/// A running server. It ends when this is dropped.
pub(crate) struct Process {
    child: Child,
    output: BufReader<ChildStdout>,
    pub(crate) addr: SocketAddr,
}

impl Process {
    /// Starts a server of ours.
    pub(crate) fn start(arguments: &server::Arguments) -> anyhow::Result<Self> {
        Self::start_command(Self::command(arguments)?)
    }

    /// What starts a server of ours.
    pub(crate) fn command(arguments: &server::Arguments) -> anyhow::Result<Command> {
        let mut command = Command::new(env::current_exe()?);
        command.arg("server").args(arguments.to_command_line());
        if arguments.tls {
            identity::give_to(&mut command)?;
        }
        Ok(command)
    }

    /// Starts a server under `strace`, which writes its counts to `report` in the end.
    pub(crate) fn start_traced(
        arguments: &server::Arguments,
        report: &std::path::Path,
    ) -> anyhow::Result<Self> {
        let mut strace = Command::new("strace");
        strace.args(["-f", "-c", "-U", "name,calls,errors", "-o"]).arg(report);
        let command = Self::command(arguments)?;
        strace.arg(command.get_program()).args(command.get_args());
        Self::start_command(strace)
    }

    /// Starts a client of `addr`, which echoes on so many connections.
    pub(crate) fn start_client(addr: SocketAddr, connections: usize) -> anyhow::Result<Self> {
        let mut command = Command::new(env::current_exe()?);
        command.args(["client", &addr.to_string(), &connections.to_string()]);
        Self::start_command(command)
    }

    /// Starts a server of any kind, which says in its first line where it listens.
    pub(crate) fn start_command(mut command: Command) -> anyhow::Result<Self> {
        let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn()?;
        let mut output = BufReader::new(child.stdout.take().context("no output")?);
        let mut line = String::new();
        output.read_line(&mut line)?;
        let addr = line.trim().parse().context("the server has not started");
        Ok(Self { addr: addr?, child, output })
    }

    /// Writes a line to the server.
    pub(crate) fn tell(&mut self, line: &str) -> anyhow::Result<()> {
        Ok(writeln!(self.child.stdin.as_mut().context("no input")?, "{line}")?)
    }

    /// Waits for the server's next line.
    pub(crate) fn hear(&mut self) -> anyhow::Result<String> {
        let mut line = String::new();
        self.output.read_line(&mut line)?;
        Ok(line)
    }

    /// Has the server do nothing until it is to `go_on`.
    pub(crate) fn pause(&self) -> anyhow::Result<()> {
        self.signal(Signal::STOP)
    }

    pub(crate) fn go_on(&self) -> anyhow::Result<()> {
        self.signal(Signal::CONT)
    }

    fn signal(&self, signal: Signal) -> anyhow::Result<()> {
        Ok(kill_process(Pid::from_child(&self.child), signal)?)
    }

    pub(crate) fn cpu_time(&self) -> anyhow::Result<u64> {
        system::cpu_time(self.child.id())
    }

    pub(crate) fn memory(&self) -> anyhow::Result<Memory> {
        system::memory(self.child.id())
    }

    /// Ends the server and waits for that.
    pub(crate) fn end(mut self) -> anyhow::Result<()> {
        // The server ends with its input.
        drop(self.child.stdin.take());
        let step = Duration::from_millis(20);
        for _ in 0..END_TIMEOUT.as_millis() / step.as_millis() {
            if let Some(status) = self.child.try_wait()? {
                return if status.success() { Ok(()) } else { bail!("the server: {status}") };
            }
            std::thread::sleep(step);
        }
        bail!("the server does not end")
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        let _gone = self.child.kill();
        let _gone = self.child.wait();
    }
}
