//! `bench echo`: CPU time of a server per echoed message, next to a bare TCP echo.

use std::{str::FromStr, time::Duration};

use anyhow::{Context, ensure};
use clap::Args;

use crate::{
    generator::{Cell, Generator},
    process::Process,
    server::{self, Kind, Runtime},
    system, table,
};

pub(crate) const SERVER_CPU: usize = 0;
pub(crate) const LOAD_CPU: usize = 1;

const CELLS: [&str; 6] =
    ["100:20:1", "100:20:32", "100:1024:1", "100:1024:32", "100:16384:1", "10:1048576:1"];

/// Each measured server; the first is what the others are compared with.
const SERVERS: [(Kind, Runtime); 7] = [
    (Kind::Tcp, Runtime::Current),
    (Kind::ServeOwned, Runtime::Current),
    (Kind::ServeBorrowed, Runtime::Current),
    (Kind::SpawnOwned, Runtime::Current),
    (Kind::Tcp, Runtime::Multi),
    (Kind::ServeOwned, Runtime::Multi),
    (Kind::ServeBorrowed, Runtime::Multi),
];

/// How many of [`SERVERS`] a quick run measures.
const QUICK_SERVERS: usize = 3;

#[derive(Args)]
pub(crate) struct Arguments {
    /// Fewer servers and rounds, for a first look.
    #[arg(long)]
    quick: bool,
    /// connections:payload length:messages in flight; can be repeated.
    #[arg(long)]
    cell: Vec<Cell>,
    #[arg(long)]
    rounds: Option<usize>,
    /// Milliseconds for a server and cell in each round.
    #[arg(long)]
    time: Option<u64>,
}

impl FromStr for Cell {
    type Err = anyhow::Error;

    fn from_str(cell: &str) -> anyhow::Result<Self> {
        let numbers = cell.split(':').map(str::parse).collect::<Result<Vec<usize>, _>>()?;
        let [connections, payload_len, depth] = numbers[..] else {
            anyhow::bail!("not connections:length:depth");
        };
        Ok(Self { connections, payload_len, depth })
    }
}

/// What the rounds of a server and a cell came to.
#[derive(Default)]
struct Figures {
    per_message: Vec<f64>,
    ratio: Vec<f64>,
    load: Vec<f64>,
}

pub(crate) fn run(arguments: &Arguments) -> anyhow::Result<()> {
    ensure!(system::cpu_count() > LOAD_CPU, "the server and the load need a processor each");
    system::pin_to(LOAD_CPU)?;
    let quick = arguments.quick;
    let rounds = arguments.rounds.unwrap_or(if quick { 3 } else { 9 });
    let time = Duration::from_millis(arguments.time.unwrap_or(if quick { 150 } else { 400 }));
    let mut cells = arguments.cell.clone();
    if cells.is_empty() {
        cells = CELLS.iter().map(|cell| cell.parse()).collect::<anyhow::Result<_>>()?;
    }
    let mut servers = Vec::new();
    for (kind, runtime) in &SERVERS[..if quick { QUICK_SERVERS } else { SERVERS.len() }] {
        let server =
            server::Arguments { cpu: Some(SERVER_CPU), ..server::Arguments::new(*kind, *runtime) };
        servers.push((server, Process::start(&server)?));
    }
    let mut columns = Vec::new();
    for cell in &cells {
        columns.push(measure(&servers, *cell, rounds, time)?);
    }
    print(&servers, &cells, &columns);
    servers.into_iter().try_for_each(|(_, process)| process.end())
}

/// Measures all servers in turn, round by round.
fn measure(
    servers: &[(server::Arguments, Process)],
    cell: Cell,
    rounds: usize,
    time: Duration,
) -> anyhow::Result<Vec<Figures>> {
    let mut figures: Vec<Figures> = servers.iter().map(|_| Figures::default()).collect();
    for _ in 0..rounds {
        let mut limit = None;
        for ((arguments, process), figures) in servers.iter().zip(&mut figures) {
            let websocket = arguments.kind != Kind::Tcp;
            let spent = Generator::connect(process.addr, cell, websocket)
                .and_then(|load| load.run(process, time / 4, time))
                .with_context(|| format!("{arguments}, {}", cell.name()))?;
            let per_message = spent.per_message();
            figures.per_message.push(per_message);
            figures.ratio.push(per_message / *limit.get_or_insert(per_message));
            figures.load.push(spent.load as f64 / spent.server as f64);
        }
    }
    Ok(figures)
}

fn print(servers: &[(server::Arguments, Process)], cells: &[Cell], columns: &[Vec<Figures>]) {
    println!(
        "Microseconds of the server's CPU time per message, median; median of the same round's\n\
         ratios to the first row; median of the load's CPU time to the server's.\n"
    );
    let mut head = vec!["server".to_owned()];
    head.extend(cells.iter().map(Cell::name));
    let mut rows = Vec::new();
    for (index, (arguments, _)) in servers.iter().enumerate() {
        let mut row = vec![arguments.to_string()];
        row.extend(columns.iter().map(|figures| {
            let Figures { per_message, ratio, load } = &figures[index];
            let [per_message, ratio, load] =
                [per_message, ratio, load].map(|values| table::median(values.clone()));
            format!("{per_message:.2} × {ratio:.2} ({load:.2})")
        }));
        rows.push(row);
    }
    table::print(&head, &rows);
}

impl Cell {
    fn name(&self) -> String {
        format!("{}:{}:{}", self.connections, self.payload_len, self.depth)
    }
}
