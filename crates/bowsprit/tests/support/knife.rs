//! Drops futures in the middle.

use std::{
    future::poll_fn,
    pin::pin,
    task::{Context, Poll},
};

/// Drops futures after a number of polls.
#[derive(Debug)]
pub(crate) struct Knife {
    at: usize,
    style: Style,
    cuts: usize,
}

/// How [`Knife::insist`] goes on after it has dropped a future.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Style {
    /// The next one runs to its end, so it has to see to its own waking.
    Once,
    /// The next one is dropped as well, if it is not done by then.
    Always,
}

impl Knife {
    /// Runs a future, but for so many polls only. `None` if it was dropped.
    pub(crate) async fn cut<F: Future>(&mut self, future: F) -> Option<F::Output> {
        let mut polls = 0;
        let mut future = pin!(future);
        let result = poll_fn(|cx: &mut Context<'_>| {
            if polls == self.at {
                return Poll::Ready(None);
            }
            polls += 1;
            match future.as_mut().poll(cx) {
                Poll::Ready(output) => Poll::Ready(Some(output)),
                Poll::Pending if polls == self.at => Poll::Ready(None),
                Poll::Pending => Poll::Pending,
            }
        })
        .await;
        self.cuts += usize::from(result.is_none());
        result
    }

    /// Makes a call again and again until one of its futures gets to its end.
    pub(crate) async fn insist<T>(&mut self, mut call: impl AsyncFnMut() -> T) -> T {
        loop {
            if let Some(output) = self.cut(call()).await {
                return output;
            }
            match self.style {
                Style::Once => return call().await,
                // What was dropped may have taken the wake-up along.
                Style::Always => tokio::task::yield_now().await,
            }
        }
    }

    /// Whether something was dropped.
    pub(crate) const fn has_cut(&self) -> bool {
        self.cuts > 0
    }
}

/// Runs a scenario with futures dropped before their first poll, after it, after their second, and
/// so on, until none is dropped any more. Returns how many polls the longest one took.
pub(crate) async fn at_every_poll(scenario: impl AsyncFn(&mut Knife)) -> usize {
    let mut longest = 0;
    for (style, first) in [(Style::Once, 0), (Style::Always, 1)] {
        for at in first.. {
            let mut knife = Knife { at, style, cuts: 0 };
            scenario(&mut knife).await;
            if !knife.has_cut() {
                longest = longest.max(at);
                break;
            }
        }
    }
    longest
}
