//! Heartbeats and timeouts: the core's [`Timers`] decide, and the link carries out.
//!
//! [`Timers`]: bowsprit_proto::timers::Timers

use std::{sync::Arc, time::Duration};

use bowsprit_proto::timers::{Action, Snapshot, Timeout};

use super::{Link, Out};
use crate::{ConnectionConfig, TimeoutKind, error::EndReason};

impl Link {
    /// Drops a compression context that was not used since the last call.
    pub(super) fn drop_idle_compressor(self: &Arc<Self>) {
        self.lock().queue.drop_idle_compressor();
    }

    /// Looks at the timers, and at who reads; `now` is the time on the timer task's clock.
    pub(super) fn sweep(self: &Arc<Self>, now: Duration) {
        self.sweep_timers(now);
        self.sweep_reading();
    }

    fn sweep_timers(self: &Arc<Self>, now: Duration) {
        let mut out = self.lock();
        if out.has_ended() {
            return;
        }
        let is_written = out.queue.is_written();
        let seen = Snapshot {
            received: self.reading.take_received(),
            waiting: self.reading.is_anybody_waiting(),
            queued: !is_written || out.unflushed,
            held_back: is_written && out.unflushed,
            closing: out.queue.is_closing() || out.is_leaving(),
        };
        out.sweep_turns(self.config());
        let ticked = out.timers.tick(&self.config().timers(), seen, now);
        if ticked.ask_reader {
            // Whoever has stopped reading need not tell us, so ask whether somebody still does.
            self.reading.ask();
            out.wake_reading_task();
        }
        match ticked.action {
            Action::None => {}
            Action::Ping => {
                drop(out);
                // Whatever closes it meanwhile needs no ping.
                let _pinged = self.measure_round_trip();
                // At once, not when all others have been swept: the time until the pong is
                // measured.
                self.write_out();
            }
            Action::End(timeout) => {
                let cause = match timeout {
                    Timeout::Heartbeat => EndReason::TimedOut(TimeoutKind::Heartbeat),
                    Timeout::Idle => EndReason::TimedOut(TimeoutKind::Idle),
                    Timeout::WriteStall => EndReason::TimedOut(TimeoutKind::WriteStall),
                    Timeout::Close => out.cut_cause(),
                };
                self.end(&mut out, cause);
            }
        }
    }
}

impl Out {
    /// Why a connection has ended whose end has taken more than it may.
    pub(super) fn cut_cause(&self) -> EndReason {
        if self.queue.peer_close().is_some() {
            // Both close frames are through; only the application did not wait for the end.
            EndReason::Closed
        } else if self.is_leaving() {
            EndReason::Terminated
        } else {
            EndReason::TimedOut(TimeoutKind::Close)
        }
    }

    /// Begins the time for the end of the connection, if it has not begun.
    pub(super) fn begin_end(&mut self, config: &ConnectionConfig) {
        let queued_len = self.queue.len();
        self.timers.begin_close(&config.timers(), queued_len);
    }
}
