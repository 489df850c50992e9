//! The native half of the Node.js package: [`bowsprit_proto`] behind raw Node-API functions.
//!
//! JavaScript owns sockets, events and every Buffer; this addon has what the RFCs say. Connections
//! are known by number, and what has been received is told as numbers too, in an array that
//! JavaScript passes in, since a call that takes and returns numbers costs a tenth of one that
//! makes objects.
//!
//! Nothing here calls JavaScript except the completion of work on the thread pool. So a function
//! has the addon's state to itself while it runs.

#![expect(
    unsafe_code,
    reason = "Node-API is C; every call has its reason, and this crate nothing else"
)]

mod addon;
mod args;
mod compression;
mod constants;
mod exports;
mod extensions;
mod faults;
mod frames;
mod handshake;
mod heartbeat;
#[cfg(target_env = "msvc")]
mod host;
mod incoming;
mod memory;
mod outgoing;
mod records;
mod slots;
mod work;

use napi_sys::{napi_env, napi_value};

/// Called by Node.js when it loads the addon, once for each environment.
///
/// # Safety
///
/// For Node.js to call.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn napi_register_module_v1(env: napi_env, exports: napi_value) -> napi_value {
    #[cfg(target_env = "msvc")]
    host::find_functions();
    // SAFETY: Node.js calls this with a live environment and the object to fill.
    unsafe { exports::register(env, exports) };
    exports
}

/// The version of Node-API that this addon was written for.
#[unsafe(no_mangle)]
pub const extern "C" fn node_api_module_get_api_version_v1() -> i32 {
    6
}
