//! How long `connect` waits for messages once its input has ended.

use std::{cell::Cell, fmt, io::IsTerminal, time::Duration};

use tokio::{
    sync::Notify,
    time::{Instant, sleep_until},
};

/// How long nothing may come.
#[derive(Clone, Copy)]
pub(crate) enum Wait {
    For(Duration),
    Forever,
}

impl Wait {
    /// Who types sees what has come, and knows when it is enough.
    pub(crate) fn default_for(stdin: &impl IsTerminal) -> Self {
        Self::For(if stdin.is_terminal() { Duration::ZERO } else { Duration::from_secs(5) })
    }
}

/// `forever`, or a number with `ms`, `s` (also left out), `m` or `h`.
pub(crate) fn parse(text: &str) -> Result<Wait, String> {
    if text == "forever" {
        return Ok(Wait::Forever);
    }
    let unit_start = text.find(|c: char| !c.is_ascii_digit() && c != '.').unwrap_or(text.len());
    let (number, unit) = text.split_at(unit_start);
    let scale = match unit {
        "ms" => 0.001,
        "" | "s" => 1.0,
        "m" => 60.0,
        "h" => 3600.0,
        _ => return Err("the unit is not ms, s, m or h".to_owned()),
    };
    let number: f64 = number.parse().map_err(|_| "this is no number of seconds, nor forever")?;
    let wait = Duration::try_from_secs_f64(number * scale).map_err(|error| error.to_string())?;
    Ok(Wait::For(wait))
}

impl fmt::Display for Wait {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::For(wait) => write!(f, "{wait:?}"),
            Self::Forever => f.write_str("forever"),
        }
    }
}

/// When something happened last, from the end of the input on.
pub(crate) struct Activity {
    last: Cell<Instant>,
    input_ended: Notify,
}

impl Activity {
    pub(crate) fn new() -> Self {
        Self { last: Cell::new(Instant::now()), input_ended: Notify::new() }
    }

    /// A message has come.
    pub(crate) fn note_message(&self) {
        self.last.set(Instant::now());
    }

    /// There is nothing more to send.
    pub(crate) fn note_end_of_input(&self) {
        self.last.set(Instant::now());
        self.input_ended.notify_one();
    }

    /// Waits until the input has ended and nothing has come for so long.
    pub(crate) async fn quiet_for(&self, wait: Wait) {
        self.input_ended.notified().await;
        let Wait::For(wait) = wait else { return std::future::pending().await };
        // Too long for the clock is forever.
        while let Some(end) = self.last.get().checked_add(wait) {
            if Instant::now() >= end {
                return;
            }
            sleep_until(end).await;
        }
        std::future::pending().await
    }
}

#[cfg(test)]
mod tests {
    use std::pin::pin;

    use tokio::time::{advance, timeout};

    use super::*;

    #[test]
    fn times_have_units() {
        for (text, shown) in [
            ("200ms", "200ms"),
            ("0.2", "200ms"),
            ("5", "5s"),
            ("1.5s", "1.5s"),
            ("2m", "120s"),
            ("1h", "3600s"),
            ("0", "0ns"),
            ("forever", "forever"),
        ] {
            assert_eq!(parse(text).map(|wait| wait.to_string()), Ok(shown.to_owned()), "{text}");
        }
        for text in ["", "s", "-1", "5d", "1 s", "1..2", "ever", "99999999999999999999h"] {
            assert!(parse(text).is_err(), "{text}");
        }
    }

    #[tokio::test(start_paused = true)]
    async fn each_message_and_the_end_of_the_input_start_the_wait_anew() {
        const SECOND: Duration = Duration::from_secs(1);
        let activity = Activity::new();
        let mut quiet = pin!(activity.quiet_for(Wait::For(5 * SECOND)));
        assert!(timeout(3600 * SECOND, &mut quiet).await.is_err(), "the input has not ended");
        activity.note_end_of_input();
        assert!(timeout(4 * SECOND, &mut quiet).await.is_err());
        activity.note_message();
        assert!(timeout(4 * SECOND, &mut quiet).await.is_err());
        advance(SECOND).await;
        quiet.await;
    }

    #[tokio::test(start_paused = true)]
    async fn forever_has_no_end() {
        let activity = Activity::new();
        activity.note_end_of_input();
        for wait in [Wait::Forever, Wait::For(Duration::MAX)] {
            let year = Duration::from_secs(365 * 86_400);
            assert!(timeout(year, activity.quiet_for(wait)).await.is_err(), "{wait}");
        }
    }
}
