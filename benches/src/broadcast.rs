//! `bench broadcast`: CPU time of a server for each delivery of a message to a thousand.

use anyhow::Context;
use clap::Args;

use crate::{
    audience::Audience,
    process::Process,
    rounds::{Figures, Plan},
    section::{self, Bar, Chart, Section, Table},
    subject::{self, Subject},
    system,
};

const RECEIVERS: usize = 1000;
const PAYLOAD_LEN: usize = 128;

/// Messages that are published together.
const DEPTHS: [usize; 2] = [1, 16];

/// The first is what the others are compared with.
const SUBJECTS: [Subject; 4] =
    [subject::FAN_OUT, subject::BROADCAST, subject::TOPIC, subject::TUNGSTENITE_BROADCAST];

const MAX_RATIO: f64 = 1.25;

#[derive(Args)]
pub(crate) struct Arguments {
    #[command(flatten)]
    plan: Plan,
    #[arg(long, default_value_t = RECEIVERS)]
    receivers: usize,
}

/// What the servers came to, in their order, with so many messages in flight.
type Column = (usize, Vec<Figures>);

pub(crate) fn run(arguments: &Arguments) -> anyhow::Result<()> {
    system::pin_load()?;
    section::print(&measure(arguments.plan, arguments.receivers)?);
    Ok(())
}

pub(crate) fn compare(plan: Plan) -> anyhow::Result<Section> {
    measure(plan, RECEIVERS)
}

fn measure(plan: Plan, receivers: usize) -> anyhow::Result<Section> {
    system::raise_file_limit()?;
    let mut servers = Vec::new();
    for subject in subject::there(&SUBJECTS) {
        servers.push((subject, subject.start(None, true).context(subject.name)?));
    }
    let mut columns: Vec<Column> = Vec::new();
    for depth in DEPTHS {
        eprintln!("broadcast, {depth} in flight");
        columns.push((depth, measure_depth(plan, receivers, depth, &servers)?));
    }
    let subjects: Vec<_> = servers.iter().map(|(subject, _)| *subject).collect();
    servers.into_iter().try_for_each(|(subject, process)| process.end().context(subject.name))?;
    Ok(into_section(receivers, &subjects, &columns))
}

/// Measures all servers in turn, round by round.
fn measure_depth(
    plan: Plan,
    receivers: usize,
    depth: usize,
    servers: &[(Subject, Process)],
) -> anyhow::Result<Vec<Figures>> {
    let mut figures: Vec<Figures> = servers.iter().map(|_| Figures::default()).collect();
    for _ in 0..plan.rounds() {
        for ((subject, process), figures) in servers.iter().zip(&mut figures) {
            let websocket = subject.is_websocket();
            let spent = Audience::connect(process.addr, receivers, PAYLOAD_LEN, depth, websocket)
                .and_then(|audience| audience.run(process, plan.warm_up(), plan.time()))
                .context(subject.name)?;
            figures.rounds.push(spent);
        }
    }
    Ok(figures)
}

fn into_section(receivers: usize, subjects: &[Subject], columns: &[Column]) -> Section {
    let text = format!(
        "A message of {PAYLOAD_LEN} bytes to {receivers} connections. The first connection \
         publishes: it sends as many messages as are to be in flight, in one write, and the next \
         ones when all receivers, itself included, have all of them. The limit reads the publisher \
         on epoll and makes one write per receiver of all that has come. What every receiver gets \
         is compared byte by byte. tokio-tungstenite has a task and a bounded channel for each \
         connection, as is usual."
    );
    let cost = |figures: &[Figures], index: usize| {
        let ratio = figures[index].ratio_to(&figures[0]);
        format!("{:.3} × {ratio:.2}", figures[index].per_message())
    };
    let latency = |figures: &[Figures], index: usize| {
        let at = |quantile| figures[index].median(|spent| spent.latency_at(quantile)) / 1000.0;
        format!("{:.1} / {:.1}", at(0.5), at(0.99))
    };
    let head = columns.iter().map(|(depth, _)| format!("{depth} in flight"));
    let head: Vec<_> = std::iter::once("server".to_owned()).chain(head).collect();
    let table = |caption: &str, show: &dyn Fn(&[Figures], usize) -> String| Table {
        caption: caption.to_owned(),
        head: head.clone(),
        rows: (subjects.iter().enumerate())
            .map(|(index, subject)| {
                let cells = columns.iter().map(|(_, figures)| show(figures, index));
                std::iter::once(subject.name.to_owned()).chain(cells).collect()
            })
            .collect(),
    };
    Section {
        title: "Broadcast",
        text,
        tables: vec![
            table(
                "Microseconds of the server's CPU time per delivery, and the median of its ratios \
                 to the limit in the same round:",
                &cost,
            ),
            table(
                "p50 / p99 in milliseconds from publishing until the last receiver has it all:",
                &latency,
            ),
        ],
        charts: columns.iter().map(|column| chart(receivers, subjects, column)).collect(),
        bars: columns.iter().flat_map(|column| bars(subjects, column)).collect(),
    }
}

fn chart(receivers: usize, subjects: &[Subject], (depth, figures): &Column) -> Chart {
    let row =
        |(subject, own): (&Subject, &Figures)| (subject.name.to_owned(), own.ratio_to(&figures[0]));
    Chart {
        name: format!("broadcast-{depth}"),
        title: format!(
            "CPU time per delivery of {PAYLOAD_LEN} bytes to {receivers}, {depth} in flight"
        ),
        unit: "×",
        rows: subjects.iter().zip(figures).map(row).collect(),
    }
}

fn bars<'c>(subjects: &'c [Subject], (depth, figures): &'c Column) -> impl Iterator<Item = Bar> {
    let ours = subjects.iter().zip(figures).skip(1).filter(|(subject, _)| subject.is_ours());
    ours.map(move |(subject, own)| Bar {
        what: format!(
            "CPU per delivery, {depth} in flight, {} to {}",
            subject.name, subjects[0].name
        ),
        limit: MAX_RATIO,
        unit: "×",
        measured: Some(own.ratio_to(&figures[0])),
    })
}
