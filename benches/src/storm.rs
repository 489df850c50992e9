//! Clients that all come at once, as after a deployment.

use std::{net::Ipv4Addr, time::Instant};

use anyhow::Context;

use crate::{
    clients::Clients,
    idle::Scene,
    pending,
    section::{Section, Table},
    subject::UWEBSOCKETS_CPP,
    subject::{self, FASTWEBSOCKETS, OWNED, Subject, TOKIO_WEBSOCKETS, TUNGSTENITE},
    system, wire,
};

const CLIENTS: usize = 10_000;

const SUBJECTS: [Subject; 5] =
    [OWNED, UWEBSOCKETS_CPP, TUNGSTENITE, FASTWEBSOCKETS, TOKIO_WEBSOCKETS];

const MIB: f64 = 1024.0 * 1024.0;

/// Opens so many connections at once. A client that does not get in is an error.
pub(crate) fn compare(section: &mut Section) -> anyhow::Result<()> {
    system::raise_file_limit()?;
    let mut rows = Vec::new();
    for subject in subject::there(&SUBJECTS) {
        eprintln!("{CLIENTS} clients at once, {}", subject.name);
        rows.push(measure(&subject, "16 addresses", &pending::sources()).context(subject.name)?);
    }
    rows.push(measure(&OWNED, "one address", &[Ipv4Addr::LOCALHOST])?);
    section.tables.push(Table {
        caption: format!("{CLIENTS} clients at once, all of whom get in:"),
        head: ["server", "from", "s until all are in", "CPU s", "MiB at the peak", "MiB then"]
            .map(str::to_owned)
            .to_vec(),
        rows,
    });
    Ok(())
}

fn measure(subject: &Subject, from: &str, sources: &[Ipv4Addr]) -> anyhow::Result<Vec<String>> {
    let server = subject.start(None, true)?;
    let (base, cpu, started) = (server.memory()?, server.cpu_time()?, Instant::now());
    let scene = Scene::new(CLIENTS, CLIENTS);
    let clients = Clients::open(server.addr, sources, scene, wire::UPGRADE)?;
    let (elapsed, cpu, memory) = (started.elapsed(), server.cpu_time()? - cpu, server.memory()?);
    drop(clients);
    server.end()?;
    let growth = |bytes: i64| format!("{:.1}", (bytes - base.resident) as f64 / MIB);
    Ok(vec![
        subject.name.to_owned(),
        from.to_owned(),
        format!("{:.2}", elapsed.as_secs_f64()),
        format!("{:.2}", cpu as f64 / 1e9),
        growth(memory.peak),
        growth(memory.resident),
    ])
}
