//! What the receiver does in the buffer: unmask, join, decompress.

use core::ops::Range;

use super::{
    super::{ReceivedData, incoming::bounded},
    Block, Pending, ReceiveBuffer, Source,
};
use crate::{
    FrameHeader, MessageKind, Opcode, ProtocolError,
    deflate::{Decompressor, InflateError, Inflated},
    frame::FrameStart,
    mask, utf8,
};

impl<B: Block> ReceiveBuffer<B> {
    /// Discards the last event and frees its bytes.
    #[inline]
    pub(crate) fn release(&mut self) {
        match &self.event {
            None => return,
            // Matched in place: nearly all events are of this kind, and moving them costs more.
            Some(Pending::Message { source: Source::Block, .. }) => self.start = self.end,
            Some(_) => self.free_other(),
        }
        self.event = None;
        self.rewind();
    }

    #[inline(never)]
    fn free_other(&mut self) {
        match self.event {
            Some(Pending::Message { source: Source::Inflated, .. }) => {
                self.drop_inflated(self.inflated().len());
            }
            Some(Pending::Chunk { held, source: Source::Block, .. }) => {
                self.start = self.end - held;
            }
            Some(Pending::Chunk { held, source: Source::Inflated, .. }) => {
                self.drop_inflated(self.inflated().len() - held);
            }
            _ => {}
        }
    }

    /// Goes back to the beginning of the block if it holds nothing.
    #[inline]
    pub(super) const fn rewind(&mut self) {
        if self.live_len() == 0 {
            (self.start, self.end, self.parse, self.filled) = (0, 0, 0, 0);
        }
    }

    /// Completes a message in one short frame that has arrived completely, as most do. `None` for
    /// anything else; see [`FrameHeader::parse_short_message`].
    #[inline]
    pub(crate) fn short_message(
        &mut self,
        masked: bool,
        max_len: u64,
    ) -> Option<Result<ReceivedData, ProtocolError>> {
        let unparsed = &self.block[self.parse..self.filled];
        let (header, header_len) = FrameHeader::parse_short_message(unparsed, masked)?;
        let rest_len = (unparsed.len() - header_len) as u64;
        if header.payload_len > rest_len.min(max_len) {
            return None;
        }
        self.parse += header_len;
        Some(self.complete_whole(&header))
    }

    /// Parses a header from the front of the unparsed input, and advances over it. `check` gets its
    /// first two bytes as soon as they have arrived.
    #[inline]
    pub(crate) fn parse_header(
        &mut self,
        check: impl FnOnce(FrameStart) -> Result<(), ProtocolError>,
    ) -> Result<Option<FrameHeader>, ProtocolError> {
        let Some((header, len)) = self.peek_header(check)? else {
            return Ok(None);
        };
        self.parse += len;
        Ok(Some(header))
    }

    /// Like [`parse_header`](Self::parse_header), but does not advance, and returns the header's
    /// length as well.
    #[inline]
    pub(crate) fn peek_header(
        &mut self,
        check: impl FnOnce(FrameStart) -> Result<(), ProtocolError>,
    ) -> Result<Option<(FrameHeader, usize)>, ProtocolError> {
        let unparsed = &self.block[self.parse..self.filled];
        if let Some(start) = FrameStart::parse(unparsed)? {
            check(start)?;
            if let Some(parsed) = start.parse_rest(unparsed)? {
                return Ok(Some(parsed));
            }
        }
        self.wanted = u64::MAX;
        Ok(None)
    }

    /// Advances over a header that was peeked at.
    pub(crate) const fn skip(&mut self, len: usize) {
        self.parse += len;
    }

    /// The number of unparsed bytes.
    pub(crate) const fn unparsed_len(&self) -> usize {
        self.filled - self.parse
    }

    /// Sets how many bytes complete the message in progress, as a hint for growing.
    pub(crate) const fn want(&mut self, wanted: u64) {
        self.wanted = wanted;
    }

    /// Moves the next `len` unparsed bytes to the end of the message, unmasks and returns them.
    #[inline]
    pub(crate) fn join(&mut self, len: usize, key: Option<[u8; 4]>, offset: usize) -> &[u8] {
        if self.start == self.end {
            (self.start, self.end) = (self.parse, self.parse);
        } else if self.end != self.parse {
            self.block.copy_within(self.parse..self.parse + len, self.end);
        }
        let joined = &mut self.block[self.end..self.end + len];
        if let Some(key) = key {
            mask::apply_mask(joined, key, offset);
        }
        self.parse += len;
        self.end += len;
        joined
    }

    /// Completes a message in one frame, whose payload has arrived completely.
    #[inline(never)]
    pub(crate) fn whole_message(
        &mut self,
        header: &FrameHeader,
    ) -> Result<ReceivedData, ProtocolError> {
        self.complete_whole(header)
    }

    #[inline]
    fn complete_whole(&mut self, header: &FrameHeader) -> Result<ReceivedData, ProtocolError> {
        let len = bounded(header.payload_len, self.unparsed_len());
        let payload = self.whole(len, header.masking_key);
        let kind = if header.opcode == Opcode::Text {
            // §8.1, as for messages that arrive in pieces.
            utf8::from_utf8(payload).map_err(|_| ProtocolError::TextUtf8)?;
            MessageKind::Text
        } else {
            MessageKind::Binary
        };
        let wire_len = header.payload_len;
        self.event = Some(Pending::Message { kind, source: Source::Block });
        Ok(ReceivedData { kind, first: true, last: true, ends_frame: true, len, wire_len })
    }

    /// Unmasks and returns the next `len` unparsed bytes, which are a message by themselves.
    #[inline]
    fn whole(&mut self, len: usize, key: Option<[u8; 4]>) -> &[u8] {
        self.start = self.parse;
        self.parse += len;
        self.end = self.parse;
        let whole = &mut self.block[self.start..self.end];
        if let Some(key) = key {
            mask::apply_mask(whole, key, 0);
        }
        whole
    }

    /// Unmasks `len` unparsed bytes in place, after the first `skipped`.
    pub(crate) fn unmask(&mut self, skipped: usize, len: usize, key: [u8; 4], offset: usize) {
        let start = self.parse + skipped;
        mask::apply_mask(&mut self.block[start..start + len], key, offset);
    }

    /// Decompresses the next `len` unparsed bytes, until the message holds `limit` bytes.
    pub(crate) fn inflate(
        &mut self,
        decompressor: &mut Decompressor,
        len: usize,
        limit: usize,
    ) -> Result<Inflated, InflateError> {
        let input = &self.block[self.parse..self.parse + len];
        let scratch = self.scratch.get_or_insert_default();
        let step = scratch.inflate(decompressor, input, limit)?;
        self.parse += step.read;
        Ok(step)
    }

    /// Unmasks the next `len` unparsed bytes in place, and advances over them.
    pub(crate) fn unmask_control(&mut self, len: usize, key: Option<[u8; 4]>) -> Range<usize> {
        let span = self.parse..self.parse + len;
        if let Some(key) = key {
            mask::apply_mask(&mut self.block[span.clone()], key, 0);
        }
        self.parse = span.end;
        span
    }

    /// The length of the message in progress.
    pub(crate) const fn message_len(&self) -> usize {
        self.end - self.start
    }

    /// The bytes of a control frame that `unmask_control` returned.
    pub(crate) fn bytes(&self, span: Range<usize>) -> &[u8] {
        &self.block[span]
    }

    /// Sets the event; returns the length of its payload, if it is data.
    #[inline]
    pub(crate) fn complete(&mut self, event: Pending) -> usize {
        let len = match event {
            Pending::Message { source, .. } => self.message_len_in(source),
            Pending::Chunk { held, source, .. } => self.message_len_in(source) - held,
            Pending::Ping(_) | Pending::Pong(_) | Pending::Close(..) => 0,
        };
        self.event = Some(event);
        len
    }

    /// Drops all input: nothing after a close frame is processed.
    pub(crate) fn discard(&mut self) {
        self.event = None;
        self.scratch = None;
        (self.start, self.end, self.parse, self.filled) = (0, 0, 0, 0);
    }
}
