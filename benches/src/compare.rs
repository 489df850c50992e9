//! `bench compare`: everything that is to be said about speed and memory, in one run.

use std::{fmt::Write, fs, path::PathBuf, process::Command};

use anyhow::Context;
use clap::Args;

use crate::{
    broadcast, compressing, echo, fairness, handshakes, limits, memory,
    rounds::Plan,
    section::{self, Section},
    shutdown, system, tls,
};

/// Whose versions are told of, as their lock file has them.
const PEERS: [&str; 7] = [
    "fastwebsockets",
    "libuwebsockets-sys",
    "sockudo-ws",
    "tokio-tungstenite",
    "tokio-websockets",
    "wtx",
    "yawc",
];

#[derive(Args)]
pub(crate) struct Arguments {
    #[command(flatten)]
    plan: Plan,
    /// The directory for tables and charts.
    #[arg(long, default_value = "docs/benchmarks")]
    output: PathBuf,
}

pub(crate) fn run(arguments: &Arguments) -> anyhow::Result<()> {
    let plan = arguments.plan;
    // Before this thread is bound to a processor, which those it starts would inherit.
    let memory = memory::compare(plan)?;
    system::pin_load()?;
    let sections = [
        echo::compare(plan)?,
        broadcast::compare(plan)?,
        tls::compare(plan)?,
        compressing::compare(plan)?,
        memory,
        fairness::compare(plan)?,
        shutdown::compare(plan)?,
        handshakes::compare(plan)?,
        limits::compare(plan)?,
    ];
    let bars = section::bars_to_markdown(sections.iter().flat_map(|section| &section.bars));
    fs::create_dir_all(&arguments.output)?;
    let report = report(plan, &sections, &bars)?;
    fs::write(arguments.output.join("results.md"), report)?;
    for chart in sections.iter().flat_map(|section| &section.charts) {
        let file = format!("{}.svg", chart.name);
        fs::write(arguments.output.join(file), chart.to_svg())?;
    }
    println!("{bars}\nAll figures and charts are in {}.", arguments.output.display());
    Ok(())
}

fn report(plan: Plan, sections: &[Section], bars: &str) -> anyhow::Result<String> {
    let mut report = format!(
        "# Results\n\nMade by `scripts/bench{}`; [what the figures mean](../benchmarks.md).\n\n\
         {}\n## What is wanted\n\n{bars}",
        if plan.quick { " --quick" } else { "" },
        circumstances()?,
    );
    for section in sections {
        write!(report, "\n{}", section.to_markdown())?;
        for chart in &section.charts {
            write!(report, "\n![{}]({}.svg)\n", chart.title, chart.name)?;
        }
    }
    Ok(report)
}

/// When and where it was, and what was compared.
fn circumstances() -> anyhow::Result<String> {
    let cpu = fs::read_to_string("/proc/cpuinfo")?;
    let cpus: Vec<&str> = cpu.lines().filter(|line| line.starts_with("model name")).collect();
    let cpu = cpus.first().and_then(|line| line.split_once(": ")).map_or("unknown", |cpu| cpu.1);
    let mut text = format!(
        "- {}, {} processors ({cpu}), Linux {}, load average {}\n- {}\n",
        output_of("date", &["-u", "+%F"])?,
        cpus.len(),
        output_of("uname", &["-r"])?,
        fs::read_to_string("/proc/loadavg")?.split(' ').next().unwrap_or_default(),
        output_of("rustc", &["--version"])?,
    );
    let lock = fs::read_to_string("benches/peers/Cargo.lock")?;
    let version = |name: &&str| {
        let package = lock.split_once(&format!("name = \"{name}\"\nversion = \""))?.1;
        Some(format!("{name} {}", package.split('"').next()?))
    };
    let peers: Vec<String> = PEERS.iter().filter_map(version).collect();
    writeln!(text, "- {}", peers.join(", "))?;
    if let Ok(node) = output_of("node", &["--version"]) {
        let modules = fs::read_to_string("benches/peers/node/package.json")?;
        let modules: String = modules.lines().filter(|line| line.contains('.')).collect();
        let modules = modules.replace(['"', ':'], "");
        let words: Vec<&str> = modules.split_whitespace().collect();
        writeln!(text, "- Node.js {node}: {}", words.join(" "))?;
    }
    Ok(text)
}

fn output_of(program: &str, arguments: &[&str]) -> anyhow::Result<String> {
    let output = Command::new(program).args(arguments).output().context(program.to_owned())?;
    Ok(String::from_utf8(output.stdout)?.trim().to_owned())
}
