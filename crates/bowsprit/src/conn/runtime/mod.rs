//! What the connections of a tokio runtime share: a task that writes out, a task that looks at the
//! timers, and threads that compress.

mod flusher;
mod timer_task;
mod workers;

pub(super) use self::flusher::Helpers;
