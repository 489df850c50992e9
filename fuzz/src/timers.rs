//! What depends on time, with any events at any time.

use std::time::Duration;

use bowsprit_proto::timers::{Action, Heartbeat, Settings, Snapshot, Timeout, Timers};

/// What has happened so far, as far as an end needs a reason.
#[derive(Default)]
struct Seen {
    /// A ping was sent that nothing has come after.
    pinged: bool,
    /// When the end began, and the most time that it then has.
    closing: Option<(Duration, Duration)>,
}

/// Six bytes are times, then every two are an event. Each end has its reason, and one that has
/// begun is not put off.
pub fn timers(bytes: &[u8]) {
    let Some((times, events)) = bytes.split_first_chunk::<6>() else { return };
    let settings = settings(*times);
    assert!(settings.tick_interval() >= Duration::from_millis(5));
    let (mut timers, mut seen) = (Timers::new(), Seen::default());
    let mut now = Duration::ZERO;
    for event in events.chunks_exact(2) {
        now = now.saturating_add(passes(event[0]));
        if !step(&settings, &mut timers, &mut seen, now, event[1]) {
            return;
        }
    }
}

fn settings([interval, timeout, idle, stall, close, linger]: [u8; 6]) -> Settings {
    let maybe = |byte| (byte > 0).then(|| time(byte));
    let heartbeat = maybe(interval).map(|interval| Heartbeat::new(interval, time(timeout)));
    Settings::DEFAULT
        .heartbeat(heartbeat)
        .idle_timeout(maybe(idle))
        .write_stall_timeout(maybe(stall))
        .close_timeout(time(close))
        .linger_timeout(time(linger))
}

fn time(byte: u8) -> Duration {
    if byte == u8::MAX { Duration::MAX } else { Duration::from_millis(u64::from(byte) * 10) }
}

/// From none over microseconds to days.
fn passes(byte: u8) -> Duration {
    let unit = [Duration::from_micros(100), Duration::from_millis(4), Duration::from_secs(9000)];
    unit[usize::from(byte >> 6).min(2)] * u32::from(byte & 0x3f)
}

/// Whether the connection is still there.
fn step(
    settings: &Settings,
    timers: &mut Timers,
    seen: &mut Seen,
    now: Duration,
    event: u8,
) -> bool {
    let has = |bit: u8| event & 1 << bit != 0;
    if has(0) {
        timers.on_written();
    }
    if has(7) {
        timers.on_flushed();
    }
    if has(1) {
        timers.begin_close(settings, usize::from(event) << 12);
        let limit = settings.close_timeout.saturating_add(Duration::from_secs(15));
        seen.closing.get_or_insert((now, limit));
    }
    if has(2) && seen.closing.is_some() {
        timers.begin_linger(settings);
    }
    let snapshot = Snapshot {
        received: has(3),
        waiting: has(4),
        queued: has(5),
        held_back: has(5) && has(6),
        closing: seen.closing.is_some(),
    };
    let action = timers.tick(settings, snapshot, now).action;
    seen.pinged &= !snapshot.received;
    check(settings, snapshot, seen, now, action);
    seen.pinged |= action == Action::Ping;
    !matches!(action, Action::End(_))
}

fn check(settings: &Settings, snapshot: Snapshot, seen: &Seen, now: Duration, action: Action) {
    match action {
        Action::None => {}
        Action::Ping => assert!(settings.heartbeat.is_some() && !snapshot.closing),
        Action::End(Timeout::Heartbeat) => assert!(seen.pinged && snapshot.waiting),
        Action::End(Timeout::Idle) => assert!(snapshot.waiting && !snapshot.closing),
        Action::End(Timeout::WriteStall) => assert!(snapshot.queued),
        Action::End(Timeout::Close) => return assert!(seen.closing.is_some()),
    }
    if let Some((begun, limit)) = seen.closing {
        // Time is counted in whole milliseconds.
        let limit = limit.saturating_add(Duration::from_millis(1));
        assert!(now - begun < limit, "the end is put off");
    }
}
