//! Arguments of a call from JavaScript, and what is returned to it.

use std::{borrow::Cow, cell::Cell, ffi::c_void, ptr, slice};

use napi_sys::{Status, napi_env, napi_ref, napi_value};

/// Why a call is refused: always a mistake in the package's own JavaScript.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Misuse(pub(crate) &'static str);

/// What a function returns.
#[derive(Debug)]
pub(crate) enum Value {
    Undefined,
    Int(i32),
    Text(String),
}

/// The most arguments that a function takes.
pub(crate) const MAX_ARGS: usize = 8;

/// The arguments of one call.
pub(crate) struct Args {
    env: napi_env,
    values: [napi_value; MAX_ARGS],
    /// The addresses and lengths that were handed out as slices to write to.
    exclusive: Cell<[(usize, usize); 2]>,
}

impl Args {
    /// # Safety
    ///
    /// `env` and `values` have to be those of the call under way, for as long as this is used.
    pub(crate) const unsafe fn new(env: napi_env, values: [napi_value; MAX_ARGS]) -> Self {
        Self { env, values, exclusive: Cell::new([(0, 0); 2]) }
    }

    /// The environment of the call.
    pub(crate) const fn env(&self) -> napi_env {
        self.env
    }

    /// A function, to be kept after the call.
    pub(crate) fn reference(&self, index: usize) -> Result<napi_ref, Misuse> {
        let mut reference = ptr::null_mut();
        // SAFETY: as in `int`.
        let status = unsafe {
            napi_sys::napi_create_reference(self.env, self.values[index], 1, &raw mut reference)
        };
        checked(status, "a function was expected").map(|()| reference)
    }

    /// A number that is an `int32`.
    #[inline]
    pub(crate) fn int(&self, index: usize) -> Result<i32, Misuse> {
        let mut value = 0;
        // SAFETY: both are those of the call under way, and `value` is where the result goes.
        let status =
            unsafe { napi_sys::napi_get_value_int32(self.env, self.values[index], &raw mut value) };
        checked(status, "a number was expected").map(|()| value)
    }

    /// A number of bytes, or a position among bytes.
    #[inline]
    pub(crate) fn size(&self, index: usize) -> Result<usize, Misuse> {
        usize::try_from(self.int(index)?).map_err(|_| Misuse("a size is not negative"))
    }

    /// Any number.
    pub(crate) fn number(&self, index: usize) -> Result<f64, Misuse> {
        let mut value = 0.0;
        // SAFETY: as in `int`.
        let status = unsafe {
            napi_sys::napi_get_value_double(self.env, self.values[index], &raw mut value)
        };
        checked(status, "a number was expected").map(|()| value)
    }

    /// The bytes of a Buffer, to read. They are copied if they overlap those to write to.
    #[inline]
    pub(crate) fn bytes(&self, index: usize) -> Result<Cow<'_, [u8]>, Misuse> {
        let (start, len) = self.memory(index)?;
        // SAFETY: the memory of a live Buffer. JavaScript cannot run before the call ends, and
        // nobody writes to it until then: where a slice to write to overlaps, this one is copied
        // at once, before that one is used.
        let bytes = unsafe { slice::from_raw_parts(start, len) };
        Ok(if self.overlaps(start as usize, len) {
            Cow::Owned(bytes.to_vec())
        } else {
            Cow::Borrowed(bytes)
        })
    }

    /// The bytes of a Buffer from a position on, to write to. Before those to read, and at most of
    /// two Buffers.
    #[inline]
    #[expect(clippy::mut_from_ref, reason = "the bytes are JavaScript's; no two slices overlap")]
    pub(crate) fn bytes_mut(&self, index: usize, from: usize) -> Result<&mut [u8], Misuse> {
        let (start, len) = self.memory(index)?;
        let len = len.checked_sub(from).ok_or(Misuse("a position is beyond its Buffer"))?;
        // SAFETY: `from` is within the memory.
        let start = unsafe { start.add(from) };
        let [first, second] = self.exclusive.get();
        if second.1 > 0 || self.overlaps(start as usize, len) {
            return Err(Misuse("two Buffers to write to overlap"));
        }
        self.exclusive.set([(start as usize, len), first]);
        // SAFETY: the memory of a live Buffer. JavaScript cannot run before the call ends, and no
        // slice that this or `bytes` hands out overlaps another one to write to.
        Ok(unsafe { slice::from_raw_parts_mut(start, len) })
    }

    #[inline]
    fn overlaps(&self, start: usize, len: usize) -> bool {
        let overlap = |(other, other_len)| start < other + other_len && other < start + len;
        self.exclusive.get().into_iter().any(overlap)
    }

    #[inline]
    fn memory(&self, index: usize) -> Result<(*mut u8, usize), Misuse> {
        let (mut start, mut len) = (ptr::null_mut::<c_void>(), 0);
        // SAFETY: as in `int`.
        let status = unsafe {
            napi_sys::napi_get_buffer_info(
                self.env,
                self.values[index],
                &raw mut start,
                &raw mut len,
            )
        };
        checked(status, "a Buffer was expected")?;
        // An empty Buffer may have no memory.
        Ok(if len == 0 { (ptr::NonNull::dangling().as_ptr(), 0) } else { (start.cast(), len) })
    }

    /// Writes a string as UTF-8, and returns the number of bytes: `None` if there may be more than
    /// there is room for.
    #[inline]
    pub(crate) fn write_text(&self, index: usize, out: &mut [u8]) -> Result<Option<usize>, Misuse> {
        let mut len = 0;
        // SAFETY: as in `int`; Node.js writes no more than `out.len()` bytes, a NUL among them.
        let status = unsafe {
            napi_sys::napi_get_value_string_utf8(
                self.env,
                self.values[index],
                out.as_mut_ptr().cast(),
                out.len(),
                &raw mut len,
            )
        };
        checked(status, "a string was expected")?;
        // A character takes at most four bytes, and is not cut.
        Ok((len + 4 < out.len()).then_some(len))
    }

    /// A string; nothing for `undefined` and all that is no string.
    pub(crate) fn text(&self, index: usize) -> Option<String> {
        let mut len = 0;
        // SAFETY: as in `int`; without a buffer, Node.js tells the length.
        let status = unsafe {
            napi_sys::napi_get_value_string_utf8(
                self.env,
                self.values[index],
                ptr::null_mut(),
                0,
                &raw mut len,
            )
        };
        checked(status, "").ok()?;
        let mut text = vec![0; len + 5];
        let len = self.write_text(index, &mut text).ok()??;
        text.truncate(len);
        String::from_utf8(text).ok()
    }

    /// What to return to JavaScript.
    pub(crate) fn value(&self, value: Value) -> napi_value {
        let mut result = ptr::null_mut();
        let out = &raw mut result;
        // SAFETY: as in `int`. Where it fails, null is returned, which JavaScript sees as
        // undefined.
        unsafe {
            match value {
                Value::Undefined => napi_sys::napi_get_undefined(self.env, out),
                Value::Int(value) => napi_sys::napi_create_int32(self.env, value, out),
                Value::Text(text) => napi_sys::napi_create_string_utf8(
                    self.env,
                    text.as_ptr().cast(),
                    text.len().cast_signed(),
                    out,
                ),
            }
        };
        result
    }
}

#[inline]
const fn checked(status: napi_sys::napi_status, expected: &'static str) -> Result<(), Misuse> {
    if status == Status::napi_ok { Ok(()) } else { Err(Misuse(expected)) }
}
