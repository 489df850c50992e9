//! Receiving: chunks of a socket in, records out.
//!
//! A chunk is lent to the core, which unmasks and checks messages where they lie. What a chunk does
//! not complete waits in a block of the connection, if it is short; the payload of a long frame is
//! handed out in pieces.

mod calls;
mod later;

use bowsprit_proto::{
    Close, Event, FrameHeader, InflationLimits, MessageKind, Progress, ProtocolError,
    ReceiveBuffer, ReceivedData, Receiver,
    deflate::{DataError, Decompressor},
};
use bytes::Bytes;

pub(crate) use self::{
    calls::{close, fault_of, open, receive, split_messages, take_payload},
    later::receive_later,
};
use crate::{
    args::Misuse,
    faults,
    memory::Memory,
    records::{Kind, Place, Record, Records},
};

/// Frames up to this length wait to be complete.
const MAX_HELD_LEN: usize = 16 * 1024;

/// Pieces below this length wait for more, so that tiny chunks do not become tiny pieces.
const MIN_PIECE_LEN: usize = 4 * 1024;

/// What of a message is decompressed where it arrives. The rest goes to the thread pool.
const AT_ONCE: InflationLimits = InflationLimits { input_len: 8 * 1024, output_len: 32 * 1024 };

/// How many contexts that nobody uses are kept.
const MAX_POOLED: usize = 4;

/// Bytes that the code of a close frame takes.
const CODE_LEN: usize = FrameHeader::MAX_CONTROL_LEN - Close::MAX_REASON_LEN;

/// A connection's receiving half.
pub(crate) struct Incoming {
    receiver: Receiver,
    /// What waits for the next chunk; during a call, the chunk.
    buffer: ReceiveBuffer<Memory>,
    /// The payload of the last event, if it is not in the chunk.
    taken: Bytes,
    /// What was received on the thread pool, in reverse order.
    ready: Vec<Ready>,
    /// A message has ended since the last limits of decompression. JavaScript emits it in a turn of
    /// its own, so that there are new limits.
    ended: bool,
    /// Messages are handed out in their fragments.
    in_fragments: bool,
    /// A chunk is lent. If it is when a call begins, the core has panicked in an earlier one, and
    /// the buffer may refer to memory that is gone.
    lent: bool,
    /// What zlib says of data that cannot be decompressed.
    fault: Option<DataError>,
}

/// An event with its payload, or what has failed.
type Ready = Result<(Record, Place, Bytes), ProtocolError>;

/// Whether `receive` goes on.
enum Next {
    GoOn,
    /// JavaScript has to look at the records first.
    Stop,
}

impl Incoming {
    const fn new(receiver: Receiver) -> Self {
        Self {
            receiver,
            buffer: ReceiveBuffer::over(Memory::Owned(Vec::new())),
            taken: Bytes::new(),
            ready: Vec::new(),
            ended: false,
            in_fragments: false,
            lent: false,
            fault: None,
        }
    }

    /// Receives from a chunk until it is used up or there are enough records; returns how much of
    /// it was used.
    fn receive(&mut self, chunk: &mut [u8], records: &mut Records<'_>) -> usize {
        let mut used = 0;
        match self.ready.pop() {
            None => {}
            Some(Ok((event, place, payload))) => {
                self.taken = payload;
                records.push(event, place);
                return 0;
            }
            Some(Err(error)) => {
                self.fail(error, records);
                return 0;
            }
        }
        if self.waits_for_more(chunk.len()) {
            self.buffer.extend(chunk);
            return chunk.len();
        }
        loop {
            if self.buffer.live_len() > 0
                && let Next::Stop = self.complete_held(chunk, &mut used, records)
            {
                return used;
            }
            if used == chunk.len() || records.is_full() {
                return used;
            }
            if let Next::Stop = self.receive_lent(chunk, &mut used, records) {
                return used;
            }
        }
    }

    /// Whether a short chunk in the middle of a long frame only adds to what waits.
    fn waits_for_more(&self, chunk_len: usize) -> bool {
        self.receiver.is_in_chunks()
            && chunk_len < MIN_PIECE_LEN
            && self.buffer.live_len() + chunk_len < MAX_HELD_LEN
            && ((self.buffer.live_len() + chunk_len) as u64) < self.receiver.frame_rest_len()
    }

    /// Receives from what waits, adding to it as many bytes of the chunk as complete a frame, until
    /// nothing waits.
    fn complete_held(&mut self, chunk: &[u8], used: &mut usize, records: &mut Records<'_>) -> Next {
        loop {
            match self.next_event() {
                Err(error) => return self.fail(error, records),
                Ok(Some(event)) => return self.take(event, records),
                Ok(None) if self.receiver.is_inflation_paused() => return Next::Stop,
                Ok(None) if self.buffer.live_len() == 0 => return Next::GoOn,
                Ok(None) => {}
            }
            if *used == chunk.len() {
                return Next::GoOn;
            }
            let wanted = usize::try_from(self.receiver.frame_rest_len()).unwrap_or(usize::MAX);
            if wanted > MAX_HELD_LEN
                && let Some(next) = self.take_piece(records)
            {
                return next;
            }
            // A header comes byte by byte, and so does a frame that may be a control frame, as
            // bytes after it are better received where they are.
            let wanted =
                if wanted <= FrameHeader::MAX_CONTROL_LEN { 1 } else { wanted.min(MAX_HELD_LEN) };
            let len = wanted.min(chunk.len() - *used);
            self.buffer.extend(&chunk[*used..*used + len]);
            *used += len;
        }
    }

    /// Hands out what waits as a piece of its message, if it is one.
    fn take_piece(&mut self, records: &mut Records<'_>) -> Option<Next> {
        match self.next_piece() {
            Err(error) => Some(self.fail(error, records)),
            Ok(event) => event.map(|event| self.take(event, records)),
        }
    }

    /// Receives from the rest of the chunk, where it is.
    fn receive_lent(
        &mut self,
        chunk: &mut [u8],
        used: &mut usize,
        records: &mut Records<'_>,
    ) -> Next {
        let rest = &mut chunk[*used..];
        let len = rest.len();
        self.lent = true;
        // SAFETY: `take_away` drops it before this function returns, and nobody uses the chunk
        // until then. If the core panics, `lent` stays set and the buffer is never used again;
        // dropping it does not touch the chunk.
        let lent = unsafe { Memory::lend(rest) };
        drop(self.buffer.replace_block(lent));
        self.buffer.advance(len);
        let next = self.receive_in_place(*used, records);
        // What JavaScript has to see before the rest of the chunk is received, stays there.
        let left = if matches!(next, Next::Stop) { self.buffer.take_back() } else { 0 };
        *used += len - left;
        self.take_away();
        next
    }

    fn receive_in_place(&mut self, start: usize, records: &mut Records<'_>) -> Next {
        while !records.is_full() {
            match self.next_event() {
                Err(error) => return self.fail(error, records),
                Ok(Some(event)) => {
                    if let Next::Stop = self.note(event, start, records) {
                        return Next::Stop;
                    }
                }
                // The rest of the chunk goes to the thread pool.
                Ok(None) if self.receiver.is_inflation_paused() => return Next::Stop,
                Ok(None) => return self.end_of_chunk(start, records),
            }
        }
        Next::Stop
    }

    /// Hands out the beginning of a long frame, if it is long enough itself.
    fn end_of_chunk(&mut self, start: usize, records: &mut Records<'_>) -> Next {
        if self.receiver.frame_rest_len() > MAX_HELD_LEN as u64
            && self.buffer.live_len() >= MIN_PIECE_LEN
        {
            match self.next_piece() {
                Err(error) => return self.fail(error, records),
                Ok(Some(event)) => return self.note(event, start, records),
                Ok(None) => {}
            }
        }
        Next::GoOn
    }

    /// Ends the loan of a chunk. What is left of it is copied: the beginning of a message, or of a
    /// frame.
    fn take_away(&mut self) {
        let own = Memory::owned(self.buffer.live_len());
        drop(self.buffer.replace_block(own));
        self.lent = false;
    }

    /// Records an event in the chunk, or takes it if it is not there.
    #[inline]
    fn note(&mut self, event: Record, start: usize, records: &mut Records<'_>) -> Next {
        let Some(span) = self.buffer.event_span() else { return self.take(event, records) };
        // The code of a close frame comes before its reason.
        let position = start + span.end - event.len;
        records.push(event, Place::Chunk(position));
        // Joining the fragments around a control frame would write over it.
        if matches!(event.kind, Kind::Ping | Kind::Pong | Kind::Close) {
            Next::Stop
        } else {
            Next::GoOn
        }
    }

    /// Records an event whose payload JavaScript has to fetch.
    fn take(&mut self, event: Record, records: &mut Records<'_>) -> Next {
        let (place, payload) = self.take_payload(event.len);
        self.taken = payload;
        self.ended |= event.last;
        records.push(event, place);
        Next::Stop
    }

    /// Takes the payload of an event: its last `len` bytes.
    fn take_payload(&mut self, len: usize) -> (Place, Bytes) {
        let place = match self.buffer.event_span() {
            Some(_) => Place::Taken,
            None => Place::Inflated,
        };
        let payload = self.buffer.take_payload();
        (place, payload.slice(payload.len() - len..))
    }

    #[cold]
    fn fail(&mut self, error: ProtocolError, records: &mut Records<'_>) -> Next {
        if let ProtocolError::Compression(fault) = error {
            self.fault = Some(fault);
        }
        let (number, detail) = faults::number_of(error);
        records.push_error(number, detail, u16::from(error.close_code()));
        Next::Stop
    }

    /// Receives until a message or a control frame is complete, or input is missing.
    #[inline]
    fn next_event(&mut self) -> Result<Option<Record>, ProtocolError> {
        if self.in_fragments {
            return self.next_piece();
        }
        let progress = self.receiver.receive(&mut self.buffer, &mut ()).progress?;
        Ok(self.describe(progress))
    }

    /// The same for a piece of a message.
    fn next_piece(&mut self) -> Result<Option<Record>, ProtocolError> {
        let progress = self.receiver.receive_chunk(&mut self.buffer, &mut ()).progress?;
        Ok(self.describe(progress))
    }

    /// An event as a record has it.
    #[inline]
    fn describe(&self, progress: Progress) -> Option<Record> {
        let control =
            |kind, len| Some(Record { kind, len, last: false, ends_frame: true, code: 0 });
        match progress {
            Progress::Data(data) => {
                let kind = match (data.kind, data.first && data.last) {
                    (MessageKind::Text, true) => Kind::Text,
                    (MessageKind::Binary, true) => Kind::Binary,
                    (MessageKind::Text, false) => Kind::TextPiece,
                    (MessageKind::Binary, false) => Kind::BinaryPiece,
                };
                let ReceivedData { last, ends_frame, len, .. } = data;
                Some(Record { kind, len, last, ends_frame, code: 0 })
            }
            Progress::Ping => control(Kind::Ping, self.payload_len()),
            Progress::Pong => control(Kind::Pong, self.payload_len()),
            Progress::Close => {
                let code = match self.buffer.event() {
                    Some(Event::Close(close)) => close.code.into(),
                    _ => 0,
                };
                let len = self.payload_len().saturating_sub(CODE_LEN);
                control(Kind::Close, len).map(|event| Record { code, ..event })
            }
            Progress::NeedData => None,
        }
    }

    fn payload_len(&self) -> usize {
        self.buffer.event_span().map_or(0, |span| span.len())
    }

    /// Takes a context for decompression from the pool, if that may be needed.
    fn borrow_context(&mut self, pool: &mut Vec<Decompressor>) {
        if self.receiver.wanted_decompressor().is_some()
            && let Some(decompressor) = pool.pop()
        {
            self.receiver.lend_decompressor(decompressor);
        }
    }

    fn return_context(&mut self, pool: &mut Vec<Decompressor>) {
        if let Some(decompressor) = self.receiver.take_decompressor()
            && pool.len() < MAX_POOLED
        {
            pool.push(decompressor);
        }
    }

    /// Refuses to go on after a panic.
    fn check(&self) -> Result<(), Misuse> {
        if self.lent { Err(Misuse("the connection has failed before")) } else { Ok(()) }
    }

    fn is_incomplete(&self) -> bool {
        self.buffer.live_len() > 0 || self.receiver.frame_rest_len() > 0
    }
}
