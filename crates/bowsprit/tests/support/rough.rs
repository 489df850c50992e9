//! A transport that can be slow, and can fail at a chosen operation.

use std::{
    io,
    pin::Pin,
    sync::{Arc, Mutex, MutexGuard},
    task::{Context, Poll, ready},
};

use tokio::io::{AsyncRead, AsyncWrite, DuplexStream, ReadBuf, duplex};

/// What is asked of a transport.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Op {
    Read,
    Write,
    Flush,
    Shutdown,
}

impl Op {
    pub(crate) const ALL: [Self; 4] = [Self::Read, Self::Write, Self::Flush, Self::Shutdown];
}

/// What goes wrong.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Fault {
    /// The connection is reset, for good.
    Reset,
    /// Nothing more comes, or is taken.
    End,
    /// One byte only, once.
    OneByte,
    /// Not yet, once.
    Delay,
    /// Not now and not later.
    Stall,
}

impl Fault {
    pub(crate) const ALL: [Self; 5] =
        [Self::Reset, Self::End, Self::OneByte, Self::Delay, Self::Stall];

    /// Whether a connection should not notice.
    pub(crate) const fn is_harmless(self) -> bool {
        matches!(self, Self::OneByte | Self::Delay)
    }
}

/// The end of a duplex stream whose operations a [`Control`] can disturb.
#[derive(Debug)]
pub(crate) struct Rough {
    io: DuplexStream,
    control: Control,
}

/// Disturbs a [`Rough`] transport, also while it is in use.
#[derive(Clone, Debug, Default)]
pub(crate) struct Control(Arc<Mutex<Plan>>);

#[derive(Debug, Default)]
struct Plan {
    /// How often each operation is not ready before it is done.
    pauses: usize,
    /// The most that an operation moves; no limit if 0.
    piece: usize,
    fault: Option<(Op, usize, Fault)>,
    /// By operation: how many were asked for, and how often the present one was not ready.
    counts: [usize; 4],
    paused: [usize; 4],
    /// The fault has happened; nothing works any more after some.
    struck: bool,
    /// Takes the place of the next byte that is written.
    forged: Option<u8>,
}

/// A rough transport and its other end, which is a smooth one.
pub(crate) fn rough(buffer_len: usize) -> (Rough, DuplexStream, Control) {
    let (io, peer) = duplex(buffer_len);
    let control = Control::default();
    (Rough::new(io, control.clone()), peer, control)
}

impl Rough {
    pub(crate) const fn new(io: DuplexStream, control: Control) -> Self {
        Self { io, control }
    }
}

impl Control {
    /// From now on every operation is pending so many times, and moves so much at most.
    pub(crate) fn slow_down(&self, pauses: usize, piece: usize) {
        let mut plan = self.plan();
        (plan.pauses, plan.piece) = (pauses, piece);
    }

    /// Lets the `n`th operation of a kind fail; the first is number 1.
    pub(crate) fn fail_at(&self, op: Op, n: usize, fault: Fault) {
        self.plan().fault = Some((op, n, fault));
    }

    /// Puts another byte in the place of the next one that is written.
    pub(crate) fn forge(&self, byte: u8) {
        self.plan().forged = Some(byte);
    }

    /// Whether the fault has happened.
    pub(crate) fn has_struck(&self) -> bool {
        self.plan().struck
    }

    fn plan(&self) -> MutexGuard<'_, Plan> {
        self.0.lock().unwrap()
    }
}

/// What is to become of an operation.
enum Way {
    /// At most so many bytes.
    Through(usize),
    /// It moves nothing.
    Nothing,
}

impl Plan {
    fn begin(&mut self, op: Op, cx: &Context<'_>) -> Poll<io::Result<Way>> {
        let index = op as usize;
        if self.paused[index] < self.pauses {
            self.paused[index] += 1;
            cx.waker().wake_by_ref();
            return Poll::Pending;
        }
        self.paused[index] = 0;
        self.counts[index] += 1;
        let limit = if self.piece == 0 { usize::MAX } else { self.piece };
        let Some((faulty, n, fault)) = self.fault else {
            return Poll::Ready(Ok(Way::Through(limit)));
        };
        let now = faulty == op && self.counts[index] == n;
        self.struck |= now;
        match fault {
            Fault::Reset if self.struck => Poll::Ready(Err(io::ErrorKind::ConnectionReset.into())),
            Fault::End if self.struck && faulty == op => Poll::Ready(Ok(Way::Nothing)),
            Fault::Stall if self.struck && faulty == op => Poll::Pending,
            Fault::OneByte if now => Poll::Ready(Ok(Way::Through(1))),
            Fault::Delay if now => {
                cx.waker().wake_by_ref();
                Poll::Pending
            }
            _ => Poll::Ready(Ok(Way::Through(limit))),
        }
    }
}

impl AsyncRead for Rough {
    fn poll_read(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        match ready!(this.control.plan().begin(Op::Read, cx))? {
            Way::Nothing => Poll::Ready(Ok(())),
            Way::Through(limit) => {
                let mut piece = vec![0; buf.remaining().min(limit)];
                let mut piece = ReadBuf::new(&mut piece);
                ready!(Pin::new(&mut this.io).poll_read(cx, &mut piece))?;
                buf.put_slice(piece.filled());
                Poll::Ready(Ok(()))
            }
        }
    }
}

impl AsyncWrite for Rough {
    fn poll_write(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &[u8],
    ) -> Poll<io::Result<usize>> {
        let this = self.get_mut();
        let mut plan = this.control.plan();
        let Way::Through(limit) = ready!(plan.begin(Op::Write, cx))? else {
            return Poll::Ready(Ok(0));
        };
        let piece = &buf[..buf.len().min(limit)];
        let Some(forged) = plan.forged else { return Pin::new(&mut this.io).poll_write(cx, piece) };
        let written = ready!(Pin::new(&mut this.io).poll_write(cx, &[forged]))?;
        plan.forged = None;
        Poll::Ready(Ok(written))
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        match ready!(this.control.plan().begin(Op::Flush, cx))? {
            Way::Nothing => Poll::Ready(Err(io::ErrorKind::BrokenPipe.into())),
            Way::Through(_) => Pin::new(&mut this.io).poll_flush(cx),
        }
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        match ready!(this.control.plan().begin(Op::Shutdown, cx))? {
            Way::Nothing => Poll::Ready(Err(io::ErrorKind::BrokenPipe.into())),
            Way::Through(_) => Pin::new(&mut this.io).poll_shutdown(cx),
        }
    }
}
