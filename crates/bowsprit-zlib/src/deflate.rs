//! Compressing.

use core::{error, ffi::c_int, fmt};

use libz_sys::{
    Z_DATA_ERROR, Z_DEFAULT_STRATEGY, Z_DEFLATED, Z_FILTERED, Z_FIXED, Z_HUFFMAN_ONLY, Z_MEM_ERROR,
    Z_OK, Z_RLE, Z_SYNC_FLUSH, deflate, deflateEnd, deflateInit2_, deflateReset,
};

use crate::{
    Status,
    stream::{STREAM_LEN, Stream, VERSION, assert_initialised, status},
};

/// What a context for compressing is made with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct DeflateConfig {
    /// How hard to look for repetitions, 0 (not at all) to 9. Default: 6.
    pub level: i32,
    /// There is only one.
    pub method: Method,
    /// Raw data whose references go back at most 2^n bytes: −9 to −15. Default: −15.
    pub window_bits: i32,
    /// How much memory to use, 1 to 9. Default: 8.
    pub mem_level: i32,
    /// How to compress.
    pub strategy: Strategy,
}

impl Default for DeflateConfig {
    fn default() -> Self {
        let (method, strategy) = (Method::Deflated, Strategy::Default);
        Self { level: 6, method, window_bits: -15, mem_level: 8, strategy }
    }
}

/// zlib's methods.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Method {
    /// The data is DEFLATE.
    Deflated = Z_DEFLATED as isize,
}

/// zlib's strategies.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Strategy {
    /// For most data.
    Default = Z_DEFAULT_STRATEGY as isize,
    /// For data with few repetitions.
    Filtered = Z_FILTERED as isize,
    /// No repetitions.
    HuffmanOnly = Z_HUFFMAN_ONLY as isize,
    /// Only repetitions of the last byte.
    Rle = Z_RLE as isize,
    /// Without codes that are made for the data.
    Fixed = Z_FIXED as isize,
}

/// How much of the output has to come out of a step.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DeflateFlush {
    /// All of it, up to an octet's end: a block ends, and an empty stored block follows.
    SyncFlush = Z_SYNC_FLUSH as isize,
}

/// Why a step of compression was not possible.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DeflateError {
    /// The context is not in order.
    StreamError,
    /// The data that came before was given up.
    DataError,
    /// Memory is missing.
    MemError,
}

/// A context for compressing raw data.
pub struct Deflate {
    stream: Stream,
}

impl Deflate {
    /// A fresh context.
    ///
    /// # Panics
    ///
    /// If the configuration is none that zlib has, or no memory is left, as wherever Rust
    /// allocates.
    #[must_use]
    pub fn new_with_config(config: DeflateConfig) -> Self {
        let mut stream = Stream::new();
        // SAFETY: the stream is valid, and its functions allocate and free as zlib expects.
        // Whatever the numbers are, zlib checks them; the version is a string that ends.
        let code = unsafe {
            deflateInit2_(
                stream.raw(),
                config.level,
                config.method as c_int,
                config.window_bits,
                config.mem_level,
                config.strategy as c_int,
                VERSION.as_ptr(),
                STREAM_LEN,
            )
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

    /// Compresses `input` into `output`, until either ends. The totals tell how far that was, which
    /// is at most 4 GiB at a time.
    ///
    /// If the output is full, the flush goes on with the next step; 7 bytes of it are the least.
    ///
    /// # Errors
    ///
    /// If the context is not in order; no input leads to that.
    pub fn compress(
        &mut self,
        input: &[u8],
        output: &mut [u8],
        flush: DeflateFlush,
    ) -> Result<Status, DeflateError> {
        // SAFETY: `new_with_config` has had the stream initialised by `deflateInit2_`; input and
        // output stay borrowed for as long as the call takes.
        let code = self.stream.step(input, output, |raw| unsafe { deflate(raw, flush as c_int) });
        status(code).map_err(|code| match code {
            Z_DATA_ERROR => DeflateError::DataError,
            Z_MEM_ERROR => DeflateError::MemError,
            _ => DeflateError::StreamError,
        })
    }

    /// Forgets what came before, and keeps the memory.
    pub fn reset(&mut self) {
        // SAFETY: `new_with_config` has had the stream initialised by `deflateInit2_`.
        let code = unsafe { deflateReset(self.stream.raw()) };
        debug_assert_eq!(code, Z_OK, "the stream is initialised");
        self.stream.reset_totals();
    }
}

impl Drop for Deflate {
    fn drop(&mut self) {
        // SAFETY: `new_with_config` has had the stream initialised by `deflateInit2_`, and nothing
        // but the end of the field comes after this.
        let _data_is_given_up = unsafe { deflateEnd(self.stream.raw()) };
    }
}

impl fmt::Debug for Deflate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Deflate").field("stream", &self.stream).finish()
    }
}

impl fmt::Display for DeflateError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::StreamError => "a compression context that is not in order",
            Self::DataError => "data that was given up",
            Self::MemError => "no memory left to compress with",
        })
    }
}

impl error::Error for DeflateError {}
