//! Work on the thread pool of Node.js. What goes there is copied first: no thread reads memory of
//! JavaScript.

use std::{
    ffi::c_void,
    panic::{self, AssertUnwindSafe},
    ptr,
};

use napi_sys::{Status, napi_async_work, napi_env, napi_ref, napi_status};

use crate::{
    addon::Addon,
    args::{Args, Misuse, Value},
};

/// Something to do on a thread of the pool.
pub(crate) trait Task: Send {
    /// Does it.
    fn run(&mut self);

    /// Gives the result to its connection, on the thread of the environment, and returns what the
    /// callback gets. Unless it is `done`, `run` has not returned, and nothing of the task is in
    /// order.
    fn settle(self: Box<Self>, addon: &mut Addon, done: bool) -> i32;
}

/// A task on its way through the pool.
struct Job {
    task: Box<dyn Task>,
    done: bool,
    callback: napi_ref,
    work: napi_async_work,
}

/// Has a thread of the pool do a task, and then calls the function that is an argument of this call
/// with the result.
pub(crate) fn queue(
    addon: &mut Addon,
    args: &Args,
    callback: usize,
    task: Box<dyn Task>,
) -> Result<Value, Misuse> {
    let callback = args.reference(callback)?;
    let job = Box::new(Job { task, done: false, callback, work: ptr::null_mut() });
    // SAFETY: the environment of this call; the job is handed over to the work.
    let refused = unsafe { args.queue(Box::into_raw(job)) };
    refused.map_or(Ok(Value::Undefined), |job| {
        job.task.settle(addon, false);
        Err(Misuse("the thread pool takes no work"))
    })
}

impl Args {
    /// Queues a job; returns it if that fails.
    ///
    /// # Safety
    ///
    /// `job` has to be a `Box` that nobody else owns.
    unsafe fn queue(&self, job: *mut Job) -> Option<Box<Job>> {
        let name = self.value(Value::Text("bowsprit:work".to_owned()));
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
            if status == Status::napi_ok {
                napi_sys::napi_queue_async_work(self.env(), (*job).work)
            } else {
                status
            }
        };
        // SAFETY: where it was not queued, this is the only owner.
        (status != Status::napi_ok).then(|| unsafe { Box::from_raw(job) })
    }
}

/// Does the task, on a thread of the pool.
unsafe extern "C" fn execute(_env: napi_env, job: *mut c_void) {
    // SAFETY: the job of `queue`; nobody else uses it until `complete`.
    let job = unsafe { &mut *job.cast::<Job>() };
    job.done = panic::catch_unwind(AssertUnwindSafe(|| job.task.run())).is_ok();
}

/// Gives the result to its connection and calls JavaScript, on its thread.
unsafe extern "C" fn complete(env: napi_env, _status: napi_status, job: *mut c_void) {
    // SAFETY: the job of `queue`, which is done.
    let Job { task, done, callback, work } = *unsafe { Box::from_raw(job.cast::<Job>()) };
    let mut addon = ptr::null_mut();
    // SAFETY: a live environment, whose state is only used until JavaScript is called.
    let addon = unsafe {
        napi_sys::napi_get_instance_data(env, &raw mut addon);
        addon.cast::<Addon>().as_mut()
    };
    let result = addon.map_or(-1, |addon| task.settle(addon, done));
    let mut argument = ptr::null_mut();
    let (mut function, mut undefined) = (ptr::null_mut(), ptr::null_mut());
    // SAFETY: as above; Node.js has opened a scope for handles. What JavaScript throws, Node.js
    // reports.
    unsafe {
        napi_sys::napi_delete_async_work(env, work);
        napi_sys::napi_create_int32(env, result, &raw mut argument);
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
