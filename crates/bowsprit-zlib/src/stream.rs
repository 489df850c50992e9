//! A `z_stream`: what compressing and decompressing have in common.

use alloc::boxed::Box;
use core::{
    ffi::{CStr, c_int},
    fmt,
    ptr::{self, NonNull},
};

use libz_sys::{Z_BUF_ERROR, Z_MEM_ERROR, Z_OK, Z_STREAM_END, uInt, z_stream, z_streamp};

use crate::{Status, memory};

/// zlib checks that caller and library agree on the first character, and on the length below.
pub(crate) const VERSION: &CStr = c"1";

/// The length of a `z_stream`, of which zlib checks that both sides mean the same.
#[expect(clippy::cast_possible_truncation, clippy::cast_possible_wrap, reason = "112 at most")]
pub(crate) const STREAM_LEN: c_int = size_of::<z_stream>() as c_int;

/// A `z_stream`, and how much has gone through it.
///
/// zlib's state points back to the `z_stream`, and zlib uses that pointer. So it stays where it is,
/// and is only reached through a raw pointer: a `Box` or a reference would claim it for itself.
pub(crate) struct Stream {
    raw: NonNull<z_stream>,
    /// Ours, as zlib's have 32 bits in places.
    total_in: u64,
    total_out: u64,
}

// SAFETY: the `z_stream`, and zlib's state behind it, belong to this value alone. They are tied to
// no thread: zlib has no other variables, and memory may be freed by another thread.
unsafe impl Send for Stream {}

// SAFETY: a shared reference gives the totals, which are not zlib's. What is behind the pointer is
// out of reach, as `raw` needs a unique one.
unsafe impl Sync for Stream {}

impl Stream {
    /// A stream that zlib has not initialised yet.
    pub(crate) fn new() -> Self {
        let raw = Box::new(z_stream {
            next_in: ptr::null_mut(),
            avail_in: 0,
            total_in: 0,
            next_out: ptr::null_mut(),
            avail_out: 0,
            total_out: 0,
            msg: ptr::null_mut(),
            state: ptr::null_mut(),
            zalloc: memory::allocate,
            zfree: memory::free,
            opaque: ptr::null_mut(),
            data_type: 0,
            adler: 0,
            reserved: 0,
        });
        Self { raw: NonNull::from(Box::leak(raw)), total_in: 0, total_out: 0 }
    }

    /// What zlib's functions take.
    pub(crate) const fn raw(&mut self) -> z_streamp {
        self.raw.as_ptr()
    }

    pub(crate) const fn total_in(&self) -> u64 {
        self.total_in
    }

    pub(crate) const fn total_out(&self) -> u64 {
        self.total_out
    }

    pub(crate) const fn reset_totals(&mut self) {
        (self.total_in, self.total_out) = (0, 0);
    }

    /// The text of the last error.
    pub(crate) fn message(&mut self) -> Option<&'static str> {
        // SAFETY: `raw` points to a `z_stream` that is valid from `new` to `drop`.
        let message = NonNull::new(unsafe { (*self.raw()).msg })?;
        // SAFETY: zlib only sets it to string literals, which end with a zero and live for ever.
        unsafe { CStr::from_ptr(message.as_ptr()) }.to_str().ok()
    }

    /// Lets zlib go from `input` to `output` while `call` runs, and counts.
    pub(crate) fn step(
        &mut self,
        input: &[u8],
        output: &mut [u8],
        call: impl FnOnce(z_streamp) -> c_int,
    ) -> c_int {
        let (input_len, output_len) = (at_most(input.len()), at_most(output.len()));
        let raw = self.raw();
        // SAFETY: `raw` points to a `z_stream` that is valid from `new` to `drop`.
        unsafe {
            // zlib does not write to its input, but is not always declared so.
            ((*raw).next_in, (*raw).avail_in) = (input.as_ptr().cast_mut(), input_len);
            ((*raw).next_out, (*raw).avail_out) = (output.as_mut_ptr(), output_len);
        }
        let code = call(raw);
        // SAFETY: as above; nothing that is borrowed for this call is left in there.
        let (input_left, output_left) = unsafe {
            ((*raw).next_in, (*raw).next_out) = (ptr::null_mut(), ptr::null_mut());
            (core::mem::take(&mut (*raw).avail_in), core::mem::take(&mut (*raw).avail_out))
        };
        self.total_in += u64::from(input_len - input_left);
        self.total_out += u64::from(output_len - output_left);
        code
    }
}

impl Drop for Stream {
    fn drop(&mut self) {
        // SAFETY: the pointer is that of the box in `new`. Whoever has had the stream initialised
        // has had it ended before this field of theirs is dropped.
        drop(unsafe { Box::from_raw(self.raw()) });
    }
}

/// What a slice can lend to one step: a longer one takes several.
fn at_most(len: usize) -> uInt {
    uInt::try_from(len).unwrap_or(uInt::MAX)
}

/// What a step of zlib has come to; the code, if it is an error.
pub(crate) const fn status(code: c_int) -> Result<Status, c_int> {
    match code {
        Z_OK => Ok(Status::Ok),
        Z_STREAM_END => Ok(Status::StreamEnd),
        Z_BUF_ERROR => Ok(Status::BufError),
        error => Err(error),
    }
}

/// Stops unless zlib has initialised a stream.
#[track_caller]
pub(crate) fn assert_initialised(code: c_int) {
    match code {
        Z_OK => {}
        Z_MEM_ERROR => panic!("no memory for a context of zlib"),
        _ => panic!("zlib has no context of this kind ({code})"),
    }
}

impl fmt::Debug for Stream {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Stream")
            .field("total_in", &self.total_in)
            .field("total_out", &self.total_out)
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    #[cfg(target_pointer_width = "64")]
    fn a_length_beyond_32_bits_is_cut() {
        for len in [1 << 32, (1 << 32) + 5, usize::MAX] {
            assert_eq!(at_most(len), uInt::MAX);
        }
        assert_eq!(at_most(7), 7);
    }

    #[test]
    fn what_a_step_borrows_is_not_kept() {
        let mut stream = Stream::new();
        let mut output = [0; 4];
        let code = stream.step(b"abc", &mut output, |raw| {
            // SAFETY: the stream is valid, and its input and output are borrowed.
            unsafe {
                assert_eq!(((*raw).avail_in, (*raw).avail_out), (3, 4));
                (*raw).next_out.write(*(*raw).next_in);
                ((*raw).avail_in, (*raw).avail_out) = (2, 3);
            }
            Z_OK
        });
        assert_eq!((code, output), (Z_OK, *b"a\0\0\0"));
        assert_eq!((stream.total_in(), stream.total_out()), (1, 1));
        let raw = stream.raw();
        // SAFETY: as above.
        let (next_in, next_out) = unsafe { ((*raw).next_in, (*raw).next_out) };
        assert!(next_in.is_null() && next_out.is_null());
    }
}
