//! The functions that JavaScript sees, and the way into each of them.

use std::{
    ffi::{CStr, c_void},
    mem,
    panic::{self, AssertUnwindSafe},
    ptr,
};

use napi_sys::{Status, napi_callback_info, napi_env, napi_value};

use crate::{
    addon::Addon,
    args::{Args, MAX_ARGS, Misuse, Value},
    compression, constants, extensions, frames, handshake, heartbeat, incoming, outgoing,
};

type Function = fn(&mut Addon, &Args) -> Result<Value, Misuse>;

/// How Node.js calls a function.
type Entry = unsafe extern "C" fn(napi_env, napi_callback_info) -> napi_value;

macro_rules! functions {
    ($($name:literal = $function:path;)+) => {
        vec![$({
            unsafe extern "C" fn entry(env: napi_env, info: napi_callback_info) -> napi_value {
                // SAFETY: Node.js calls this with the environment and the info of a call, whose
                // data is the state of the addon.
                unsafe {
                    let Some((args, addon)) = arguments(env, info) else { return ptr::null_mut() };
                    run(addon, &args, $function)
                }
            }
            ($name, entry as Entry)
        },)+]
    };
}

/// Adds all functions to the addon's exports, and makes the state of this environment.
///
/// # Safety
///
/// `env` has to be live, and `exports` an object of it.
pub(crate) unsafe fn register(env: napi_env, exports: napi_value) {
    let addon = Box::into_raw(Box::<Addon>::default());
    // SAFETY: the environment is live; it hands the state to `drop_addon` when it ends.
    unsafe {
        napi_sys::napi_set_instance_data(env, addon.cast(), Some(drop_addon), ptr::null_mut());
    }
    for (name, entry) in hot_functions() {
        // SAFETY: as above. The state comes with the arguments, which is less than asking for it.
        unsafe { export(env, exports, name, entry, addon.cast()) };
    }
    for (name, function) in OTHERS {
        // SAFETY: as above, and `call` takes what is passed on to it for a function.
        unsafe { export(env, exports, name, call, *function as *mut c_void) };
    }
}

/// Adds a function. If that fails, JavaScript misses it.
///
/// # Safety
///
/// As for `register`, and `data` has to be what `entry` expects.
unsafe fn export(env: napi_env, exports: napi_value, name: &CStr, entry: Entry, data: *mut c_void) {
    let mut function = ptr::null_mut();
    let (name, len) = (name.as_ptr(), name.count_bytes().cast_signed());
    // SAFETY: the caller's promise.
    unsafe {
        napi_sys::napi_create_function(env, name, len, Some(entry), data, &raw mut function);
        napi_sys::napi_set_named_property(env, exports, name, function);
    }
}

/// The way into all functions that are not called often.
unsafe extern "C" fn call(env: napi_env, info: napi_callback_info) -> napi_value {
    let mut addon = ptr::null_mut();
    // SAFETY: Node.js calls this with the environment and the info of a call. The data is the
    // function that `register` has made this one for.
    unsafe {
        let Some((args, function)) = arguments(env, info) else { return ptr::null_mut() };
        if napi_sys::napi_get_instance_data(env, &raw mut addon) != Status::napi_ok {
            return ptr::null_mut();
        }
        run(addon, &args, mem::transmute::<*mut c_void, Function>(function))
    }
}

/// The functions that are called for each message or chunk, each with a way in of its own.
fn hot_functions() -> Vec<(&'static CStr, Entry)> {
    functions! {
        c"receive" = incoming::receive;
        c"receiveLater" = incoming::receive_later;
        c"takePayload" = incoming::take_payload;
        c"nextFragment" = outgoing::next_fragment;
        c"frameText" = frames::text;
        c"frameBytes" = frames::bytes;
        c"frameHeader" = frames::header;
        c"compress" = compression::compress;
        c"takeCompressed" = compression::take_compressed;
    }
}

/// All others have one together, which takes 15 kB less.
const OTHERS: &[(&CStr, Function)] = &[
    (c"version", version),
    (c"constants", constants::constants),
    (c"openCount", open_count),
    (c"openReceiver", incoming::open),
    (c"closeReceiver", incoming::close),
    (c"splitMessages", incoming::split_messages),
    (c"faultOf", incoming::fault_of),
    (c"openSender", outgoing::open),
    (c"closeSender", outgoing::close),
    (c"checkClose", outgoing::check_close),
    (c"frameClose", frames::close),
    (c"openHeartbeat", heartbeat::open),
    (c"closeHeartbeat", heartbeat::close),
    (c"heartbeatDelay", heartbeat::delay),
    (c"tickHeartbeats", heartbeat::tick),
    (c"openCompression", compression::open),
    (c"closeCompression", compression::close),
    (c"compressLater", compression::compress_later),
    (c"openDecompression", compression::open_decompression),
    (c"closeDecompression", compression::close_decompression),
    (c"decompress", compression::decompress),
    (c"decompressLater", compression::decompress_later),
    (c"faultIn", compression::fault_in),
    (c"takeDecompressed", compression::take_decompressed),
    (c"parseExtensions", extensions::parse),
    (c"formatExtensions", extensions::format),
    (c"parseSubprotocols", extensions::parse_subprotocols),
    (c"offerDeflate", extensions::offer),
    (c"negotiateDeflate", extensions::negotiate),
    (c"keyFor", handshake::new_key),
    (c"acceptKey", handshake::accept_key),
    (c"mayRequest", handshake::may_request),
    (c"checkRequest", handshake::check_request),
    (c"checkResponse", handshake::check_response),
];

unsafe extern "C" fn drop_addon(_env: napi_env, addon: *mut c_void, _hint: *mut c_void) {
    // SAFETY: the pointer that `register` made, handed back once.
    drop(unsafe { Box::from_raw(addon.cast::<Addon>()) });
}

/// The arguments of a call, and the data that belongs to its function.
///
/// # Safety
///
/// For Node.js to call, with the environment and the info of a call.
#[inline]
unsafe fn arguments(env: napi_env, info: napi_callback_info) -> Option<(Args, *mut c_void)> {
    let mut values = [ptr::null_mut(); MAX_ARGS];
    let (mut len, mut data) = (MAX_ARGS, ptr::null_mut());
    // SAFETY: the caller's promise; there is room for as many arguments as `len` says, and they
    // are those of this call.
    unsafe {
        let status = napi_sys::napi_get_cb_info(
            env,
            info,
            &raw mut len,
            values.as_mut_ptr(),
            ptr::null_mut(),
            &raw mut data,
        );
        (status == Status::napi_ok && !data.is_null()).then(|| (Args::new(env, values), data))
    }
}

/// Runs a function with its arguments. Neither a panic nor an error crosses the boundary but as an
/// exception of JavaScript.
///
/// # Safety
///
/// `addon` has to be the state that `register` made for the environment of this call. Its thread
/// runs one function at a time, as no function calls JavaScript.
#[inline]
unsafe fn run(addon: *mut c_void, args: &Args, function: Function) -> napi_value {
    // SAFETY: the caller's promise.
    let addon = unsafe { &mut *addon.cast::<Addon>() };
    let result = panic::catch_unwind(AssertUnwindSafe(|| function(addon, args)));
    match result {
        Ok(Ok(value)) => args.value(value),
        Ok(Err(Misuse(message))) => throw(args.env(), message),
        Err(_) => throw(args.env(), "the addon of bowsprit has failed: this is a bug"),
    }
}

#[cold]
fn throw(env: napi_env, message: &str) -> napi_value {
    let message: Vec<u8> = message.bytes().chain([0]).collect();
    // SAFETY: the environment of the call under way, and a text that ends with NUL.
    unsafe { napi_sys::napi_throw_error(env, ptr::null(), message.as_ptr().cast()) };
    ptr::null_mut()
}

/// `openCount() -> number`: how many of what was opened have not been closed.
fn open_count(addon: &mut Addon, _: &Args) -> Result<Value, Misuse> {
    let Addon { incoming, outgoing, heartbeats, compressions, decompressions, .. } = addon;
    let count = incoming.len()
        + outgoing.len()
        + heartbeats.len()
        + compressions.len()
        + decompressions.len();
    Ok(Value::Int(i32::try_from(count).unwrap_or(i32::MAX)))
}

/// `version() -> string`: has to be the package's.
fn version(_: &mut Addon, _: &Args) -> Result<Value, Misuse> {
    Ok(Value::Text(env!("CARGO_PKG_VERSION").to_owned()))
}
