//! Compression on the thread pool of Node.js. What goes there is copied first: no thread reads
//! memory of JavaScript.

use std::{
    ffi::c_void,
    panic::{self, AssertUnwindSafe},
    ptr,
};

use bowsprit_proto::deflate::FrameCompressor;
use napi_sys::{napi_async_work, napi_env, napi_ref, napi_status};

use crate::{
    addon::Addon,
    args::{Args, Misuse, Value},
    compression::CLOSED,
};

/// A payload on its way through the pool.
struct Job {
    id: usize,
    payload: Vec<u8>,
    fin: bool,
    /// `None` if compressing has panicked.
    context: Option<FrameCompressor>,
    output: Vec<u8>,
    callback: napi_ref,
    work: napi_async_work,
}

/// `compressLater(id, payload, fin, callback)`: calls `callback(length)`, when `takeCompressed` has
/// the result, or `callback(-1)` if the connection was closed meanwhile. One at a time for each id.
pub(crate) fn compress_later(addon: &mut Addon, args: &Args) -> Result<Value, Misuse> {
    let Addon { compressions, compressors, .. } = addon;
    let id = args.size(0)?;
    let compression = compressions.get_mut(id).ok_or(CLOSED)?;
    let (payload, fin) = (args.bytes(1)?.into_owned(), args.int(2)? != 0);
    let callback = args.reference(3)?;
    let context = Some(compression.take_context(compressors));
    let (output, work) = (Vec::new(), ptr::null_mut());
    let job = Box::new(Job { id, payload, fin, context, output, callback, work });
    // SAFETY: the environment of this call; the job is handed over to the work.
    unsafe { args.queue(Box::into_raw(job)) }
}

impl Args {
    /// Queues a job.
    ///
    /// # Safety
    ///
    /// `job` has to be a `Box` that nobody else owns.
    unsafe fn queue(&self, job: *mut Job) -> Result<Value, Misuse> {
        let name = self.value(Value::Text("bowsprit:compress".to_owned()));
        // SAFETY: the job lives until `complete`, which is called once after `execute`.
        let status = unsafe {
            let status = napi_sys::napi_create_async_work(
                self.env(),
                ptr::null_mut(),
                name,
                Some(execute),
                Some(complete),
                job.cast(),
                &raw mut (*job).work,
            );
            if status == napi_sys::Status::napi_ok {
                napi_sys::napi_queue_async_work(self.env(), (*job).work)
            } else {
                status
            }
        };
        if status == napi_sys::Status::napi_ok {
            return Ok(Value::Undefined);
        }
        // SAFETY: it was not queued, so this is the only owner.
        drop(unsafe { Box::from_raw(job) });
        Err(Misuse("the thread pool takes no work"))
    }
}

/// Compresses, on a thread of the pool.
unsafe extern "C" fn execute(_env: napi_env, job: *mut c_void) {
    // SAFETY: the job of `queue`; nobody else uses it until `complete`.
    let job = unsafe { &mut *job.cast::<Job>() };
    let Some(mut context) = job.context.take() else { return };
    job.context = panic::catch_unwind(AssertUnwindSafe(|| {
        context.frame(&job.payload, job.fin, &mut job.output);
        context
    }))
    .ok();
}

/// Gives the result to its connection and calls JavaScript, on its thread.
unsafe extern "C" fn complete(env: napi_env, _status: napi_status, job: *mut c_void) {
    // SAFETY: the job of `queue`, which is done.
    let job = unsafe { Box::from_raw(job.cast::<Job>()) };
    let (callback, work) = (job.callback, job.work);
    let mut addon = ptr::null_mut();
    // SAFETY: a live environment, whose state is only used until JavaScript is called.
    let addon = unsafe {
        napi_sys::napi_get_instance_data(env, &raw mut addon);
        addon.cast::<Addon>().as_mut()
    };
    let len = addon.map_or(-1, |addon| settle(*job, addon));
    let mut argument = ptr::null_mut();
    let (mut function, mut undefined) = (ptr::null_mut(), ptr::null_mut());
    // SAFETY: as above; Node.js has opened a scope for handles. What JavaScript throws, Node.js
    // reports.
    unsafe {
        napi_sys::napi_delete_async_work(env, work);
        napi_sys::napi_create_int32(env, len, &raw mut argument);
        napi_sys::napi_get_undefined(env, &raw mut undefined);
        napi_sys::napi_get_reference_value(env, callback, &raw mut function);
        napi_sys::napi_delete_reference(env, callback);
        napi_sys::napi_call_function(
            env,
            undefined,
            function,
            1,
            &raw const argument,
            ptr::null_mut(),
        );
    }
}

fn settle(job: Job, addon: &mut Addon) -> i32 {
    let Addon { compressions, compressors, .. } = addon;
    let (Some(compression), Some(context)) = (compressions.get_mut(job.id), job.context) else {
        return -1;
    };
    compression.output = job.output;
    compression.put_back(context, job.fin, compressors);
    i32::try_from(compression.output.len()).unwrap_or(-1)
}
