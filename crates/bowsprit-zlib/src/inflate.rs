//! Decompressing.

use core::{error, ffi::c_int, fmt};

use libz_sys::{
    Z_BLOCK, Z_DATA_ERROR, Z_MEM_ERROR, Z_NO_FLUSH, Z_OK, inflate, inflateEnd, inflateInit2_,
    inflateReset, inflateSetDictionary, uInt,
};

use crate::{
    Status,
    stream::{STREAM_LEN, Stream, VERSION, assert_initialised, status},
};

/// The largest window: nothing refers further back.
const MAX_WINDOW_LEN: usize = 1 << 15;

/// Where a step of decompression stops.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum InflateFlush {
    /// When input or output ends.
    NoFlush = Z_NO_FLUSH as isize,
    /// Also before the next block begins.
    Block = Z_BLOCK as isize,
}

/// Why decompression cannot go on before a reset.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum InflateError {
    /// The context is not in order.
    StreamError,
    /// The input is not DEFLATE.
    DataError,
    /// Memory for the window is missing.
    MemError,
}

/// A context for decompressing raw data.
pub struct Inflate {
    stream: Stream,
}

impl Inflate {
    /// A fresh context, for data whose references go back at most 2^`window_bits` bytes. What goes
    /// back further is found as long as it is in the output of the same step, else it is an error.
    ///
    /// # Panics
    ///
    /// If `zlib_header` is set, as only raw data is for this crate; unless `window_bits` is from 8
    /// to 15; or if no memory is left, as wherever Rust allocates.
    #[must_use]
    pub fn new(zlib_header: bool, window_bits: u8) -> Self {
        assert!(!zlib_header, "no headers here");
        assert!((8..=15).contains(&window_bits), "no window of 2^{window_bits} bytes");
        let mut stream = Stream::new();
        // SAFETY: the stream is valid, and its functions allocate and free as zlib expects. zlib
        // checks the number; the version is a string that ends.
        let code = unsafe {
            inflateInit2_(stream.raw(), -c_int::from(window_bits), VERSION.as_ptr(), STREAM_LEN)
        };
        assert_initialised(code);
        Self { stream }
    }

    /// How many bytes of input were used since the last reset.
    #[must_use]
    pub const fn total_in(&self) -> u64 {
        self.stream.total_in()
    }

    /// How many bytes of output were made since the last reset.
    #[must_use]
    pub const fn total_out(&self) -> u64 {
        self.stream.total_out()
    }

    /// Decompresses `input` into `output`, until either or the data ends. The totals tell how far
    /// that was, which is at most 4 GiB at a time, also after an error.
    ///
    /// # Errors
    ///
    /// If the input is wrong, from then on until a reset; or if no memory is left for the window.
    pub fn decompress(
        &mut self,
        input: &[u8],
        output: &mut [u8],
        flush: InflateFlush,
    ) -> Result<Status, InflateError> {
        // SAFETY: `new` has had the stream initialised by `inflateInit2_`; input and output stay
        // borrowed for as long as the call takes.
        let code = self.stream.step(input, output, |raw| unsafe { inflate(raw, flush as c_int) });
        status(code).map_err(error_of)
    }

    /// What zlib says about the last error, if anything.
    pub fn error_message(&mut self) -> Option<&'static str> {
        self.stream.message()
    }

    /// Lets the data refer to `dictionary`, as if it had come out just before.
    ///
    /// # Errors
    ///
    /// If no memory is left for the window.
    pub fn set_dictionary(&mut self, dictionary: &[u8]) -> Result<(), InflateError> {
        let dictionary = &dictionary[dictionary.len().saturating_sub(MAX_WINDOW_LEN)..];
        let Ok(len @ 1..) = uInt::try_from(dictionary.len()) else { return Ok(()) };
        // SAFETY: `new` has had the stream initialised by `inflateInit2_`; zlib copies what it
        // needs of the dictionary, which has this length.
        match unsafe { inflateSetDictionary(self.stream.raw(), dictionary.as_ptr(), len) } {
            Z_OK => Ok(()),
            code => Err(error_of(code)),
        }
    }

    /// Forgets what came before, and keeps the memory. The window stays as long as it was.
    ///
    /// # Panics
    ///
    /// If `zlib_header` is set, as only raw data is for this crate.
    pub fn reset(&mut self, zlib_header: bool) {
        assert!(!zlib_header, "no headers here");
        // SAFETY: `new` has had the stream initialised by `inflateInit2_`.
        let code = unsafe { inflateReset(self.stream.raw()) };
        debug_assert_eq!(code, Z_OK, "the stream is initialised");
        self.stream.reset_totals();
    }
}

const fn error_of(code: c_int) -> InflateError {
    match code {
        Z_DATA_ERROR => InflateError::DataError,
        Z_MEM_ERROR => InflateError::MemError,
        _ => InflateError::StreamError,
    }
}

impl Drop for Inflate {
    fn drop(&mut self) {
        // SAFETY: `new` has had the stream initialised by `inflateInit2_`, and nothing but the end
        // of the field comes after this.
        let code = unsafe { inflateEnd(self.stream.raw()) };
        debug_assert_eq!(code, Z_OK, "the stream is initialised");
    }
}

impl fmt::Debug for Inflate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Inflate").field("stream", &self.stream).finish()
    }
}

impl fmt::Display for InflateError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::StreamError => "a decompression context that is not in order",
            Self::DataError => "data that is not compressed",
            Self::MemError => "no memory left to decompress with",
        })
    }
}

impl error::Error for InflateError {}
