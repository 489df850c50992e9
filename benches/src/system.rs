//! What the operating system tells and lets be set.

use std::{fs, ops::Sub, path::PathBuf};

use anyhow::Context;
use rustix::{
    process::{Resource, getrlimit, setrlimit},
    thread::{CpuSet, sched_setaffinity},
};

/// Resident memory of a process, in bytes.
#[derive(Clone, Copy)]
pub(crate) struct Memory {
    /// With the program's own pages.
    pub(crate) resident: i64,
    /// Only what was allocated.
    pub(crate) anonymous: i64,
    /// The most that was ever resident.
    pub(crate) peak: i64,
}

impl Sub for Memory {
    type Output = Self;

    fn sub(self, before: Self) -> Self {
        Self {
            resident: self.resident - before.resident,
            anonymous: self.anonymous - before.anonymous,
            peak: self.peak - before.peak,
        }
    }
}

/// Raises the soft limit on open files to the hard one, and returns it.
pub(crate) fn raise_file_limit() -> anyhow::Result<u64> {
    let mut limit = getrlimit(Resource::Nofile);
    limit.current = limit.maximum;
    setrlimit(Resource::Nofile, limit).context("cannot raise the limit on open files")?;
    Ok(limit.current.unwrap_or(u64::MAX))
}

/// Keeps this thread, and those that it will start, on one processor.
pub(crate) fn pin_to(cpu: usize) -> anyhow::Result<()> {
    let mut cpus = CpuSet::new();
    cpus.set(cpu);
    sched_setaffinity(None, &cpus).with_context(|| format!("cannot run on processor {cpu}"))
}

pub(crate) fn cpu_count() -> usize {
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

pub(crate) fn memory(pid: u32) -> anyhow::Result<Memory> {
    let status = fs::read_to_string(format!("/proc/{pid}/status"))?;
    let field = |name: &str| -> anyhow::Result<i64> {
        let line = status.lines().find_map(|line| line.strip_prefix(name));
        let line = line.with_context(|| format!("no {name} in /proc"))?;
        Ok(line.trim().trim_end_matches(" kB").parse::<i64>()? * 1024)
    };
    Ok(Memory { resident: field("VmRSS:")?, anonymous: field("RssAnon:")?, peak: field("VmHWM:")? })
}

/// Time that this process has run, in nanoseconds.
pub(crate) fn own_cpu_time() -> anyhow::Result<u64> {
    cpu_time(std::process::id())
}
