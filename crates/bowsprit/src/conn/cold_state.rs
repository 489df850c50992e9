//! What few connections have, behind one pointer.

use std::{any::Any, sync::Arc};

use tracing::Span;

#[cfg(feature = "server")]
use super::Membership;
use super::{Link, Out, lock::Spent};
use crate::{
    CloseCode, ConnectionConfig, Role,
    error::EndReason,
    stats::{CloseKind, Policy, Side},
};

/// Something of the application's.
type Data = Arc<dyn Any + Send + Sync>;

/// Something of the layer above's, to be dropped when all have been told that the connection is
/// over, and its lock is free.
pub(crate) trait Keep: Any + Send {
    /// The connection is over, but not all have been told. Called under its lock, more than once;
    /// returns what is to be dropped when the lock is free.
    fn on_over(&mut self) -> Option<Box<dyn Send>>;
}

pub(crate) type Kept = Box<dyn Keep>;

#[derive(Default)]
pub(super) struct ColdState {
    data: Option<Data>,
    kept: Option<Kept>,
    /// The first close frame of either side.
    first_close: Option<(Side, CloseCode)>,
    /// Publications that were left out.
    pub(super) dropped: u64,
    /// The application has dropped the connection, and what it has sent is still on its way.
    pub(super) is_leaving: bool,
    /// If anybody collects spans. Shared, as cloning a span runs the subscriber.
    span: Option<Arc<Span>>,
}

/// Who knows that a connection is over.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Telling {
    None,
    /// Those who want to know are being told.
    Begun,
    Done,
}

/// How a connection has ended, as it is told.
pub(super) struct End {
    kind: CloseKind,
    code: CloseCode,
    span: Option<Arc<Span>>,
}

impl Link {
    /// Keeps this for the application, unless it is too late; returns what is to be dropped.
    pub(crate) fn set_data(self: &Arc<Self>, data: Data) -> Option<Data> {
        let mut out = self.lock();
        if out.telling == Telling::Done && self.is_abandoned() {
            return Some(data);
        }
        out.cold_state().data.replace(data)
    }

    /// All have been told of the end: gives up what they may have wanted to look at.
    pub(crate) fn on_told(self: &Arc<Self>) {
        let mut out = self.lock();
        out.telling = Telling::Done;
        let data = out.take_data(self);
        let kept = out.cold_state.as_mut().and_then(|cold_state| cold_state.kept.take());
        drop(out);
        drop((data, kept));
    }

    /// Drops the application's data if nobody looks for it any longer.
    pub(super) fn drop_data(self: &Arc<Self>) {
        let data = self.lock().take_data(self);
        drop(data);
    }

    pub(crate) fn data(&self) -> Option<Data> {
        self.look(|out| out.cold_state.as_ref()?.data.clone())
    }

    /// How many publications were left out.
    pub(crate) fn dropped(&self) -> u64 {
        self.look(|out| out.cold_state.as_ref().map_or(0, |cold_state| cold_state.dropped))
    }

    /// Changes what the layer above has the connection keep until its end has been told; `None` if
    /// it has ended, or is about to. That happens under the lock.
    #[inline]
    pub(crate) fn change_kept<T>(
        self: &Arc<Self>,
        change: impl FnOnce(&mut Option<Kept>) -> T,
    ) -> Option<T> {
        let mut out = self.lock();
        if out.over.is_some() || out.is_leaving() {
            return None;
        }
        Some(change(&mut out.cold_state().kept))
    }

    /// Looks at what is kept, if anything is, also when the connection has ended: as long as
    /// somebody is to be told. That happens under the lock.
    pub(crate) fn with_kept<T>(self: &Arc<Self>, look: impl FnOnce(&mut Kept) -> T) -> Option<T> {
        let mut out = self.lock();
        let kept = out.cold_state.as_mut()?.kept.as_mut()?;
        Some(look(kept))
    }

    /// Whether it is on a list of the layer above, or about to join it. The list tells of the end
    /// as the last, and [says so](Self::on_told).
    pub(super) fn is_listed(&self) -> bool {
        self.counters().role() == Role::Server
    }

    /// Stays on this list until it ends.
    #[cfg(feature = "server")]
    pub(crate) fn join(self: &Arc<Self>, membership: Membership) {
        let mut out = self.lock();
        out.membership = Some(membership);
        if out.has_ended() {
            // Nothing else will have it given up.
            out.due();
        }
    }
}

/// What is told of a connection.
impl Link {
    /// Keeps the span of the connection until it ends.
    pub(crate) fn keep_span(self: &Arc<Self>, span: Span) {
        let before = self.lock().cold_state().span.replace(Arc::new(span));
        drop(before);
    }

    /// The span of the connection, if anybody collects it.
    pub(crate) fn span(&self) -> Option<Span> {
        let span = self.look(|out| out.cold_state.as_ref()?.span.clone())?;
        Some(Span::clone(&span))
    }

    /// Runs what tells of this connection, wherever we are.
    pub(crate) fn in_span<T>(&self, tell: impl FnOnce() -> T) -> T {
        match self.span() {
            Some(span) => span.in_scope(tell),
            None => tell(),
        }
    }

    /// Tells that the connection has ended. Not under the lock: who listens may send.
    pub(super) fn tell_end(&self, end: &End) {
        let End { kind, code, ref span } = *end;
        self.counters().ended(kind, code, self.info.age());
        let tell = || {
            if kind == CloseKind::WriteStall {
                // The peer sees nothing but a reset, so it is told here.
                let peer = self.info.peer_addr();
                tracing::info!(
                    ?peer,
                    "a connection was cut, as the peer took no data for too long"
                );
            }
            tracing::debug!(by = kind.name(), %code, "connection ended");
        };
        match span {
            Some(span) => span.in_scope(tell),
            None => tell(),
        }
    }
}

impl Out {
    pub(super) fn cold_state(&mut self) -> &mut ColdState {
        self.cold_state.get_or_insert_default()
    }

    /// Notes whose close frame was the first, and begins the time for the end. Nothing more may be
    /// sent, so nobody need wait for room.
    pub(super) fn on_close(&mut self, side: Side, code: CloseCode, config: &ConnectionConfig) {
        self.collect(Policy::Closed);
        self.begin_end(config);
        self.wake_closing();
        self.cold_state().first_close.get_or_insert((side, code));
    }

    /// The application's data once nobody looks for it any longer: neither a half, nor who is told
    /// of the end. It may hold a handle, and would keep the link for ever.
    fn take_data(&mut self, link: &Link) -> Option<Data> {
        let is_over = self.telling == Telling::Done && link.is_abandoned();
        self.cold_state.as_mut().filter(|_| is_over)?.data.take()
    }

    /// Has what is kept for the layer above know that the connection is over.
    pub(super) fn end_kept(&mut self) {
        let kept = self.cold_state.as_mut().and_then(|cold_state| cold_state.kept.as_mut());
        if let Some(spent) = kept.and_then(|kept| kept.on_over()) {
            self.spend(Spent::OfKept(spent));
        }
    }

    /// Whether the application has dropped the connection.
    pub(super) fn is_leaving(&self) -> bool {
        self.cold_state.as_ref().is_some_and(|cold_state| cold_state.is_leaving)
    }

    /// Has the end told of a connection that is over, and gives up its place on a list when it has
    /// ended.
    pub(super) fn finish(&mut self, cause: EndReason) {
        if self.telling == Telling::None {
            self.telling = Telling::Begun;
            // With the peer's close frame it is over for whoever reads, whatever becomes of ours.
            let cause = if self.queue.peer_close().is_some() { EndReason::Closed } else { cause };
            let cold_state = self.cold_state.as_ref();
            let first_close = cold_state.and_then(|cold_state| cold_state.first_close);
            let (kind, code) = CloseKind::of(cause, first_close);
            let span = cold_state.and_then(|cold_state| cold_state.span.clone());
            self.due().end = Some(End { kind, code, span });
        }
        self.end_kept();
        #[cfg(feature = "server")]
        if self.has_ended()
            && let Some(membership) = self.membership.take()
        {
            self.spend(Spent::Membership(membership));
        }
    }
}
