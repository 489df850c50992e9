//! The link: the writing side of a connection, shared by all who send on it.
//!
//! A link has the core's [`SendQueue`] and the write half of the transport, behind a mutex that is
//! held for the time of a few copies or one system call, and never across an await.
//! Nothing [foreign](lock) runs under it but the transport's writing.
//!
//! Whoever sends takes the lock, asks the queue, takes note of what comes back (what was sent, left
//! out, or is to be compressed on another thread) and requests that it is written out. What that
//! leads to outside of the link happens when the lock is given back.
//!
//! Sending *queues*; the queue is written out when the task that sends has ended its current poll:
//! by the [`serve`](crate::server::BoundServer::serve) wrapper for handlers, else by the
//! [flusher](runtime) of the runtime. So whatever a task sends in one go leaves in one
//! write, and nothing waits for the application to come back.
//!
//! The transport is always polled with the link's own waker. A reader that sends pongs and a task
//! that sends messages would otherwise overwrite each other's wakers, for a transport keeps one per
//! direction.

mod cold_state;
mod control;
mod enqueue;
mod info;
mod lifecycle;
mod lock;
#[cfg(feature = "server")]
mod membership;
mod publish;
mod read;
mod reading;
mod resources;
mod runtime;
mod send;
mod timers;
mod wait;
mod write;

#[cfg(any(feature = "tls", feature = "native-tls"))]
use std::any::Any;
use std::{
    fmt,
    net::SocketAddr,
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicBool, AtomicU8},
    },
    task::Waker,
};

use bowsprit_proto::{
    queue::SendQueue,
    timers::{RoundTrip, Timers},
};
use crossbeam_utils::atomic::AtomicCell;

#[cfg(feature = "server")]
pub(crate) use self::membership::{List, Membership};
use self::{
    cold_state::{ColdState, Telling},
    lock::{Foreign, Holding, LinkGuard, Waiting},
    reading::Reading,
    resources::Pooled,
    runtime::Helpers,
};
pub(crate) use self::{
    cold_state::{Keep, Kept},
    info::{Info, Opening},
    read::{Reader, Want},
    send::Sending,
};
use crate::{
    Close, ConnectionConfig, PreparedMessage, Sender, State,
    error::EndReason,
    shared_config::SharedConfig,
    stats::{Counters, PendingCounts},
    transport::WriteHalf,
};

/// What the tasks of one connection share.
pub(crate) struct Link {
    out: Mutex<Out>,
    /// On the flusher's list, or to be flushed when the handler's poll ends.
    scheduled: AtomicBool,
    /// As [`Out::has_ended`]; can be asked without the lock.
    ended: AtomicBool,
    reading: Reading,
    /// How many halves of the connection the application holds: 0 to 2.
    halves: AtomicU8,
    /// The reader, unless it is lent to whoever looks at what it has read.
    place: AtomicCell<Option<Box<Reader>>>,
    helpers: Arc<Helpers>,
    shared_config: Arc<SharedConfig>,
    /// Apart, as it is seldom looked at: the allocator has room for it between larger things.
    info: Box<Info>,
}

/// Each connection has one. With a word more, the allocator would take two.
#[cfg(all(test, target_pointer_width = "64"))]
const _: () = assert!(size_of::<Link>() <= 280, "a link has grown");

struct Out {
    queue: SendQueue<PreparedMessage>,
    /// Until the connection ends.
    write: Option<Foreign<WriteHalf>>,
    /// Bytes were written that the transport may still hold back.
    unflushed: bool,
    /// Why it is over for the application. There may still be the end of the transport to await.
    over: Option<EndReason>,
    timers: Timers,
    round_trip: RoundTrip,
    /// The task of a `serve` wrapper, which closes the connection when the application has dropped
    /// it; else the one that reads.
    task: Option<Waker>,
    served: bool,
    /// The task that reads, if it is another one than that.
    reader: Option<Box<Waker>>,
    /// Who waits for the connection, and what is done when the lock is given back, while there is
    /// anybody or anything.
    waiting: Option<Box<Waiting>>,
    /// The link is put onto the flusher's list when the lock is given back.
    flush_due: bool,
    /// Messages that were queued since something was written.
    tally: PendingCounts,
    /// Who knows that it is over.
    telling: Telling,
    /// Its place on a list of the layer above.
    #[cfg(feature = "server")]
    membership: Option<Membership>,
    /// What few connections have.
    cold_state: Option<Box<ColdState>>,
}

impl Link {
    /// A link for an open connection.
    ///
    /// # Panics
    ///
    /// Outside of a tokio runtime, or in one without timers.
    pub(crate) fn new(
        sender: Sender,
        write: WriteHalf,
        info: Info,
        shared_config: Arc<SharedConfig>,
    ) -> Arc<Self> {
        let out = Out {
            queue: SendQueue::new(sender),
            write: Some(Foreign(write)),
            unflushed: false,
            over: None,
            timers: Timers::new(),
            round_trip: RoundTrip::new(),
            task: None,
            served: false,
            reader: None,
            waiting: None,
            flush_due: false,
            tally: PendingCounts::default(),
            telling: Telling::None,
            #[cfg(feature = "server")]
            membership: None,
            cold_state: None,
        };
        let link = Arc::new(Self {
            out: Mutex::new(out),
            scheduled: AtomicBool::new(false),
            ended: AtomicBool::new(false),
            reading: Reading::new(),
            halves: AtomicU8::new(2),
            place: AtomicCell::new(None),
            helpers: Helpers::of_current_runtime(),
            shared_config,
            info: Box::new(info),
        });
        link.helpers.watch(&link);
        link
    }

    pub(crate) fn info(&self) -> &Info {
        &self.info
    }

    /// Tells it from all other connections of this process.
    pub(crate) fn id(&self) -> u64 {
        self.info.id()
    }

    pub(crate) fn config(&self) -> &ConnectionConfig {
        &self.shared_config.config
    }

    /// What the queue may hold and borrow.
    #[inline]
    fn resources(&self) -> Pooled<'_> {
        Pooled(self.config())
    }

    pub(crate) fn counters(&self) -> &Counters {
        &self.shared_config.counters
    }

    /// How far the closing handshake has come.
    pub(crate) fn state(&self) -> State {
        self.look(|out| {
            if out.over.is_some() || out.is_leaving() {
                return State::Closed;
            }
            State::of(out.queue.peer_close().is_some(), out.queue.is_closing())
        })
    }

    pub(crate) fn peer_close(&self) -> Option<Close<'static>> {
        self.look(|out| out.queue.peer_close().cloned())
    }

    /// The address of our end of the transport, of TCP, until the connection ends.
    pub(crate) fn local_addr(&self) -> Option<SocketAddr> {
        self.look(|out| out.transport()?.local_addr())
    }

    /// Asks the transport, until the connection ends, if it is another one than a socket.
    #[cfg(any(feature = "tls", feature = "native-tls"))]
    pub(crate) fn ask_transport<T>(&self, ask: impl FnOnce(&dyn Any) -> Option<T>) -> Option<T> {
        self.look(|out| out.transport()?.ask(ask))
    }

    /// Bytes that wait to be written.
    pub(crate) fn queued_len(&self) -> usize {
        self.look(|out| out.queue.len())
    }

    #[inline]
    fn lock(self: &Arc<Self>) -> LinkGuard<'_> {
        let holding = Holding::begin(self);
        LinkGuard::new(self, holding, self.out.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// Looks at something under the lock.
    fn look<T>(&self, look: impl FnOnce(&Out) -> T) -> T {
        let _holding = Holding::begin(self);
        look(&self.out.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

impl Out {
    /// The transport of a connection that is not over: it may outlive that in the background.
    fn transport(&self) -> Option<&WriteHalf> {
        self.write.as_deref().filter(|_| self.over.is_none())
    }
}

impl fmt::Debug for Link {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Link").field("info", &self.info).field("state", &self.state()).finish()
    }
}
