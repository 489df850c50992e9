//! Rounds of a scenario, under a watchdog, with random numbers that can be had again.

use std::{
    env,
    hash::{BuildHasher, Hasher, RandomState},
    panic::{AssertUnwindSafe, catch_unwind, resume_unwind},
    sync::{Mutex, PoisonError, mpsc},
    thread,
    time::{Duration, Instant},
};

use tokio::runtime::{Builder, Runtime};

/// A round that takes longer hangs.
const WATCHDOG: Duration = Duration::from_secs(60);

/// How long a scenario goes on, unless the environment says otherwise.
const TIME: Duration = Duration::from_millis(500);

/// What runtimes that nobody waits for may take to give back their descriptors.
const SETTLING: Duration = Duration::from_secs(10);

/// One scenario at a time: descriptors are the process's.
static TURN: Mutex<()> = Mutex::new(());

/// Random numbers: splitmix64, so that a seed makes the same ones everywhere.
#[derive(Debug)]
pub(super) struct Random(u64);

impl Random {
    /// Other ones, which depend on these.
    pub(super) fn fork(&mut self) -> Self {
        Self(self.next())
    }

    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        mixed ^ (mixed >> 31)
    }

    /// From 0 to one less than this.
    pub(super) fn below(&mut self, end: usize) -> usize {
        usize::try_from(self.next() % u64::try_from(end).unwrap()).unwrap()
    }

    /// One time in so many.
    pub(super) fn once_in(&mut self, times: usize) -> bool {
        self.below(times) == 0
    }

    /// A length of a message: most are short, some are long enough to fill a queue.
    pub(super) fn len(&mut self) -> usize {
        let longest = [10, 200, 5000, 100_000][self.below(16).saturating_sub(12)];
        self.below(longest)
    }

    /// No time, a turn for others, or up to so many milliseconds.
    pub(super) async fn pause(&mut self, longest: usize) {
        match self.below(4) {
            0 => {}
            1 => tokio::task::yield_now().await,
            _ => tokio::time::sleep(self.time(longest)).await,
        }
    }

    /// Up to so many milliseconds.
    pub(super) fn time(&mut self, longest: usize) -> Duration {
        Duration::from_micros(u64::try_from(self.below(longest * 1000 + 1)).unwrap())
    }
}

/// Plays a scenario again and again until its time is over.
pub(super) fn stress(round: fn(Random)) {
    let _turn = TURN.lock().unwrap_or_else(PoisonError::into_inner);
    let time = variable("BOWSPRIT_STRESS_MILLIS").map_or(TIME, Duration::from_millis);
    let given = variable("BOWSPRIT_STRESS_SEED");
    let seed = || given.unwrap_or_else(|| RandomState::new().build_hasher().finish());
    // What is made once for the process is made.
    play(round, seed());
    let (begun, before) = (Instant::now(), descriptors());
    while begun.elapsed() < time {
        play(round, seed());
    }
    let over = Instant::now();
    while descriptors() > before {
        let after = descriptors();
        assert!(over.elapsed() < SETTLING, "{after} descriptors are open, {before} were before");
        thread::sleep(Duration::from_millis(10));
    }
}

/// One round, on a thread of its own, so that a loop without end is noticed as well.
fn play(round: fn(Random), seed: u64) {
    let (done, ended) = mpsc::channel();
    let played = thread::spawn(move || {
        let played = catch_unwind(AssertUnwindSafe(|| round(Random(seed))));
        let _gone = done.send(());
        played
    });
    let hint = format!("BOWSPRIT_STRESS_SEED={seed} plays this round again");
    assert!(ended.recv_timeout(WATCHDOG).is_ok(), "the round hangs; {hint}");
    if let Err(panic) = played.join().unwrap() {
        eprintln!("{hint}");
        resume_unwind(panic);
    }
}

fn variable(name: &str) -> Option<u64> {
    let value = env::var(name).ok()?;
    Some(value.parse().unwrap_or_else(|error| panic!("{name}={value}: {error}")))
}

/// How many descriptors this process has open; nothing where the system does not say.
fn descriptors() -> usize {
    std::fs::read_dir("/proc/self/fd").map_or(0, Iterator::count)
}

pub(super) fn one_thread() -> Runtime {
    Builder::new_current_thread().enable_all().build().unwrap()
}

pub(super) fn threads(count: usize) -> Runtime {
    Builder::new_multi_thread().worker_threads(count).enable_all().build().unwrap()
}

/// One thread, or a few.
pub(super) fn any_runtime(random: &mut Random) -> Runtime {
    match random.below(3) {
        0 => one_thread(),
        more => threads(2 * more),
    }
}
