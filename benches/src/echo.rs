//! `bench echo`: CPU time of servers per echoed message, next to a bare TCP echo.

use anyhow::Context;
use clap::Args;

use crate::{
    generator::{Cell, Generator, Spent},
    process::Process,
    rounds::{self, Figures, Plan},
    section::{self, Bar, Chart, Section, Table},
    subject::{self, BORROWED, LIMIT, OWNED, Subject, TUNGSTENITE, UWEBSOCKETS_CPP},
    subject::{FASTWEBSOCKETS, TOKIO_WEBSOCKETS},
    system,
};

const CELLS: [&str; 6] =
    ["100:20:1", "100:1024:1", "100:16384:1", "100:20:32", "100:1024:32", "10:1048576:1"];

#[derive(Args)]
pub(crate) struct Arguments {
    #[command(flatten)]
    plan: Plan,
    /// connections:payload length:messages in flight; can be repeated.
    #[arg(long)]
    cell: Vec<Cell>,
    /// A part of the names of servers; can be repeated. Bare TCP on tokio is always there.
    #[arg(long)]
    server: Vec<String>,
}

/// What all servers came to with one kind of load.
struct Column {
    cell: Cell,
    /// In the order of the servers.
    figures: Vec<Figures>,
}

/// Servers and what they came to.
struct Results {
    subjects: Vec<Subject>,
    columns: Vec<Column>,
}

pub(crate) fn run(arguments: &Arguments) -> anyhow::Result<()> {
    system::pin_load()?;
    let cells = if arguments.cell.is_empty() { default_cells()? } else { arguments.cell.clone() };
    let wanted = |subject: &&Subject| {
        arguments.server.is_empty()
            || subject.name == LIMIT.name
            || arguments.server.iter().any(|part| subject.name.contains(part))
    };
    let subjects: Vec<_> = subject::ALL.iter().filter(wanted).copied().collect();
    section::print(&measure(arguments.plan, &cells, &subjects)?);
    Ok(())
}

/// All servers with all loads.
pub(crate) fn compare(plan: Plan) -> anyhow::Result<Section> {
    measure(plan, &default_cells()?, &subject::ALL)
}

fn default_cells() -> anyhow::Result<Vec<Cell>> {
    CELLS.iter().map(|cell| cell.parse()).collect()
}

fn measure(plan: Plan, cells: &[Cell], subjects: &[Subject]) -> anyhow::Result<Section> {
    let (plan, subjects) = (plan.finer(), subject::there(subjects));
    let mut servers = Vec::new();
    for subject in &subjects {
        servers.push((*subject, subject.start(None, true).context(subject.name)?));
    }
    let mut columns = Vec::new();
    for cell in cells {
        eprintln!("echo {}", cell.name());
        columns.push(Column { cell: *cell, figures: measure_cell(plan, *cell, &servers)? });
    }
    servers.into_iter().try_for_each(|(subject, process)| process.end().context(subject.name))?;
    Ok(Results { subjects, columns }.into_section())
}

/// Measures all servers in turn, round by round.
fn measure_cell(
    plan: Plan,
    cell: Cell,
    servers: &[(Subject, Process)],
) -> anyhow::Result<Vec<Figures>> {
    let mut figures: Vec<Figures> = servers.iter().map(|_| Figures::default()).collect();
    for _ in 0..plan.rounds() {
        for ((subject, process), figures) in servers.iter().zip(&mut figures) {
            let measure = || {
                let load = Generator::connect(process.addr, cell, subject.is_websocket())?;
                load.run(process, plan.warm_up(), plan.time())
            };
            let spent = rounds::undisturbed(measure)
                .with_context(|| format!("{}, {}", subject.name, cell.name()))?;
            figures.rounds.push(spent);
        }
    }
    Ok(figures)
}

impl Results {
    fn into_section(self) -> Section {
        let cpu = |figures: &Figures, limit: &Figures| {
            format!("{:.2} × {:.2}", figures.per_message(), figures.ratio_to(limit))
        };
        let rate = |figures: &Figures, _: &Figures| {
            let latency = |at| figures.median(|spent: &Spent| spent.latency_at(at));
            let rate = figures.median(Spent::rate) / 1000.0;
            format!("{rate:.1}k, {:.0} / {:.0}", latency(0.5), latency(0.99))
        };
        let load = |figures: &Figures, _: &Figures| {
            format!("{:.2}", figures.median(|spent| spent.load as f64 / spent.server as f64))
        };
        Section {
            title: "Echo",
            text: "Columns are connections : bytes of a message : messages in flight on each \
                   connection. A server has processor 0, the load has processor 1. All rounds \
                   measure all servers in turn."
                .to_owned(),
            tables: vec![
                self.table(
                    "Microseconds of the server's CPU time per message, and the median of its \
                     ratios to bare TCP on tokio in the same round:",
                    cpu,
                ),
                self.table(
                    "Messages per second, and p50 / p99 in microseconds from a write to the last \
                     of its answers:",
                    rate,
                ),
                self.table("What the load had to do, as a part of the server's CPU time:", load),
            ],
            charts: self.charts(),
            bars: self.bars(),
        }
    }

    fn table(&self, caption: &str, show: impl Fn(&Figures, &Figures) -> String) -> Table {
        let mut head = vec!["server".to_owned()];
        head.extend(self.columns.iter().map(|column| column.cell.name()));
        let row = |(index, subject): (usize, &Subject)| {
            let mut row = vec![subject.name.to_owned()];
            let cells = self.columns.iter().map(|column| &column.figures);
            row.extend(cells.map(|figures| show(&figures[index], &figures[0])));
            row
        };
        let rows = self.subjects.iter().enumerate().map(row).collect();
        Table { caption: caption.to_owned(), head, rows }
    }

    fn charts(&self) -> Vec<Chart> {
        let chart = |column: &Column| {
            let Cell { connections, payload_len, depth } = column.cell;
            let subjects = self.subjects.iter().zip(&column.figures);
            let limit = &column.figures[0];
            let row = |(subject, figures): (&Subject, &Figures)| {
                (subject.name.to_owned(), figures.ratio_to(limit))
            };
            Chart {
                name: format!("echo-{connections}-{payload_len}-{depth}"),
                title: format!(
                    "CPU time per echoed message of {payload_len} bytes, \
                     {connections} connections, {depth} in flight"
                ),
                unit: "×",
                rows: subjects.map(row).collect(),
            }
        };
        self.columns.iter().map(chart).collect()
    }

    fn index(&self, subject: &Subject) -> Option<usize> {
        self.subjects.iter().position(|other| other.name == subject.name)
    }

    /// The ratio of what two servers came to with a load, if all of that was measured.
    fn ratio(&self, cell: &str, subject: &Subject, other: &Subject) -> Option<f64> {
        let column = self.columns.iter().find(|column| column.cell.name() == cell)?;
        let [subject, other] = [self.index(subject)?, self.index(other)?];
        Some(column.figures[subject].ratio_to(&column.figures[other]))
    }

    fn bar(&self, cell: &str, subject: &Subject, other: &Subject, limit: f64) -> Bar {
        Bar {
            what: format!("CPU, {cell}, {} to {}", subject.name, other.name),
            limit,
            unit: "×",
            measured: self.ratio(cell, subject, other),
        }
    }

    /// As far as the loads were asked for.
    fn bars(&self) -> Vec<Bar> {
        let mut bars = Vec::new();
        for (cell, limit) in [("100:20:1", 1.1), ("100:1024:1", 1.1), ("100:16384:1", 1.15)] {
            bars.push(self.bar(cell, &OWNED, &LIMIT, limit));
            bars.push(self.bar(cell, &OWNED, &self.best_rust_peer(cell), 1.0));
        }
        for cell in ["100:20:32", "100:1024:32"] {
            bars.push(self.bar(cell, &OWNED, &LIMIT, 1.5));
            for peer in [TUNGSTENITE, TOKIO_WEBSOCKETS, FASTWEBSOCKETS] {
                bars.push(self.bar(cell, &OWNED, &peer, 0.2));
            }
            bars.push(self.bar(cell, &BORROWED, &LIMIT, 1.25));
        }
        bars.push(self.bar("100:1024:32", &BORROWED, &UWEBSOCKETS_CPP, 0.7));
        bars.push(self.bar("10:1048576:1", &OWNED, &TOKIO_WEBSOCKETS, 1.0));
        bars
    }

    fn best_rust_peer(&self, cell: &str) -> Subject {
        let peers = self.subjects.iter().filter(|subject| subject.is_rust_peer());
        let cost = |peer: &&Subject| self.ratio(cell, peer, &LIMIT).unwrap_or(f64::MAX);
        peers.min_by(|a, b| cost(a).total_cmp(&cost(b))).copied().unwrap_or(TUNGSTENITE)
    }
}
