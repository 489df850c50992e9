//! From a transport to a head, bounded and in linear time however the bytes are cut.

use std::{
    future::poll_fn,
    io,
    pin::Pin,
    task::{Context, Poll, ready},
};

use bytes::Bytes;
use tokio::io::{AsyncRead, ReadBuf};

use super::{
    HeadLimits,
    error::{Fault, HeadError, ReadError},
    parse::{Head, Parsed, parse},
};
use crate::{pool::Block, transport::AnyTransport};

/// While a head is unfinished, what is there of it is kept in steps of this size, and longer ones
/// in memory that doubles.
const STEP_LEN: usize = 512;

/// Reads one head.
#[derive(Debug)]
pub(crate) struct HeadReader {
    limits: HeadLimits,
    /// What is there of an unfinished head, without the empty lines before it.
    kept: Vec<u8>,
    stage: Stage,
}

/// The beginning is parsed at once, so that what is not HTTP fails without waiting for a line's
/// end; the first line when it is whole; and then the head.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Stage {
    /// So many bytes of empty lines have come.
    Beginning {
        skipped: usize,
    },
    /// The end is not among so many bytes.
    FirstLine {
        searched: usize,
    },
    Fields {
        searched: usize,
    },
}

/// A head that is whole.
#[derive(Debug)]
pub(crate) struct Received<H> {
    pub(crate) head: H,
    /// The head itself.
    pub(crate) bytes: Bytes,
    /// What came after it.
    pub(crate) rest: Bytes,
}

impl HeadReader {
    pub(crate) const fn new(limits: HeadLimits) -> Self {
        Self { limits, kept: Vec::new(), stage: Stage::Beginning { skipped: 0 } }
    }

    /// What is wrong where interim responses do not end.
    #[cfg(feature = "client")]
    pub(crate) const fn too_many_interim(max: usize) -> HeadError {
        HeadError { kind: <http::Response<()>>::KIND, fault: Fault::TooManyInterim(max) }
    }

    /// Reads a head that begins with `received`, which were read before.
    ///
    /// # Errors
    ///
    /// The transport fails or ends, or what comes is not a head or beyond the limits.
    #[cfg(any(feature = "client", test))]
    pub(crate) async fn read<H: Head>(
        &mut self,
        io: &mut AnyTransport,
        received: &[u8],
    ) -> Result<Received<H>, ReadError> {
        match self.begin(received)? {
            Some(head) => Ok(head),
            None => poll_fn(|cx| self.poll_read(cx, io)).await,
        }
    }

    /// Begins with what was read before: the head if it is whole.
    ///
    /// # Errors
    ///
    /// It is not a head, or beyond the limits.
    pub(crate) fn begin<H: Head>(
        &mut self,
        received: &[u8],
    ) -> Result<Option<Received<H>>, ReadError> {
        if received.is_empty() {
            return Ok(None);
        }
        self.take(received).map_err(ReadError::Head)
    }

    /// Reads what is there, without waiting for more: the head if it is whole.
    #[cfg(feature = "server")]
    pub(crate) async fn read_now<H: Head>(
        &mut self,
        io: &mut AnyTransport,
    ) -> Option<Result<Received<H>, ReadError>> {
        poll_fn(|cx| match self.poll_read(cx, io) {
            Poll::Ready(read) => Poll::Ready(Some(read)),
            Poll::Pending => Poll::Ready(None),
        })
        .await
    }

    /// Whether anything has come.
    #[cfg(feature = "server")]
    pub(crate) fn has_begun(&self) -> bool {
        self.len() > 0
    }

    /// Reads until the head is whole. Between two reads it holds no pooled block.
    pub(crate) fn poll_read<H: Head>(
        &mut self,
        cx: &mut Context<'_>,
        io: &mut AnyTransport,
    ) -> Poll<Result<Received<H>, ReadError>> {
        loop {
            let mut block = Block::to_read();
            let room = self.room().min(block.len());
            let len = poll_read_some(cx, io, &mut block[..room]);
            let taken = len.map(|len| match len {
                Ok(0) => Err(ReadError::Head(self.error::<H>(Fault::Ended(self.len())))),
                Ok(len) => self.take(&block[..len]).map_err(ReadError::Head),
                Err(error) => Err(ReadError::Io(error)),
            });
            if let Some(head) = ready!(taken)? {
                return Poll::Ready(Ok(head));
            }
        }
    }

    /// Takes what has come, at least one byte; `None` while the head is unfinished.
    ///
    /// # Errors
    ///
    /// What has come is not a head, or beyond the limits.
    pub(super) fn take<H: Head>(
        &mut self,
        received: &[u8],
    ) -> Result<Option<Received<H>>, HeadError> {
        if self.kept.is_empty() {
            let input = self.skip_empty_lines(received);
            let found = self.look(input).map_err(|fault| self.error::<H>(fault))?;
            if found.is_none() {
                self.keep(input);
            }
            return self.checked(found);
        }
        self.keep(received);
        let mut kept = std::mem::take(&mut self.kept);
        // The line's second half may have been missing.
        let remaining = self.skip_empty_lines(&kept).len();
        kept.drain(..kept.len() - remaining);
        let found = self.look(&kept);
        self.kept = kept;
        let found = found.map_err(|fault| self.error::<H>(fault))?;
        self.checked(found)
    }

    /// RFC 9112 §2.2: "a server that is expecting to receive and parse a request-line SHOULD ignore
    /// at least one empty line (CRLF) received prior to the request-line".
    fn skip_empty_lines<'i>(&mut self, mut input: &'i [u8]) -> &'i [u8] {
        let len = input.len();
        if let Stage::Beginning { skipped } = &mut self.stage {
            while let [b'\n', rest @ ..] | [b'\r', b'\n', rest @ ..] = input {
                input = rest;
            }
            *skipped += len - input.len();
        }
        input
    }

    /// Parses what is there if that can tell something new.
    fn look<H: Head>(&mut self, input: &[u8]) -> Result<Option<Received<H>>, Fault> {
        if !self.is_recognizable(input) || !self.is_due(input) {
            return Ok(None);
        }
        let Some(Parsed { head, bytes }) = parse(input, self.limits.max_fields)? else {
            return Ok(None);
        };
        let rest = Bytes::copy_from_slice(&input[bytes.len()..]);
        Ok(Some(Received { head, bytes, rest }))
    }

    /// Whether there is enough to tell what it is: a carriage return may be half of an empty line,
    /// and TLS shows in its second byte.
    fn is_recognizable(&self, input: &[u8]) -> bool {
        let is_beginning = matches!(self.stage, Stage::Beginning { .. });
        !(input.is_empty() || is_beginning && matches!(input, b"\r" | [0x14..=0x17]))
    }

    fn is_due(&mut self, input: &[u8]) -> bool {
        let searched = input.len();
        let (is_due, has_line) = match self.stage {
            Stage::Beginning { .. } => (true, input.contains(&b'\n')),
            Stage::FirstLine { searched } => {
                let has_line = input[searched..].contains(&b'\n');
                (has_line, has_line)
            }
            Stage::Fields { searched } => (has_end_after(input, searched), true),
        };
        self.stage = match has_line {
            true => Stage::Fields { searched },
            false => Stage::FirstLine { searched },
        };
        is_due
    }

    fn keep(&mut self, input: &[u8]) {
        let len = self.kept.len() + input.len();
        if len > self.kept.capacity() {
            let wanted = len.next_multiple_of(STEP_LEN).max(match self.kept.len() {
                0..=4096 => 0,
                long => 2 * long,
            });
            self.kept.reserve_exact(wanted - self.kept.len());
        }
        self.kept.extend_from_slice(input);
    }

    /// A head that is unfinished, and one that is whole, within the limits.
    fn checked<H: Head>(
        &self,
        found: Option<Received<H>>,
    ) -> Result<Option<Received<H>>, HeadError> {
        let is_too_long = match &found {
            Some(found) => found.bytes.len() > self.limits.max_len,
            None => self.len() >= self.limits.max_len,
        };
        match is_too_long {
            true => Err(self.error::<H>(Fault::TooLong(self.limits.max_len))),
            false => Ok(found),
        }
    }

    /// How many bytes the head may still have; at least one.
    fn room(&self) -> usize {
        self.limits.max_len.saturating_sub(self.len()).max(1)
    }

    fn len(&self) -> usize {
        let skipped = if let Stage::Beginning { skipped } = self.stage { skipped } else { 0 };
        skipped + self.kept.len()
    }

    fn error<H: Head>(&self, fault: Fault) -> HeadError {
        HeadError { kind: H::KIND, fault }
    }
}

fn poll_read_some(
    cx: &mut Context<'_>,
    io: &mut AnyTransport,
    block: &mut [u8],
) -> Poll<io::Result<usize>> {
    let mut buf = ReadBuf::new(block);
    Pin::new(io).poll_read(cx, &mut buf).map_ok(|()| buf.filled().len())
}

/// Whether there is an empty line that is not among the bytes that were searched before.
fn has_end_after(input: &[u8], searched: usize) -> bool {
    let from = searched.saturating_sub(b"\n\r".len());
    let is_empty_line =
        |start: usize| matches!(input[start..], [b'\n', b'\n', ..] | [b'\n', b'\r', b'\n', ..]);
    (from..input.len()).any(is_empty_line)
}
