//! Rounds: everything is measured in turn, again and again, and compared within its round.

use std::time::Duration;

use clap::Args;

use crate::{generator::Spent, system, table};

#[derive(Args, Clone, Copy)]
pub(crate) struct Plan {
    /// Fewer rounds and connections, for a first look.
    #[arg(long)]
    pub(crate) quick: bool,
    #[arg(long)]
    rounds: Option<usize>,
    /// Milliseconds for a server and cell in each round.
    #[arg(long)]
    time: Option<u32>,
}

/// What the rounds of one server came to; each has as many as all others.
#[derive(Default)]
pub(crate) struct Figures {
    pub(crate) rounds: Vec<Spent>,
}

/// How many more rounds there are where each is short, and by how much shorter they are.
const MORE: usize = 4;
const SHORTER: u32 = 8;

impl Plan {
    /// More and shorter rounds, for what is at its best at once: then what the machine does
    /// meanwhile falls on both sides of a ratio.
    pub(crate) fn finer(self) -> Self {
        let rounds = self.rounds.unwrap_or(self.rounds() * MORE);
        let time = self.time.unwrap_or(self.millis() / SHORTER);
        Self { rounds: Some(rounds), time: Some(time), ..self }
    }

    pub(crate) fn rounds(&self) -> usize {
        self.rounds.unwrap_or(if self.quick { 3 } else { 9 })
    }

    pub(crate) fn time(&self) -> Duration {
        Duration::from_millis(self.millis().into())
    }

    fn millis(&self) -> u32 {
        self.time.unwrap_or(if self.quick { 160 } else { 400 })
    }

    pub(crate) fn warm_up(&self) -> Duration {
        self.time() / 4
    }
}

/// Measures once more if a hypervisor has taken a processor away meanwhile.
pub(crate) fn undisturbed<T>(mut measure: impl FnMut() -> anyhow::Result<T>) -> anyhow::Result<T> {
    let before = system::stolen_time()?;
    let spent = measure()?;
    if system::stolen_time()? == before {
        return Ok(spent);
    }
    measure()
}

impl Figures {
    /// Microseconds of CPU time per message.
    pub(crate) fn per_message(&self) -> f64 {
        self.median(Spent::per_message)
    }

    /// The median of this one's cost as a part of the other's in the same round.
    pub(crate) fn ratio_to(&self, other: &Self) -> f64 {
        let pairs = self.rounds.iter().zip(&other.rounds);
        table::median(pairs.map(|(spent, other)| spent.per_message() / other.per_message()))
    }

    pub(crate) fn median(&self, figure: impl Fn(&Spent) -> f64) -> f64 {
        table::median(self.rounds.iter().map(figure))
    }
}
