//! When timers have a ping sent and end a connection, against peers and applications of all kinds.

use core::time::Duration;

use bowsprit_proto::timers::{
    Action::{self, End, Ping},
    Heartbeat, Settings, Snapshot,
    Timeout::{Close, Idle, WriteStall},
    Timers,
};

const TICK: u64 = 500;
const TICKS: u64 = 200;
const QUIET: Snapshot =
    Snapshot { received: false, waiting: true, queued: false, held_back: false, closing: false };

const fn millis(millis: u64) -> Duration {
    Duration::from_millis(millis)
}

/// Nothing that ends a connection.
fn none() -> Settings {
    Settings::DEFAULT.heartbeat(None).write_stall_timeout(None)
}

fn idle(after: u64) -> Settings {
    none().idle_timeout(Some(millis(after)))
}

/// What was to be done, and when.
type Done = (u64, Action);

/// What a connection looks like in the tick at a number of milliseconds, when pings were sent.
type Look = fn(&mut Timers, u64, &[Done]) -> Snapshot;

/// Ticks for a hundred seconds or to the end; returns what was to be done and when.
fn run(settings: &Settings, look: Look) -> Vec<Done> {
    let mut timers = Timers::new();
    let mut done = Vec::new();
    for now in (0..=TICKS).map(|tick| tick * TICK) {
        let seen = look(&mut timers, now, &done);
        match timers.tick(settings, seen, millis(now)).action {
            Action::None => {}
            action => done.push((now, action)),
        }
        if matches!(done.last(), Some((_, End(_)))) {
            break;
        }
    }
    done
}

fn silent(_: &mut Timers, _: u64, _: &[Done]) -> Snapshot {
    QUIET
}

/// What is answered has come by the next tick.
fn answers(_: &mut Timers, now: u64, done: &[Done]) -> Snapshot {
    Snapshot { received: done.last().is_some_and(|(at, _)| *at == now - TICK), ..QUIET }
}

/// A byte each nineteen seconds.
fn trickles(_: &mut Timers, now: u64, _: &[Done]) -> Snapshot {
    Snapshot { received: now.is_multiple_of(19_000), ..QUIET }
}

fn is_not_read(_: &mut Timers, _: u64, _: &[Done]) -> Snapshot {
    Snapshot { waiting: false, ..QUIET }
}

/// Reads in one of two seconds.
fn is_read_half_the_time(_: &mut Timers, now: u64, _: &[Done]) -> Snapshot {
    Snapshot { waiting: (now / 1000).is_multiple_of(2), ..QUIET }
}

fn takes_nothing(_: &mut Timers, _: u64, _: &[Done]) -> Snapshot {
    Snapshot { queued: true, received: true, ..QUIET }
}

fn is_not_read_and_takes_nothing(_: &mut Timers, _: u64, _: &[Done]) -> Snapshot {
    Snapshot { queued: true, waiting: false, ..QUIET }
}

fn takes_a_little(timers: &mut Timers, now: u64, _: &[Done]) -> Snapshot {
    if now.is_multiple_of(29_500) {
        timers.on_written();
    }
    Snapshot { queued: true, received: true, ..QUIET }
}

/// Takes an answer to a ping each five seconds, and hands on nothing.
fn holds_back(timers: &mut Timers, now: u64, _: &[Done]) -> Snapshot {
    if now.is_multiple_of(5000) {
        timers.on_written();
    }
    Snapshot { queued: true, held_back: true, received: true, ..QUIET }
}

/// The same, but hands on all of it each twenty seconds.
fn hands_on(timers: &mut Timers, now: u64, done: &[Done]) -> Snapshot {
    if now.is_multiple_of(20_000) {
        timers.on_flushed();
    }
    holds_back(timers, now, done)
}

/// From its fifth second on it is closing, with 192 KiB in the queue.
fn closes(timers: &mut Timers, now: u64, _: &[Done]) -> Snapshot {
    if now >= 5000 {
        // Only the first one counts, and neither do bytes that come or go.
        timers.begin_close(&Settings::DEFAULT, 192 << 10);
        timers.on_written();
    }
    Snapshot { closing: now >= 5000, received: true, queued: true, ..QUIET }
}

/// The same, and from its eleventh second on only the transport's end is awaited.
fn lingers(timers: &mut Timers, now: u64, done: &[Done]) -> Snapshot {
    let seen = closes(timers, now, done);
    if now >= 11_000 {
        timers.begin_linger(&Settings::DEFAULT);
    }
    seen
}

fn lingers_late(timers: &mut Timers, now: u64, done: &[Done]) -> Snapshot {
    let seen = closes(timers, now, done);
    if now >= 17_000 {
        timers.begin_linger(&Settings::DEFAULT);
    }
    seen
}

/// Has failed at once, and its peer goes on sending.
fn fails(timers: &mut Timers, _: u64, _: &[Done]) -> Snapshot {
    timers.begin_linger(&Settings::DEFAULT);
    Snapshot { closing: true, received: true, ..QUIET }
}

/// Says nothing, and is closing from the beginning.
fn closes_in_silence(timers: &mut Timers, _: u64, _: &[Done]) -> Snapshot {
    timers.begin_close(&Settings::DEFAULT, 0);
    Snapshot { closing: true, ..QUIET }
}

#[test]
fn a_connection_ends_when_its_peer_has_had_its_time() {
    use bowsprit_proto::timers::Timeout::Heartbeat as Unanswered;
    let default = Settings::DEFAULT;
    let both = default.idle_timeout(Some(millis(25_000)));
    // A ping each interval after the answer to the one before, which took a tick.
    let pings = [(20_000, Ping), (40_500, Ping), (61_000, Ping), (81_500, Ping)];
    let every = [20_000, 40_000, 60_000, 80_000, 100_000].map(|at| (at, Ping));
    let cases: [(&str, Settings, Look, &[Done]); 20] = [
        ("answers", default, answers, &pings),
        ("silent", default, silent, &[(20_000, Ping), (40_000, End(Unanswered))]),
        ("silent, but nobody asks", none(), silent, &[]),
        ("trickles", default, trickles, &[]),
        ("not read", default, is_not_read, &every),
        ("not read, idle", idle(5000), is_not_read, &[]),
        (
            "read half the time",
            default,
            is_read_half_the_time,
            &[(20_000, Ping), (40_000, Ping), (60_000, End(Unanswered))],
        ),
        ("takes nothing", default, takes_nothing, &[(30_000, End(WriteStall))]),
        ("takes nothing, which it may", none(), takes_nothing, &[]),
        // A second ping would queue up behind the first.
        (
            "takes nothing, not read",
            default,
            is_not_read_and_takes_nothing,
            &[(20_000, Ping), (30_000, End(WriteStall))],
        ),
        ("takes a little", default, takes_a_little, &[]),
        ("holds back", default, holds_back, &[(30_000, End(WriteStall))]),
        ("hands on", default, hands_on, &[]),
        // The reader is asked at the end, and has a tick to answer.
        ("idle", idle(5000), silent, &[(5500, End(Idle))]),
        ("idle, asked", both, silent, &[(20_000, Ping), (25_500, End(Idle))]),
        ("closes", default, closes, &[(18_000, End(Close))]),
        ("lingers", default, lingers, &[(13_000, End(Close))]),
        ("lingers late", default, lingers_late, &[(18_000, End(Close))]),
        ("fails", default, fails, &[(2000, End(Close))]),
        ("closes in silence", both, closes_in_silence, &[(10_000, End(Close))]),
    ];
    for (peer, settings, look, expected) in cases {
        assert_eq!(run(&settings, look), expected, "{peer}");
    }
}

#[test]
fn the_reader_is_asked_before_anything_ends_and_seldom_else() {
    let mut timers = Timers::new();
    let asked: Vec<u64> = (0..=8000)
        .step_by(100)
        .filter(|now| timers.tick(&idle(8000), QUIET, millis(*now)).ask_reader)
        .collect();
    assert_eq!(asked, [1000, 2000, 3000, 4000, 5000, 6000, 7000, 8000]);
    // While a ping is unanswered it is asked at each tick.
    let beat = Heartbeat::new(millis(100), millis(300));
    let settings = none().heartbeat(Some(beat));
    let mut timers = Timers::new();
    let asked = [0, 100, 200, 300].map(|now| timers.tick(&settings, QUIET, millis(now)).ask_reader);
    assert_eq!(asked, [false, true, true, true]);
}

#[test]
fn the_time_before_the_first_tick_does_not_count_nor_does_a_clock_that_goes_back() {
    let settings = idle(100);
    let mut timers = Timers::new();
    for (now, expected) in [
        (1_000_000, Action::None),
        (1_000_060, Action::None),
        (0, Action::None),
        (999_999, Action::None),
        (1_000_099, Action::None),
        (1_000_100, End(Idle)),
    ] {
        let ticked = timers.tick(&settings, QUIET, millis(now));
        assert_eq!(ticked.action, expected, "at {now} ms");
    }
}

#[test]
fn a_clock_may_run_for_longer_than_a_counter_of_milliseconds() {
    let start = u64::from(u32::MAX) - 150;
    let settings = none().write_stall_timeout(Some(millis(300)));
    let mut timers = Timers::new();
    let seen = Snapshot { queued: true, ..QUIET };
    let actions = [0, 100, 200, 299, 300]
        .map(|after| timers.tick(&settings, seen, millis(start + after)).action);
    let none = Action::None;
    assert_eq!(actions, [none, none, none, none, End(WriteStall)]);
}

#[test]
fn ticks_come_eight_times_within_the_shortest_time_but_within_bounds() {
    let hour = Duration::from_secs(3600);
    let slow = none().close_timeout(hour).linger_timeout(hour);
    let beat = |interval, timeout| Some(Heartbeat::new(interval, timeout));
    for (settings, expected) in [
        (Settings::DEFAULT, 250),
        (slow, 500),
        (slow.heartbeat(beat(millis(800), hour)), 100),
        (slow.heartbeat(beat(hour, millis(800))), 100),
        (slow.idle_timeout(Some(millis(160))), 20),
        (slow.write_stall_timeout(Some(millis(160))), 20),
        (slow.close_timeout(millis(80)), 10),
        (slow.linger_timeout(millis(80)), 10),
        (slow.linger_timeout(Duration::ZERO), 5),
    ] {
        assert_eq!(settings.tick_interval(), millis(expected), "{settings:?}");
    }
}

#[test]
fn extremes_neither_overflow_nor_end_anything_early() {
    let settings = Settings::DEFAULT
        .heartbeat(Some(Heartbeat::new(Duration::MAX, Duration::MAX)))
        .idle_timeout(Some(Duration::MAX))
        .write_stall_timeout(Some(Duration::MAX))
        .close_timeout(Duration::MAX);
    let mut timers = Timers::new();
    timers.begin_close(&settings, usize::MAX);
    let seen = Snapshot { queued: true, ..QUIET };
    for days in [0, 20, 40] {
        let now = Duration::from_secs(days * 24 * 3600);
        assert_eq!(timers.tick(&settings, seen, now).action, Action::None, "after {days} days");
    }
    timers.begin_linger(&settings.linger_timeout(Duration::ZERO));
    assert_eq!(timers.tick(&settings, seen, Duration::MAX).action, End(Close));
}

#[test]
fn whether_anything_was_ever_written_is_known_to_the_end() {
    let mut timers = Timers::new();
    assert!(!timers.has_written());
    timers.on_written();
    for now in 0..3 {
        let _ = timers.tick(&Settings::DEFAULT, QUIET, millis(now));
        assert!(timers.has_written());
    }
}
