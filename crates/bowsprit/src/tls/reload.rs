//! TLS options that are replaced while a server runs.

use std::{
    collections::hash_map::RandomState,
    fmt,
    hash::BuildHasher,
    path::{Path, PathBuf},
    sync::{Arc, Mutex, MutexGuard, PoisonError, Weak},
    time::Duration,
};

use rustls::ServerConfig;
use tokio::task::AbortHandle;

use super::{TlsFailure, TlsFiles, files::Contents};
use crate::{AcceptError, error::check_runtime};

/// The shortest interval at which files are watched.
const MIN_INTERVAL: Duration = Duration::from_millis(10);

/// TLS options of a server that were read from [`TlsFiles`], and can be read again while it runs.
///
/// All clones are the same: pass one to [`ServerBuilder::tls`](crate::server::ServerBuilder::tls)
/// or [`Listener::tls`](crate::server::Listener::tls), and keep another one for reloading. Several
/// servers and listeners can share it.
///
/// After a reload, new connections use the new certificate, client roots and CRLs. Open connections
/// go on with what they have begun with. TLS sessions that began before cannot be resumed, so that
/// each client that reconnects is verified anew.
///
/// If anything is wrong with the new files, all old ones stay in use. These things are checked:
///
/// * All files can be read and parsed to their end, each certificate, key and CRL in them included.
/// * The key is that of the first certificate in the chain.
/// * That certificate has not expired and is valid already, unless it is in use.
///
/// Whether clients trust the certificate, and which names are in it, is not checked.
#[derive(Clone)]
pub struct ReloadableTls {
    shared: Arc<Shared>,
}

struct Shared {
    files: TlsFiles,
    hasher: RandomState,
    current: Mutex<Arc<ServerConfig>>,
    state: Mutex<State>,
    watch: Mutex<Option<AbortHandle>>,
}

/// What reloading has seen. Hashes instead of contents, as one of the files is a private key.
#[derive(Default)]
struct State {
    /// Of the files in use.
    loaded: Vec<u64>,
    /// Why the files were not loaded at the last attempt, and which they were if they could be
    /// read.
    failure: Option<(String, Option<Vec<u64>>)>,
}

/// Who wants a reload.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Asked {
    ByCall,
    ByWatch,
}

/// What a reload has done.
///
/// ```no_run
/// use bowsprit::{AcceptError, tls::ReloadableTls};
///
/// fn reload(tls: &ReloadableTls) -> Result<(), AcceptError> {
///     let reload = tls.reload()?;
///     match reload.changed.len() {
///         0 => println!("nothing has changed"),
///         count => println!("{count} files are new: {reload}"),
///     }
///     Ok(())
/// }
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct TlsReload {
    /// The files that had changed and are now in use. Empty if none had; then sessions that began
    /// before can still be resumed.
    pub changed: Vec<PathBuf>,
}

impl ReloadableTls {
    pub(super) fn new(files: TlsFiles) -> Result<Self, TlsFailure> {
        let hasher = RandomState::new();
        let contents = files.read()?;
        let config = contents.config()?;
        if let Err(TlsFailure(error)) = contents.check_dates() {
            tracing::warn!(%error, "clients will reject the server's certificate");
        }
        let state = State { loaded: hashes(&hasher, &contents), failure: None };
        drop(contents);
        let shared = Shared {
            files,
            hasher,
            current: Mutex::new(Arc::new(config)),
            state: Mutex::new(state),
            watch: Mutex::new(None),
        };
        Ok(Self { shared: Arc::new(shared) })
    }

    /// Reads the files again, for example on SIGHUP. Connections that begin after it has returned
    /// use the new ones. The outcome is logged as well. It blocks while it reads.
    ///
    /// ```no_run
    /// # fn example(tls: bowsprit::tls::ReloadableTls) {
    /// match tls.reload() {
    ///     Ok(reload) => println!("{reload}"), // "reloaded tls.crt, tls.key"
    ///     Err(error) => println!("the old certificate stays: {error}"),
    /// }
    /// # }
    /// ```
    ///
    /// # Errors
    ///
    /// [`AcceptError::Tls`] with the names of the files that cannot be used. Then everything stays
    /// as it was.
    pub fn reload(&self) -> Result<TlsReload, AcceptError> {
        self.shared.reload(Asked::ByCall)
    }

    /// Reads the files at this interval from now on, and reloads if their contents have changed, in
    /// whatever way they were replaced: written over, renamed, or by a symbolic link to another
    /// folder, as Kubernetes does. A failed reload is retried and logged once for each change of
    /// the files.
    ///
    /// 10 s suit most programs. The shortest interval is 10 ms. Calling it again replaces the
    /// interval. Watching ends with the last clone, which a server that uses it holds.
    ///
    /// # Errors
    ///
    /// [`AcceptError::NoRuntime`] outside of a tokio runtime.
    ///
    /// # Panics
    ///
    /// The spawned task panics if the runtime was built without time enabled; `enable_all` enables
    /// it.
    pub fn watch(&self, interval: Duration) -> Result<(), AcceptError> {
        check_runtime()?;
        let watching = watch(Arc::downgrade(&self.shared), interval.max(MIN_INTERVAL));
        let watch = tokio::spawn(watching).abort_handle();
        if let Some(before) = lock(&self.shared.watch).replace(watch) {
            before.abort();
        }
        Ok(())
    }

    pub(super) fn current(&self) -> Arc<ServerConfig> {
        Arc::clone(&lock(&self.shared.current))
    }
}

impl Shared {
    fn reload(&self, asked: Asked) -> Result<TlsReload, AcceptError> {
        let (outcome, is_new) = {
            let mut state = lock(&self.state);
            let before = state.failure.clone();
            let outcome = self.try_reload(&mut state);
            (outcome, before != state.failure)
        };
        let outcome = outcome.map_err(AcceptError::from);
        match &outcome {
            Ok(reload) if !reload.changed.is_empty() => tracing::info!("TLS: {reload}"),
            Ok(_) if is_new => tracing::info!("TLS: the files are those in use again"),
            Ok(reload) if asked == Asked::ByCall => {
                tracing::info!("TLS: {reload}");
                return outcome;
            }
            Err(error) if is_new || asked == Asked::ByCall => {
                tracing::warn!(%error, "TLS files were not reloaded; the old ones stay in use");
            }
            _ => return outcome,
        }
        if let Some(hook) = &self.files.on_reload {
            hook(&outcome);
        }
        outcome
    }

    /// Replaces the configuration if the files have changed.
    fn try_reload(&self, state: &mut State) -> Result<TlsReload, TlsFailure> {
        let mut found = None;
        let loaded = self.files.read().and_then(|contents| {
            let found = &*found.insert(hashes(&self.hasher, &contents));
            if *found == state.loaded {
                return Ok(None);
            }
            let config = contents.config()?;
            // One that is in use already is no reason to refuse new CRLs.
            if found.first() != state.loaded.first() {
                contents.check_dates()?;
            }
            Ok(Some(config))
        });
        state.failure = loaded.as_ref().err().map(|error| (error.0.to_string(), found.clone()));
        let changed = match (loaded?, found) {
            (Some(config), Some(found)) => {
                *lock(&self.current) = Arc::new(config);
                let before = std::mem::replace(&mut state.loaded, found);
                self.changed(&before, &state.loaded)
            }
            _ => Vec::new(),
        };
        Ok(TlsReload { changed })
    }

    fn changed(&self, before: &[u64], after: &[u64]) -> Vec<PathBuf> {
        let files = self.files.paths().zip(before.iter().zip(after));
        files.filter(|(_, (before, after))| before != after).map(|(file, _)| file.into()).collect()
    }
}

impl Drop for Shared {
    fn drop(&mut self) {
        if let Some(watch) = lock(&self.watch).take() {
            watch.abort();
        }
    }
}

/// Reloads until nobody uses it any more.
async fn watch(shared: Weak<Shared>, interval: Duration) {
    loop {
        tokio::time::sleep(interval).await;
        let Some(shared) = shared.upgrade() else { return };
        let reloading = tokio::task::spawn_blocking(move || shared.reload(Asked::ByWatch));
        // Errors were logged. After a panic of the application's hook, watching goes on.
        let _logged = reloading.await;
    }
}

fn hashes(hasher: &RandomState, contents: &Contents<'_>) -> Vec<u64> {
    contents.all().map(|contents| hasher.hash_one(contents)).collect()
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl fmt::Display for TlsReload {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut files = self.changed.iter().map(|file| Path::display(file));
        let Some(first) = files.next() else { return f.write_str("no file has changed") };
        write!(f, "reloaded {first}")?;
        files.try_for_each(|file| write!(f, ", {file}"))
    }
}

impl fmt::Debug for ReloadableTls {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("ReloadableTls").field(&self.shared.files).finish()
    }
}
