//! `bench idle` with more connections than a process may have: several servers and clients.

use std::{
    env, fs,
    io::{BufRead, BufReader, Write},
    net::Ipv4Addr,
    process::{Child, ChildStdout, Command, Stdio},
    thread,
    time::{Duration, Instant},
};

use anyhow::{Context, ensure};

use crate::{
    idle::{REST, Scene},
    process::Process,
    server, system, table,
};

/// Connections from one address to one server: of the 28,232 ephemeral ports that there are by
/// default, Linux finds one half at once and the other by trying all of the first.
const MAX_PER_CLIENT: usize = 13_000;

/// These clients answer no pings, and opening all connections takes a while.
const HEARTBEAT: u64 = 3600;

/// Caches of the kernel that are told of.
const MAX_CACHES: usize = 8;

/// Clients in a process of their own. It is killed when this is dropped.
struct ClientProcess {
    child: Child,
    output: BufReader<ChildStdout>,
}

/// What the kernel holds, in bytes.
#[derive(Clone, Copy)]
struct KernelMemory {
    slab: i64,
    /// Buffers of TCP sockets.
    tcp: i64,
}

pub(crate) fn run(
    server: &server::Arguments,
    connections: usize,
    in_flight: usize,
) -> anyhow::Result<()> {
    let server = &server::Arguments { heartbeat: HEARTBEAT, ..*server };
    let scene = |connections| Scene::new(connections, in_flight);
    let per_server = system::connections_within(system::raise_file_limit()?);
    let per_client = per_server.min(MAX_PER_CLIENT);
    let servers = (0..connections.div_ceil(per_server))
        .map(|_| Process::start(server))
        .collect::<anyhow::Result<Vec<_>>>()?;
    let base = resident(&servers)?;
    let (kernel, caches) = (KernelMemory::now()?, slab_caches());
    let (started, cpu) = (Instant::now(), cpu_time(&servers)?);
    let mut clients = Vec::new();
    for (index, process) in servers.iter().enumerate() {
        let mut rest = share(connections, servers.len(), index);
        let mut source = Ipv4Addr::LOCALHOST;
        while rest > 0 {
            let count = rest.min(per_client);
            clients.push(ClientProcess::start(process, source, scene(count))?);
            rest -= count;
            source = other_source(clients.len())?;
        }
    }
    clients.iter_mut().try_for_each(|client| client.await_line("opened"))?;
    let (handshakes, cpu) = (started.elapsed(), cpu_time(&servers)? - cpu);
    thread::sleep(REST);
    let opened = resident(&servers)?;
    let (kernel_opened, caches_opened) = (KernelMemory::now()?, slab_caches());
    for client in &mut clients {
        client.go_on()?;
    }
    clients.iter_mut().try_for_each(|client| client.await_line("exchanged"))?;
    thread::sleep(REST);
    let used = resident(&servers)?;
    let idle = idle_cpu(&servers)?;

    let each = |growth: i64| format!("{:.0}", growth as f64 / connections as f64);
    println!(
        "{connections} connections between {} server and {} client processes, {in_flight} handshakes \
         at a time in each: {server}\n\nOpened in {:.1} s; a handshake takes {:.0} µs of a \
         server's CPU time. Bytes per connection; the kernel's are \
         for both ends of it. All servers together take {:.2} % of a processor while nothing \
         happens.\n",
        servers.len(),
        clients.len(),
        handshakes.as_secs_f64(),
        cpu as f64 / connections as f64 / 1000.0,
        idle * 100.0,
    );
    let head = ["memory", "bytes per connection"].map(str::to_owned);
    let mut rows = vec![
        vec!["server, after the handshake".to_owned(), each(opened - base)],
        vec!["server, after a message each".to_owned(), each(used - base)],
        vec!["kernel, slab".to_owned(), each(kernel_opened.slab - kernel.slab)],
        vec!["kernel, buffers of TCP".to_owned(), each(kernel_opened.tcp - kernel.tcp)],
    ];
    for (name, growth) in growths(&caches, &caches_opened) {
        rows.push(vec![format!("… of the slab: {name}"), each(growth)]);
    }
    table::print(&head, &rows);
    clients.into_iter().try_for_each(ClientProcess::end)?;
    servers.into_iter().try_for_each(Process::end)
}

/// The part of `total` that falls to one of `parts`.
const fn share(total: usize, parts: usize, index: usize) -> usize {
    total / parts + (index < total % parts) as usize
}

/// Beyond the first, the clients of a server have a loopback address each.
fn other_source(index: usize) -> anyhow::Result<Ipv4Addr> {
    let index = u16::try_from(index + 1).context("too many client processes")?;
    let [high, low] = index.to_be_bytes();
    Ok(Ipv4Addr::new(127, 0, high, low))
}

fn resident(servers: &[Process]) -> anyhow::Result<i64> {
    servers.iter().map(|server| Ok(server.memory()?.resident)).sum()
}

/// In nanoseconds.
fn cpu_time(servers: &[Process]) -> anyhow::Result<u64> {
    servers.iter().map(Process::cpu_time).sum()
}

/// The part of a processor that the servers take.
fn idle_cpu(servers: &[Process]) -> anyhow::Result<f64> {
    const TIME: Duration = Duration::from_secs(5);
    let before = cpu_time(servers)?;
    thread::sleep(TIME);
    Ok((cpu_time(servers)? - before) as f64 / TIME.as_nanos() as f64)
}

impl ClientProcess {
    fn start(server: &Process, source: Ipv4Addr, scene: Scene) -> anyhow::Result<Self> {
        let mut child = Command::new(env::current_exe()?)
            .args(["clients", &server.addr.to_string(), &source.to_string()])
            .args([scene.connections.to_string(), scene.in_flight.to_string()])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()?;
        let output = BufReader::new(child.stdout.take().context("no output")?);
        Ok(Self { child, output })
    }

    fn await_line(&mut self, expected: &str) -> anyhow::Result<()> {
        let mut line = String::new();
        self.output.read_line(&mut line)?;
        ensure!(line.trim() == expected, "clients have failed");
        Ok(())
    }

    fn go_on(&mut self) -> anyhow::Result<()> {
        Ok(self.child.stdin.as_mut().context("no input")?.write_all(b"go on\n")?)
    }

    fn end(mut self) -> anyhow::Result<()> {
        drop(self.child.stdin.take());
        ensure!(self.child.wait()?.success(), "clients have failed");
        Ok(())
    }
}

impl Drop for ClientProcess {
    fn drop(&mut self) {
        let _gone = self.child.kill();
        let _gone = self.child.wait();
    }
}

impl KernelMemory {
    fn now() -> anyhow::Result<Self> {
        let meminfo = fs::read_to_string("/proc/meminfo")?;
        let slab = meminfo.lines().find_map(|line| line.strip_prefix("Slab:"));
        let slab = slab.context("no Slab in /proc/meminfo")?.trim().trim_end_matches(" kB");
        let sockstat = fs::read_to_string("/proc/net/sockstat")?;
        let tcp = sockstat.lines().find(|line| line.starts_with("TCP:"));
        let pages = tcp.and_then(|line| line.rsplit_once(" mem ")).context("no TCP in sockstat")?.1;
        let page_len = i64::try_from(rustix::param::page_size())?;
        Ok(Self { slab: slab.parse::<i64>()? * 1024, tcp: pages.trim().parse::<i64>()? * page_len })
    }
}

/// Names of the kernel's caches and their bytes; nothing if this is not root.
fn slab_caches() -> Vec<(String, i64)> {
    let slabinfo = fs::read_to_string("/proc/slabinfo").unwrap_or_default();
    let cache = |line: &str| {
        let mut fields = line.split_whitespace();
        let name = fields.next()?.to_owned();
        let numbers: Vec<i64> = fields.map_while(|field| field.parse().ok()).collect();
        let [_active, objects, object_len, ..] = numbers[..] else { return None };
        Some((name, objects * object_len))
    };
    slabinfo.lines().filter_map(cache).collect()
}

/// The caches that have grown most.
fn growths(before: &[(String, i64)], after: &[(String, i64)]) -> Vec<(String, i64)> {
    let growth = |(name, bytes): &(String, i64)| {
        let before = before.iter().find(|(other, _)| other == name).map_or(0, |(_, bytes)| *bytes);
        (name.clone(), bytes - before)
    };
    let mut growths: Vec<_> = after.iter().map(growth).collect();
    growths.sort_by_key(|(_, growth)| -growth);
    growths.truncate(MAX_CACHES);
    growths
}
