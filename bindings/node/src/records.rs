//! What has been received, as numbers in an array of JavaScript: first how much of the chunk has
//! been used and what is to come, then three numbers for each event.

use crate::args::Misuse;

/// What an event is.
#[derive(Clone, Copy)]
#[repr(i32)]
pub(crate) enum Kind {
    /// A whole message, in the chunk.
    Text = 1,
    Binary = 2,
    /// A piece of a message, in the chunk.
    TextPiece = 3,
    BinaryPiece = 4,
    Ping = 5,
    Pong = 6,
    /// A reason, in the chunk, with its code.
    Close = 7,
    /// Which rule the peer has broken, instead of a position; a number about it, instead of a
    /// length; and the close code to tell it.
    Error = 8,
}

/// Added to the kind of an event whose payload is to be fetched by `takePayload`.
const TAKEN: i32 = 0x10;
/// Added to the kind of the last piece of a message.
const LAST: i32 = 0x20;
/// Added to the kind of what was decompressed.
const INFLATED: i32 = 0x40;
/// Added to the kind of a piece with which a frame ends.
const FRAME_END: i32 = 0x80;
/// The close code is in the bits from here on.
const CODE_SHIFT: u32 = 8;

/// The second number of the array: a frame is incomplete.
const INCOMPLETE: i32 = 1;
/// And: `receiveLater` has to go on.
const LATER: i32 = 2;

const INT: usize = size_of::<i32>();
const HEADER_LEN: usize = 2 * INT;
const RECORD_LEN: usize = 3 * INT;

/// An array to write to.
pub(crate) struct Records<'r> {
    header: &'r mut [u8],
    records: &'r mut [u8],
    len: usize,
    /// Where in the chunk of JavaScript that one begins which positions are counted in.
    base: usize,
}

/// An event.
#[derive(Clone, Copy)]
pub(crate) struct Record {
    pub(crate) kind: Kind,
    pub(crate) len: usize,
    /// The message ends with it.
    pub(crate) last: bool,
    /// A frame ends with it.
    pub(crate) ends_frame: bool,
    /// Of a close frame.
    pub(crate) code: u16,
}

/// Where the payload of an event is.
#[derive(Clone, Copy)]
pub(crate) enum Place {
    /// In the chunk, from here on.
    Chunk(usize),
    /// Taken out; there is one at a time.
    Taken,
    /// The same, after decompression.
    Inflated,
}

impl<'r> Records<'r> {
    pub(crate) fn new(array: &'r mut [u8], base: usize) -> Result<Self, Misuse> {
        if array.len() < HEADER_LEN + RECORD_LEN {
            return Err(Misuse("the array of records is too short"));
        }
        let (header, records) = array.split_at_mut(HEADER_LEN);
        Ok(Self { header, records, len: 0, base })
    }

    pub(crate) const fn is_full(&self) -> bool {
        (self.len + 1) * RECORD_LEN > self.records.len()
    }

    /// Adds a record; there has to be room for it.
    #[inline]
    pub(crate) fn push(&mut self, event: Record, place: Place) {
        let (flag, position) = match place {
            Place::Chunk(position) => (0, self.base + position),
            Place::Taken => (TAKEN, 0),
            Place::Inflated => (TAKEN | INFLATED, 0),
        };
        let last = if event.last { LAST } else { 0 };
        let end = if event.ends_frame { FRAME_END } else { 0 };
        let flags = flag | last | end | i32::from(event.code) << CODE_SHIFT;
        self.write(event.kind as i32 | flags, int(position), int(event.len));
    }

    /// Adds what the peer has done wrong.
    pub(crate) fn push_error(&mut self, error: i32, detail: i32, code: u16) {
        self.write(Kind::Error as i32 | i32::from(code) << CODE_SHIFT, error, detail);
    }

    /// Ends the array, and returns how many records it has.
    pub(crate) fn finish(self, used: usize, incomplete: bool, later: bool) -> usize {
        let state = if incomplete { INCOMPLETE } else { 0 } | if later { LATER } else { 0 };
        self.header[..INT].copy_from_slice(&int(self.base + used).to_ne_bytes());
        self.header[INT..].copy_from_slice(&state.to_ne_bytes());
        self.len
    }

    #[inline]
    fn write(&mut self, kind: i32, position: i32, len: i32) {
        let start = self.len * RECORD_LEN;
        if let Some(record) = self.records.get_mut(start..start + RECORD_LEN) {
            record[..INT].copy_from_slice(&kind.to_ne_bytes());
            record[INT..2 * INT].copy_from_slice(&position.to_ne_bytes());
            record[2 * INT..].copy_from_slice(&len.to_ne_bytes());
            self.len += 1;
        }
    }
}

/// A length in memory; Node.js reads no more at once than an `int32` can say.
fn int(len: usize) -> i32 {
    i32::try_from(len).unwrap_or(i32::MAX)
}
