//! `bench tls`: CPU time of an encrypting server per echoed message, next to bare rustls.

use anyhow::Context;
use clap::Args;

use crate::{
    generator::{Cell, Generator},
    process::Process,
    rounds::{Figures, Plan},
    section::{self, Bar, Section, Table},
    server::{self, Kind, Runtime},
    system,
};

const CELLS: [Cell; 2] = [
    Cell { connections: 100, payload_len: 1024, depth: 1 },
    Cell { connections: 100, payload_len: 1024, depth: 32 },
];

/// The first is what the others are compared with.
const SERVERS: [(&str, Kind); 3] = [
    ("bare tokio-rustls", Kind::Tcp),
    ("bowsprit, recv/send", Kind::ServeOwned),
    ("bowsprit, borrowed", Kind::ServeBorrowed),
];

const MAX_RATIO: f64 = 1.15;

#[derive(Args)]
pub(crate) struct Arguments {
    #[command(flatten)]
    plan: Plan,
    /// connections:payload length:messages in flight; can be repeated.
    #[arg(long)]
    cell: Vec<Cell>,
}

pub(crate) fn run(arguments: &Arguments) -> anyhow::Result<()> {
    system::pin_load()?;
    let cells = if arguments.cell.is_empty() { &CELLS[..] } else { &arguments.cell };
    section::print(&measure(arguments.plan, cells)?);
    Ok(())
}

pub(crate) fn compare(plan: Plan) -> anyhow::Result<Section> {
    measure(plan, &CELLS)
}

fn measure(plan: Plan, cells: &[Cell]) -> anyhow::Result<Section> {
    let start = |(_, kind)| {
        let arguments = server::Arguments::new(kind, Runtime::Current).encrypted();
        system::spawn_pinned(|| Process::start(&arguments))
    };
    let servers = SERVERS.into_iter().map(start).collect::<anyhow::Result<Vec<_>>>()?;
    let mut rows = SERVERS.map(|(name, _)| vec![name.to_owned()]);
    let mut bars = Vec::new();
    for cell in cells {
        eprintln!("tls {}", cell.name());
        let figures = measure_cell(plan, *cell, &servers)?;
        for (row, own) in rows.iter_mut().zip(&figures) {
            row.push(format!("{:.2} × {:.2}", own.per_message(), own.ratio_to(&figures[0])));
        }
        bars.extend(SERVERS.iter().zip(&figures).skip(1).map(|((name, _), own)| Bar {
            what: format!("CPU with TLS, {}, {name} to {}", cell.name(), SERVERS[0].0),
            limit: MAX_RATIO,
            unit: "×",
            measured: Some(own.ratio_to(&figures[0])),
        }));
    }
    servers.into_iter().try_for_each(Process::end)?;
    let mut head = vec!["server".to_owned()];
    head.extend(cells.iter().map(Cell::name));
    Ok(Section {
        title: "TLS",
        text:
            "The same echo over TLS 1.3 by rustls with AWS-LC. The limit reads with tokio-rustls \
               and writes what it has read. Microseconds of the server's CPU time per message, and \
               the median of its ratios to the limit in the same round."
                .to_owned(),
        tables: vec![Table { caption: String::new(), head, rows: rows.to_vec() }],
        bars,
        ..Section::default()
    })
}

/// Measures all servers in turn, round by round.
fn measure_cell(plan: Plan, cell: Cell, servers: &[Process]) -> anyhow::Result<Vec<Figures>> {
    let mut figures: Vec<Figures> = servers.iter().map(|_| Figures::default()).collect();
    for _ in 0..plan.rounds() {
        for (((name, kind), process), figures) in SERVERS.iter().zip(servers).zip(&mut figures) {
            let spent = Generator::connect_encrypted(process.addr, cell, *kind != Kind::Tcp)
                .and_then(|load| load.run(process, plan.warm_up(), plan.time()))
                .context(*name)?;
            figures.rounds.push(spent);
        }
    }
    Ok(figures)
}
