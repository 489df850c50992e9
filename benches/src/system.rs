//! What the operating system tells and lets be set.

use std::{fs, path::PathBuf};

use anyhow::{Context, ensure};
use rustix::{
    process::{Resource, getrlimit, setrlimit},
    thread::{CpuSet, sched_setaffinity},
};

/// Descriptors for other things than connections.
const SPARE_FILES: u64 = 64;

/// Resident memory of a process, in bytes.
#[derive(Clone, Copy)]
pub(crate) struct Memory {
    pub(crate) resident: i64,
    /// The most that was ever resident.
    pub(crate) peak: i64,
}

/// Raises the soft limit on open files to the hard one, and returns it.
pub(crate) fn raise_file_limit() -> anyhow::Result<u64> {
    let mut limit = getrlimit(Resource::Nofile);
    limit.current = limit.maximum;
    setrlimit(Resource::Nofile, limit).context("cannot raise the limit on open files")?;
    Ok(limit.current.unwrap_or(u64::MAX))
}

/// How many connections a process can have that may open so many files.
pub(crate) fn connections_within(files: u64) -> usize {
    usize::try_from(files.saturating_sub(SPARE_FILES)).unwrap_or(usize::MAX)
}

/// Where servers run whose time is measured, and where the load for them.
const SERVER_CPU: usize = 0;
const LOAD_CPU: usize = 1;

/// Keeps this thread away from the servers' processor.
pub(crate) fn pin_load() -> anyhow::Result<()> {
    ensure!(cpu_count() > LOAD_CPU, "the server and the load need a processor each");
    pin_to(LOAD_CPU)
}

/// Starts a process that stays on the servers' processor, after [`pin_load`].
pub(crate) fn spawn_pinned<T>(spawn: impl FnOnce() -> anyhow::Result<T>) -> anyhow::Result<T> {
    pin_to(SERVER_CPU)?;
    let spawned = spawn();
    pin_to(LOAD_CPU)?;
    spawned
}

fn pin_to(cpu: usize) -> anyhow::Result<()> {
    let mut cpus = CpuSet::new();
    cpus.set(cpu);
    sched_setaffinity(None, &cpus).with_context(|| format!("cannot run on processor {cpu}"))
}

fn cpu_count() -> usize {
    std::thread::available_parallelism().map_or(1, Into::into)
}

/// Time that all threads of a process have run, in nanoseconds.
pub(crate) fn cpu_time(pid: u32) -> anyhow::Result<u64> {
    let mut total = 0;
    for task in fs::read_dir(format!("/proc/{pid}/task"))? {
        let path: PathBuf = task?.path().join("schedstat");
        let schedstat = fs::read_to_string(&path)?;
        let time = schedstat.split(' ').next().context("an empty schedstat")?;
        total += time.parse::<u64>()?;
    }
    Ok(total)
}

/// Time that a hypervisor has given the processors of server and load to others, in its ticks.
pub(crate) fn stolen_time() -> anyhow::Result<u64> {
    const STEAL: usize = 8;
    let stat = fs::read_to_string("/proc/stat")?;
    let cpus = stat.lines().filter(|line| line.starts_with("cpu0 ") || line.starts_with("cpu1 "));
    let steal = |line: &str| Some(line.split_whitespace().nth(STEAL)?.parse::<u64>());
    Ok(cpus.filter_map(steal).sum::<Result<u64, _>>()?)
}

pub(crate) fn memory(pid: u32) -> anyhow::Result<Memory> {
    let status = fs::read_to_string(format!("/proc/{pid}/status"))?;
    let field = |name: &str| -> anyhow::Result<i64> {
        let line = status.lines().find_map(|line| line.strip_prefix(name));
        let line = line.with_context(|| format!("no {name} in /proc"))?;
        Ok(line.trim().trim_end_matches(" kB").parse::<i64>()? * 1024)
    };
    Ok(Memory { resident: field("VmRSS:")?, peak: field("VmHWM:")? })
}

/// Time that this process has run, in nanoseconds.
pub(crate) fn own_cpu_time() -> anyhow::Result<u64> {
    cpu_time(std::process::id())
}
