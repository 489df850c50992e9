//! The functions of Node-API on Windows, where a library names the executable that it takes a
//! function from. `node.exe` may have been renamed, and Electron has another name, so they are
//! looked up in whatever executable is running.

use std::{mem, panic, sync::Once};

static LOOKED_UP: Once = Once::new();

/// Looks up the functions, before any of them is called. Worker threads share them.
pub(crate) fn find_functions() {
    LOOKED_UP.call_once(|| {
        // SAFETY: nothing else calls a function of Node-API meanwhile, as every environment is
        // registered after this. The executable stays loaded, because it is not released.
        let host = panic::catch_unwind(|| unsafe { napi_sys::setup() });
        // Without them, each function reports that it was not loaded.
        mem::forget(host);
    });
}
