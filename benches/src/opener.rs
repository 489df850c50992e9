//! Clients that open connections and drop them.

use std::{
    io::{self, BufRead, Read},
    net::{SocketAddr, TcpListener},
    thread,
    time::Duration,
};

use anyhow::{Context, ensure};
use bowsprit::Client;
use clap::Args;
use socket2::SockRef;

use crate::{
    handshakes::ratio,
    rounds::{self, Plan},
    section::{Section, Table},
    subject::{self, OWNED, Subject, TUNGSTENITE},
    table, wire,
};

/// Connections of a client in each round.
const CONNECTIONS: usize = 2000;

const CLIENTS: [Subject; 2] = [OWNED, TUNGSTENITE];

/// For each number that it is told, it opens so many connections, one after the other, and says so.
#[derive(Args)]
pub(crate) struct Arguments {
    addr: SocketAddr,
}

pub(crate) fn run(arguments: &Arguments) -> anyhow::Result<()> {
    println!("{}", arguments.addr);
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let (client, url) = (Client::new(), format!("ws://{}/", arguments.addr));
    for line in io::stdin().lock().lines() {
        let count = line?.parse()?;
        runtime.block_on(async {
            for _ in 0..count {
                drop(client.connect(&url).await?);
            }
            anyhow::Ok(())
        })?;
        println!("{count}");
    }
    Ok(())
}

/// CPU time of clients.
pub(crate) fn compare(plan: Plan, section: &mut Section) -> anyhow::Result<()> {
    let addr = serve()?;
    let connections = if plan.quick { CONNECTIONS / 4 } else { CONNECTIONS };
    let mut clients = Vec::new();
    for subject in subject::there(&CLIENTS) {
        clients.push((subject, subject.start_opener(addr).context(subject.name)?, Vec::new()));
    }
    // The first round is for what is needed once.
    for round in 0..=plan.rounds() {
        eprintln!("clients, round {round}");
        for (subject, client, times) in &mut clients {
            let mut measure = || {
                let before = client.cpu_time()?;
                client.tell(&connections.to_string())?;
                ensure!(client.hear()?.trim() == connections.to_string(), "not all are open");
                Ok((client.cpu_time()? - before) as f64 / connections as f64 / 1000.0)
            };
            times.push(rounds::undisturbed(&mut measure).context(subject.name)?);
        }
    }
    let own = clients.first().map(|(.., times)| times[1..].to_vec()).unwrap_or_default();
    let row = |(subject, _, times): &(Subject, _, Vec<f64>)| {
        let (times, name) = (&times[1..], subject.name.replace(", recv/send", ""));
        let time = table::median(times.iter().copied());
        vec![name, format!("{time:.1}"), format!("{:.2}", ratio(&own, times))]
    };
    section.tables.push(Table {
        caption: "Microseconds of a client's CPU time per connection, one after the other:"
            .to_owned(),
        head: ["client", "µs", "bowsprit to it"].map(str::to_owned).to_vec(),
        rows: clients.iter().map(row).collect(),
    });
    clients.into_iter().try_for_each(|(_, client, _)| client.end())
}

/// Starts a server that does little: it ends with this process.
fn serve() -> anyhow::Result<SocketAddr> {
    let listener = TcpListener::bind(("127.0.0.1", 0))?;
    let addr = listener.local_addr()?;
    thread::spawn(move || {
        loop {
            if let Err(error) = accept(&listener) {
                eprintln!("a client has failed: {error}");
            }
        }
    });
    Ok(addr)
}

/// Opens a connection, and resets it when the client has gone: else ports would run out.
fn accept(listener: &TcpListener) -> anyhow::Result<()> {
    let mut stream = wire::accept(listener)?;
    SockRef::from(&stream).set_linger(Some(Duration::ZERO))?;
    let _end = stream.read(&mut [0; 64]);
    Ok(())
}
