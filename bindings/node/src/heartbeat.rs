//! Heartbeats of all connections of an environment, which have one timer together.
//!
//! What JavaScript observes of a connection is one byte, in a Buffer with a byte for each number of
//! a connection. Its bits are read, and the first is cleared, when the timer fires. So a message
//! costs an assignment in JavaScript, and no call.

use core::time::Duration;

use bowsprit_proto::timers::{Action, Heartbeat, Settings, Snapshot, Timers};
use slab::Slab;

use crate::{
    addon::Addon,
    args::{Args, Misuse, Value},
    compression::CLOSED,
};

/// Bytes have been received.
const RECEIVED: u8 = 1;
/// The socket is read from.
const WAITING: u8 = 2;
/// A ping waits to be written.
const QUEUED: u8 = 4;

/// What JavaScript has to do.
const PING: i32 = 1;
const END: i32 = 2;

const INT: usize = size_of::<i32>();

/// Connections whose peers are asked if they are alive.
#[derive(Default)]
pub(crate) struct Heartbeats(Slab<Beating>);

struct Beating {
    /// In milliseconds, which takes less memory than two `Duration`s.
    interval: u32,
    timeout: u32,
    timers: Timers,
}

impl Heartbeats {
    pub(crate) fn len(&self) -> usize {
        self.0.len()
    }
}

impl Beating {
    /// `ws` has a timer of its own for closing, and none for the rest.
    fn settings(&self) -> Settings {
        let millis = |millis: u32| Duration::from_millis(millis.into());
        Settings::DEFAULT
            .heartbeat(Some(Heartbeat::new(millis(self.interval), millis(self.timeout))))
            .write_stall_timeout(None)
            .close_timeout(Duration::MAX)
            .linger_timeout(Duration::MAX)
    }

    /// How often the timer has to fire for this connection, in milliseconds.
    fn delay(&self) -> i32 {
        i32::try_from(self.settings().tick_interval().as_millis()).unwrap_or(i32::MAX)
    }

    fn tick(&mut self, state: &mut u8, now: Duration) -> Action {
        let seen = Snapshot {
            received: *state & RECEIVED != 0,
            waiting: *state & WAITING != 0,
            queued: *state & QUEUED != 0,
            ..Snapshot::default()
        };
        *state &= !RECEIVED;
        let settings = self.settings();
        self.timers.tick(&settings, seen, now).action
    }
}

/// `openHeartbeat(interval, timeout) -> id`, in milliseconds.
pub(crate) fn open(addon: &mut Addon, args: &Args) -> Result<Value, Misuse> {
    let millis = |index| u32::try_from(args.int(index)?).map_err(|_| Misuse("a time is positive"));
    let (interval, timeout) = (millis(0)?, millis(1)?);
    let id = addon.heartbeats.0.insert(Beating { interval, timeout, timers: Timers::new() });
    Ok(Value::Int(i32::try_from(id).map_err(|_| Misuse("too many connections"))?))
}

/// `closeHeartbeat(id)`.
pub(crate) fn close(addon: &mut Addon, args: &Args) -> Result<Value, Misuse> {
    let _closed = addon.heartbeats.0.try_remove(args.size(0)?);
    Ok(Value::Undefined)
}

/// `heartbeatDelay(id) -> number`: after how many milliseconds to call `tickHeartbeats` next.
pub(crate) fn delay(addon: &mut Addon, args: &Args) -> Result<Value, Misuse> {
    let beating = addon.heartbeats.0.get(args.size(0)?).ok_or(CLOSED)?;
    Ok(Value::Int(beating.delay()))
}

/// `tickHeartbeats(now, states, actions) -> count`: what is to be done now, in milliseconds of a
/// clock that is not set. `actions` is an array of `int32`: after how many milliseconds to call
/// this next, or 0 if there is no connection, then two numbers for each action: of which
/// connection, and what. It needs room for an action of each connection.
pub(crate) fn tick(addon: &mut Addon, args: &Args) -> Result<Value, Misuse> {
    let now = Duration::try_from_secs_f64(args.number(0)? / 1e3).unwrap_or_default();
    let states = args.bytes_mut(1, 0)?;
    let (next, mut actions) =
        args.bytes_mut(2, 0)?.split_at_mut_checked(INT).ok_or(Misuse("there is no room"))?;
    let mut delay = i32::MAX;
    let mut count = 0;
    for (id, beating) in &mut addon.heartbeats.0 {
        delay = delay.min(beating.delay());
        let state = states.get_mut(id).ok_or(Misuse("a connection has no state"))?;
        let action = match beating.tick(state, now) {
            Action::None => continue,
            Action::Ping => PING,
            Action::End(_) => END,
        };
        let (record, rest) =
            actions.split_at_mut_checked(2 * INT).ok_or(Misuse("there is no room"))?;
        let id = i32::try_from(id).map_err(|_| Misuse("too many connections"))?;
        record[..INT].copy_from_slice(&id.to_ne_bytes());
        record[INT..].copy_from_slice(&action.to_ne_bytes());
        actions = rest;
        count += 1;
    }
    let delay = if delay == i32::MAX { 0 } else { delay };
    next.copy_from_slice(&delay.to_ne_bytes());
    Ok(Value::Int(count))
}
