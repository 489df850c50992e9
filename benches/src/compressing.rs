//! What a server spends on compressed messages, next to peers and to bare zlib-rs.

use anyhow::Context;

use crate::{
    generator::{Cell, Generator},
    process::Process,
    rounds::{self, Figures, Plan},
    section::{Bar, Chart, Section, Table},
    server::{self, Compression, Kind, Runtime},
    subject::{self, BORROWED, DEFLATE_PEERS, OWNED, Subject},
    system,
    wire::{self, Exchange},
    zlib::Deflated,
};

/// Our default, and the one of most peers.
const LEVELS: [u8; 2] = [1, 6];

const CELLS: [Cell; 3] = [
    Cell { connections: 100, payload_len: 128, depth: 1 },
    Cell { connections: 100, payload_len: 1024, depth: 1 },
    Cell { connections: 20, payload_len: 65_536, depth: 1 },
];

/// A peer that makes replies so much longer than ours does another job.
const SAME_LEN: f64 = 1.02;

/// What a server at some level came to.
struct Row {
    name: &'static str,
    is_peer: bool,
    cells: Vec<Measured>,
}

#[derive(Default)]
struct Measured {
    reply_len: usize,
    figures: Figures,
}

/// All servers, each at all levels.
pub(crate) fn compare(plan: Plan) -> anyhow::Result<Section> {
    let mut section = Section {
        title: "Compression",
        text: "Echo of JSON with permessage-deflate and without context takeover, however short \
               the message. Microseconds of the server's CPU time per message, and the bytes of \
               a reply. bowsprit's default is level 1; messages below 1,024 bytes it compresses \
               only on request. uWebSockets has but one level."
            .to_owned(),
        ..Section::default()
    };
    for level in LEVELS {
        let rows = measure(plan, level)?;
        section.tables.push(table(level, &rows));
        for (index, cell) in CELLS.iter().enumerate() {
            section.charts.push(chart(level, *cell, index, &rows));
            section.bars.push(bar(level, *cell, index, &rows));
        }
    }
    Ok(section)
}

fn measure(plan: Plan, level: u8) -> anyhow::Result<Vec<Row>> {
    let subjects = [&[OWNED, BORROWED], &DEFLATE_PEERS[..]].concat();
    let mut subjects = subject::there(&subjects);
    subjects.retain(|subject| subject.compresses_at(level));
    let mut servers = Vec::new();
    for subject in &subjects {
        servers.push(subject.start(Some(level), true).context(subject.name)?);
    }
    let plan = plan.finer();
    let new_row = |subject: &Subject| Row {
        name: subject.name,
        is_peer: !subject.is_ours(),
        cells: CELLS.iter().map(|_| Measured::default()).collect(),
    };
    let mut rows: Vec<Row> = subjects.iter().map(new_row).collect();
    let zlib = system::spawn_pinned(|| Process::start(&zlib(level)))?;
    let mut zlib_row =
        Row { name: "bare zlib-rs and TCP", is_peer: false, cells: new_row(&OWNED).cells };
    for (index, cell) in CELLS.into_iter().enumerate() {
        eprintln!("compression, level {level}, {}", cell.name());
        let message = Deflated::json(cell.payload_len, 15);
        for _ in 0..plan.rounds() {
            let connect = || Generator::connect_with(zlib.addr, cell, message.exchange(level), &[]);
            zlib_row.cells[index].spend(plan, &zlib, connect)?;
            for (process, row) in servers.iter().zip(&mut rows) {
                let connect = || compressed_load(process, cell, &message);
                row.cells[index].spend(plan, process, connect).context(row.name)?;
            }
        }
    }
    rows.insert(0, zlib_row);
    servers.into_iter().chain([zlib]).try_for_each(Process::end)?;
    Ok(rows)
}

fn compressed_load(process: &Process, cell: Cell, message: &Deflated) -> anyhow::Result<Generator> {
    let exchange = Exchange::compressed(process.addr, message)?;
    Generator::connect_with(process.addr, cell, exchange, wire::UPGRADE_DEFLATE)
}

fn zlib(level: u8) -> server::Arguments {
    let deflate = Some(Compression::at_level(level));
    server::Arguments { deflate, ..server::Arguments::new(Kind::Zlib, Runtime::Current) }
}

impl Measured {
    fn spend(
        &mut self,
        plan: Plan,
        process: &Process,
        connect: impl Fn() -> anyhow::Result<Generator>,
    ) -> anyhow::Result<()> {
        let measure = || {
            let load = connect()?;
            self.reply_len = load.reply_len();
            load.run(process, plan.warm_up(), plan.time())
        };
        self.figures.rounds.push(rounds::undisturbed(measure)?);
        Ok(())
    }
}

fn table(level: u8, rows: &[Row]) -> Table {
    let mut head = vec![format!("level {level}")];
    head.extend(CELLS.iter().map(Cell::name));
    let show = |measured: &Measured| {
        format!("{:.1} ({} B)", measured.figures.per_message(), measured.reply_len)
    };
    let row = |row: &Row| {
        let cells = row.cells.iter().map(show);
        [row.name.to_owned()].into_iter().chain(cells).collect()
    };
    Table { caption: String::new(), head, rows: rows.iter().map(row).collect() }
}

fn chart(level: u8, cell: Cell, index: usize, rows: &[Row]) -> Chart {
    let len = cell.payload_len;
    let bar = |row: &Row| (row.name.to_owned(), row.cells[index].figures.per_message());
    Chart {
        name: format!("deflate-{len}-level-{level}"),
        title: format!("CPU time per echoed JSON of {len} bytes, compressed at level {level}"),
        unit: "µs",
        rows: rows.iter().map(bar).collect(),
    }
}

/// Ours to the best of the peers whose replies are as short.
fn bar(level: u8, cell: Cell, index: usize, rows: &[Row]) -> Bar {
    let ours = rows.iter().find(|row| row.name == OWNED.name).map(|row| &row.cells[index]);
    let same = |measured: &&Measured| {
        ours.is_some_and(|ours| measured.reply_len as f64 <= ours.reply_len as f64 * SAME_LEN)
    };
    let peers = rows.iter().filter(|row| row.is_peer).map(|row| &row.cells[index]).filter(same);
    let ratios = peers.filter_map(|peer| Some(ours?.figures.ratio_to(&peer.figures)));
    Bar {
        what: format!(
            "CPU with deflate, level {level}, {}, to the best peer with replies as short",
            cell.name()
        ),
        limit: 1.05,
        unit: "×",
        measured: ratios.max_by(f64::total_cmp),
    }
}
