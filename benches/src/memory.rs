//! What open connections hold in memory, ours and the peers'.

use anyhow::Context;

use crate::{
    idle::{Growth, LARGE_LEN, SMALL_LEN, STORM, Scene},
    rounds::Plan,
    section::{Bar, Chart, Section, Table},
    subject::{self, LIMIT, OWNED, Subject},
    system,
    wire::{self, Exchange},
    zlib::Deflated,
};

const KIB: f64 = 1024.0;

/// Handshakes and large messages at a time.
const IN_FLIGHT: usize = 20;

/// Connections with a large message each.
const LARGE_CONNECTIONS: usize = 1000;

/// As long as the shortest message that is compressed.
const DEFLATED_LEN: usize = 1024;

/// Kilobytes of a peer's connections would fill the machine.
const MANY: usize = 10_000;

/// All that is about memory.
pub(crate) fn compare(plan: Plan) -> anyhow::Result<Section> {
    system::raise_file_limit()?;
    let mut section = Section {
        title: "Memory",
        text: "Resident KiB of the server per open connection, what it holds at start taken \
               off; the kernel's is not in it. Connections are opened 20 at a time."
            .to_owned(),
        ..Section::default()
    };
    let many = if plan.quick { MANY / 4 } else { MANY };
    ours(many, &mut section)?;
    peers(many, &mut section)?;
    Ok(section)
}

fn ours(many: usize, section: &mut Section) -> anyhow::Result<()> {
    let plain = Scene::new(many, IN_FLIGHT);
    let small =
        plain.measure(OWNED.start(None, false)?, wire::UPGRADE, &Exchange::new(SMALL_LEN))?;
    let storm = Scene::new(STORM.min(many), STORM);
    let after_storm =
        storm.measure(OWNED.start(None, false)?, wire::UPGRADE, &Exchange::new(SMALL_LEN))?;
    let large = Scene::new(LARGE_CONNECTIONS.min(many), IN_FLIGHT);
    let after_large =
        large.measure(OWNED.start(None, false)?, wire::UPGRADE, &Exchange::new(LARGE_LEN))?;
    let server = OWNED.start(Some(1), false)?;
    let exchange = Exchange::compressed(server.addr, &Deflated::json(DEFLATED_LEN, 15))?;
    let deflated = plain.measure(server, wire::UPGRADE_DEFLATE, &exchange)?;

    let bars = [
        (format!("{many} idle, after the handshake"), small.opened, 1.6),
        (format!("{many} idle, after {SMALL_LEN} bytes each"), small.used, 1.6),
        (format!("{} opened at once", storm.connections), after_storm.opened, 4.0),
        (format!("{} idle, after 1 MiB each", large.connections), after_large.used, 10.0),
        (format!("{many} idle with deflate, after 1 KiB compressed each"), deflated.used, 1.9),
    ];
    let row =
        |(what, bytes, _): &(String, f64, f64)| vec![what.clone(), format!("{:.2}", bytes / KIB)];
    section.tables.push(Table {
        caption: String::new(),
        head: ["bowsprit, recv/send", "KiB each"].map(str::to_owned).to_vec(),
        rows: bars.iter().map(row).collect(),
    });
    let bar = |(what, bytes, limit): (String, f64, f64)| Bar {
        what: format!("memory, {what}"),
        limit,
        unit: "KiB",
        measured: Some(bytes / KIB),
    };
    section.bars.extend(bars.map(bar));
    Ok(())
}

fn peers(many: usize, section: &mut Section) -> anyhow::Result<()> {
    let scene = Scene::new(many, IN_FLIGHT);
    let large = Scene::new(LARGE_CONNECTIONS.min(many) / 5, IN_FLIGHT);
    let mut rows = Vec::new();
    let batch = |subject: &Subject| subject.name.ends_with("batch");
    for subject in subject::there(&subject::ALL).iter().filter(|subject| !batch(subject)) {
        eprintln!("memory, {}", subject.name);
        let measure = |scene: &Scene, len| {
            let exchange = Exchange::new(len);
            let (upgrade, exchange) = if subject.is_websocket() {
                (wire::UPGRADE, exchange)
            } else {
                (&[][..], Exchange::of_bytes(exchange.request))
            };
            scene.measure(subject.start(None, false)?, upgrade, &exchange).context(subject.name)
        };
        rows.push((subject.name, measure(&scene, SMALL_LEN)?, measure(&large, LARGE_LEN)?));
    }
    let kib = |bytes: f64| format!("{:.2}", bytes / KIB);
    let row = |(name, small, large): &(&str, Growth, Growth)| {
        vec![(*name).to_owned(), kib(small.opened), kib(small.used), kib(large.used)]
    };
    let after_large = format!("{} after 1 MiB each", large.connections);
    section.tables.push(Table {
        caption: String::new(),
        head: vec![
            "server".to_owned(),
            format!("{many} after the handshake"),
            format!("after {SMALL_LEN} bytes each"),
            after_large,
        ],
        rows: rows.iter().map(row).collect(),
    });
    let bars = rows.iter().filter(|(name, ..)| *name != LIMIT.name);
    section.charts.push(Chart {
        name: "memory".to_owned(),
        title: format!("Memory per idle connection, {many} of them"),
        unit: "KiB",
        rows: bars.map(|(name, small, _)| ((*name).to_owned(), small.used / KIB)).collect(),
    });
    Ok(())
}
