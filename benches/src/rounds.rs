//! Rounds: everything is measured in turn, again and again, and compared within its round.

use std::time::Duration;

use clap::Args;

use crate::{generator::Spent, table};

#[derive(Args, Clone, Copy)]
pub(crate) struct Plan {
    /// Fewer rounds and connections, for a first look.
    #[arg(long)]
    pub(crate) quick: bool,
    #[arg(long)]
    rounds: Option<usize>,
    /// Milliseconds for a server and cell in each round.
    #[arg(long)]
    time: Option<u64>,
}

/// What the rounds of one server came to; each has as many as all others.
#[derive(Default)]
pub(crate) struct Figures {
    pub(crate) rounds: Vec<Spent>,
}

impl Plan {
    pub(crate) fn rounds(&self) -> usize {
        self.rounds.unwrap_or(if self.quick { 3 } else { 9 })
    }

    pub(crate) fn time(&self) -> Duration {
        Duration::from_millis(self.time.unwrap_or(if self.quick { 150 } else { 400 }))
    }

    pub(crate) fn warm_up(&self) -> Duration {
        self.time() / 4
    }
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
