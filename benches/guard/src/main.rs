//! Work whose instructions scripts/guard counts.
//!
//! `guard WORK TIMES` does it so often, and checks what comes out.

mod connections;
mod handshakes;
mod peer;
mod protocol;

use std::{env, future::Future};

use anyhow::{Result, bail};
use tokio::runtime;

use crate::protocol::{masked_frame, text};

const KIB: usize = 1024;

fn main() -> Result<()> {
    let args: Vec<_> = env::args().skip(1).collect();
    let [work, times] = &args[..] else { bail!("usage: guard WORK TIMES") };
    let times = times.parse()?;
    match &**work {
        "parse" => protocol::receive(&masked_frame(0x82, &[7; 20]).repeat(1000), 1000, times),
        "text" => protocol::receive(&masked_frame(0x81, &text(64 * KIB)), 1, times),
        "mask" => protocol::mask(64 * KIB, times),
        "deflate" => protocol::deflate(KIB, times),
        "echo-owned" => run(connections::echo(connections::owned, 32, times)),
        "echo-borrowed" => run(connections::echo(connections::borrowed, 32, times)),
        "echo-alone" => run(connections::echo(connections::owned, 1, times)),
        "publish" => run(connections::publish(100, times)),
        "join" => run(connections::join_and_leave(times)),
        "handle" => run(connections::send_by_handle(32, times)),
        "accept" => run(handshakes::accept(times)),
        "accept-read" => run(handshakes::accept_and_read(times)),
        "connect" => run(handshakes::connect(times)),
        work => bail!("there is no work {work}"),
    }
}

/// Everything is in one thread and in memory, so that the same happens on every run.
fn run(work: impl Future<Output = Result<()>>) -> Result<()> {
    runtime::Builder::new_current_thread().enable_time().build()?.block_on(work)
}
