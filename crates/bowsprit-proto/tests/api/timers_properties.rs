//! Timers against a model that knows all that has happened, with whatever ticks and events.

use core::time::Duration;

use bowsprit_proto::timers::{Action, Heartbeat, Settings, Snapshot, Timeout, Timers};
use proptest::{collection::vec, prelude::*};

/// What happens between two ticks, and what is seen at the second.
#[derive(Clone, Copy, Debug)]
struct Step {
    passed: u64,
    seen: Snapshot,
    written: bool,
    flushed: bool,
    /// Our close frame is sent, with so much in the queue.
    closes: Option<usize>,
    lingers: bool,
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let seen =
        (any::<[bool; 3]>(), 0..8_u8).prop_map(|([waiting, queued, held], received)| Snapshot {
            received: received == 0,
            waiting,
            queued,
            held_back: queued && held,
            closing: false,
        });
    let closes = prop_oneof![20 => Just(None), 1 => (0_usize..1 << 18).prop_map(Some)];
    let step = (0_u64..300, seen, [0..8_u8, 0..8], closes, 0..20_u8).prop_map(
        |(passed, seen, [written, flushed], closes, lingers)| Step {
            passed,
            seen,
            written: written == 0,
            flushed: flushed == 0,
            closes,
            lingers: lingers == 0,
        },
    );
    vec(step, 1..60)
}

fn settings() -> impl Strategy<Value = Settings> {
    let millis = || (1_u64..1500).prop_map(Duration::from_millis);
    let maybe = || proptest::option::of(millis());
    let heartbeat = proptest::option::of((millis(), millis()));
    (heartbeat, maybe(), maybe(), millis(), millis()).prop_map(
        |(heartbeat, idle, stall, close, linger)| {
            Settings::DEFAULT
                .heartbeat(heartbeat.map(|(interval, timeout)| Heartbeat::new(interval, timeout)))
                .idle_timeout(idle)
                .write_stall_timeout(stall)
                .close_timeout(close)
                .linger_timeout(linger)
        },
    )
}

/// Plays steps until one ends the connection; returns what each led to.
fn play(settings: &Settings, steps: &mut [Step]) -> Vec<Action> {
    let mut timers = Timers::new();
    let (mut now, mut closing) = (0, false);
    let mut actions = Vec::new();
    for step in steps {
        now += step.passed;
        if step.written {
            timers.on_written();
        }
        if step.flushed {
            timers.on_flushed();
        }
        if let Some(queued_len) = step.closes {
            timers.begin_close(settings, queued_len);
            closing = true;
        }
        if step.lingers && closing {
            timers.begin_linger(settings);
        }
        step.lingers &= closing;
        step.seen.closing = closing;
        actions.push(timers.tick(settings, step.seen, Duration::from_millis(now)).action);
        if matches!(actions.last(), Some(Action::End(_))) {
            break;
        }
    }
    actions
}

/// The time in the steps up to the last, from the last one that `begins` it, without those in which
/// it does not run. The first tick measures nothing.
fn since(steps: &[Step], begins: impl Fn(usize) -> bool, runs: impl Fn(&Step) -> bool) -> Duration {
    let from = (0..steps.len()).rev().find(|at| begins(*at)).map_or(1, |at| at + 1).max(1);
    let passed = steps.iter().skip(from).filter(|step| runs(step)).map(|step| step.passed);
    Duration::from_millis(passed.sum())
}

/// What is over at the last of these steps, if the earlier ones have led to `actions`.
struct Model<'s> {
    settings: &'s Settings,
    steps: &'s [Step],
    actions: &'s [Action],
}

impl Model<'_> {
    fn last(&self) -> Snapshot {
        self.steps[self.steps.len() - 1].seen
    }

    /// Whether there is nothing to take, or something that was taken has got further.
    fn has_progress(&self, at: usize) -> bool {
        let step = &self.steps[at];
        let held_back = at > 0 && self.steps[at - 1].seen.held_back && step.seen.held_back;
        !step.seen.queued || step.written && (step.flushed || !held_back)
    }

    fn was_stalled(&self) -> bool {
        let stalled = since(self.steps, |at| self.has_progress(at), |_| true);
        let ends = |limit| stalled >= limit;
        let is_stalled = !self.has_progress(self.steps.len() - 1);
        is_stalled && self.settings.write_stall_timeout.is_some_and(ends)
    }

    /// The ping that nothing has come after, if there is one: the first.
    fn unanswered(&self) -> Option<usize> {
        let received = (0..self.steps.len()).rev().find(|at| self.steps[*at].seen.received);
        let from = received.unwrap_or(0);
        (from..self.actions.len()).find(|at| self.actions[*at] == Action::Ping)
    }

    fn was_unanswered(&self) -> bool {
        let (Some(heartbeat), Some(ping)) = (self.settings.heartbeat, self.unanswered()) else {
            return false;
        };
        let waited = since(self.steps, |at| at == ping, |step| step.seen.waiting);
        self.last().waiting && waited >= heartbeat.timeout
    }

    fn wants_ping(&self) -> bool {
        let Some(heartbeat) = self.settings.heartbeat else { return false };
        let begins =
            |at: usize| self.steps[at].seen.received || self.actions.get(at) == Some(&Action::Ping);
        let blocked = self.last().queued && self.unanswered().is_some();
        let quiet = since(self.steps, begins, |_| true);
        quiet >= heartbeat.interval && !self.last().closing && !blocked
    }

    fn idle(&self) -> Duration {
        since(self.steps, |at| self.steps[at].seen.received, |step| step.seen.waiting)
    }

    fn may_idle(&self) -> bool {
        let over = |limit| self.idle() >= limit;
        let is_over = self.settings.idle_timeout.is_some_and(over);
        is_over && self.last().waiting && !self.last().closing
    }

    /// The time that a connection has for its end, and what of it has passed.
    fn close(&self) -> Option<(Duration, Duration)> {
        let begun = self.steps.iter().position(|step| step.closes.is_some())?;
        let queued = self.steps[begun].closes.unwrap_or_default() >> 16;
        let limit = self.settings.close_timeout + Duration::from_secs(queued as u64);
        let passed = since(self.steps, |at| at == begun, |_| true);
        let Some(lingers) = self.steps.iter().position(|step| step.lingers) else {
            return Some((limit, passed));
        };
        let before = since(&self.steps[..=lingers], |at| at == begun, |_| true);
        Some((limit.min(before + self.settings.linger_timeout), passed))
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(600))]

    #[test]
    fn nothing_ends_before_its_time_nor_later_than_at_the_next_tick(
        settings in settings(),
        mut steps in steps(),
    ) {
        let actions = play(&settings, &mut steps);
        for at in 0..actions.len() {
            let model =
                Model { settings: &settings, steps: &steps[..=at], actions: &actions[..at] };
            let action = actions[at];
            let context = || format!("at {at}: {action:?} of {settings:?}, {steps:#?}");
            let closes = model.close().is_some_and(|(limit, passed)| passed >= limit);
            prop_assert_eq!(action == Action::End(Timeout::Close), closes, "{}", context());
            if closes {
                continue;
            }
            prop_assert_eq!(
                action == Action::End(Timeout::WriteStall), model.was_stalled(), "{}", context()
            );
            match action {
                Action::End(Timeout::WriteStall | Timeout::Close) => {}
                Action::End(Timeout::Idle) => prop_assert!(model.may_idle(), "{}", context()),
                Action::End(Timeout::Heartbeat) => {
                    prop_assert!(model.was_unanswered(), "{}", context());
                }
                Action::Ping => prop_assert!(
                    model.wants_ping() && !model.was_unanswered(), "{}", context()
                ),
                Action::None => prop_assert!(
                    !model.wants_ping() && !model.was_unanswered(), "{}", context()
                ),
            }
        }
    }

    /// The reader is asked when the time is over, so what ends is a tick with a reader later.
    #[test]
    fn an_idle_connection_ends_at_the_next_tick_that_has_a_reader(
        limit in 1_u64..1500,
        mut steps in steps(),
    ) {
        let settings = Settings::DEFAULT
            .heartbeat(None)
            .write_stall_timeout(None)
            .idle_timeout(Some(Duration::from_millis(limit)));
        steps.iter_mut().for_each(|step| step.closes = None);
        let actions = play(&settings, &mut steps);
        for at in 0..actions.len() {
            let actions = &actions[..=at];
            let over = |at: usize| {
                Model { settings: &settings, steps: &steps[..=at], actions }.may_idle()
            };
            let received = steps[..=at].iter().rposition(|step| step.seen.received);
            let before = (received.unwrap_or(0)..at).any(over);
            let ends = actions[at] == Action::End(Timeout::Idle);
            prop_assert!(!ends || over(at), "early at {at}: {steps:#?}");
            prop_assert!(ends || !before || !over(at), "late at {at}: {steps:#?}");
        }
    }

    /// Whatever moment between two ticks a silence begins at, and however the clock is cut.
    #[test]
    fn a_silence_is_noticed_within_two_ticks(
        phase in 0_u64..500_000,
        tick in 1_000_u64..500_000,
        interval in 1_u64..5_000,
        timeout in 1_u64..5_000,
    ) {
        let [interval, timeout] = [interval, timeout].map(Duration::from_millis);
        let settings = Settings::DEFAULT.heartbeat(Some(Heartbeat::new(interval, timeout)));
        let [phase, tick] = [phase, tick].map(Duration::from_micros);
        let mut timers = Timers::new();
        let mut now = Duration::from_secs(1_000_000);
        let begin = now + phase;
        let mut pinged = None;
        let ended = loop {
            let received = now >= begin && now < begin + tick;
            let seen = Snapshot { received, waiting: true, ..Snapshot::default() };
            match timers.tick(&settings, seen, now).action {
                Action::End(timeout) => break timeout,
                Action::Ping if now >= begin => pinged = pinged.or(Some(now)),
                Action::Ping | Action::None => {}
            }
            now += tick;
        };
        // Counted in whole milliseconds.
        let rest = Duration::from_millis(1);
        if let (Timeout::Heartbeat, Some(pinged)) = (ended, pinged) {
            let silent = pinged - begin;
            prop_assert!(silent + rest > interval && silent < interval + tick * 2 + rest);
            let waited = now - pinged;
            prop_assert!(waited + rest > timeout && waited < timeout + tick + rest);
        } else {
            prop_assert!(now < begin, "before the silence, only the one before ends it");
        }
    }
}
