//! Certificates in files that change.

use std::{
    env, fs,
    path::{Path, PathBuf},
    sync::atomic::{AtomicU32, Ordering},
};

use bowsprit::tls::{ClientCertificates, TlsFiles};

use super::authority::Signed;

/// A folder of its own, with `cert.pem` and `key.pem`.
pub(super) struct Files {
    folder: PathBuf,
}

impl Files {
    pub(super) fn new(signed: &Signed) -> Self {
        let files = Self::empty();
        files.renew(signed);
        files
    }

    pub(super) fn empty() -> Self {
        static COUNT: AtomicU32 = AtomicU32::new(0);
        let number = COUNT.fetch_add(1, Ordering::Relaxed);
        let name = format!("bowsprit-files-{}-{number}", std::process::id());
        let folder = env::temp_dir().join(name);
        fs::create_dir_all(&folder).unwrap();
        Self { folder }
    }

    pub(super) fn folder(&self) -> &Path {
        &self.folder
    }

    pub(super) fn path(&self, name: &str) -> PathBuf {
        self.folder.join(name)
    }

    /// Replaces a file at once, as a program does that cares for who reads it.
    pub(super) fn put(&self, name: &str, contents: &str) {
        let new = self.path("new");
        fs::write(&new, contents).unwrap();
        fs::rename(new, self.path(name)).unwrap();
    }

    pub(super) fn renew(&self, signed: &Signed) {
        self.put("cert.pem", &signed.chain);
        self.put("key.pem", &signed.key);
    }

    pub(super) fn tls(&self) -> TlsFiles {
        TlsFiles::new(self.path("cert.pem"), self.path("key.pem"))
    }

    /// Also with `roots.pem` and `crl.pem`, for clients that must have a certificate.
    pub(super) fn tls_with_clients(&self) -> TlsFiles {
        self.tls()
            .client_roots(self.path("roots.pem"), ClientCertificates::Required)
            .client_crls(self.path("crl.pem"))
    }
}

impl Drop for Files {
    fn drop(&mut self) {
        let _gone = fs::remove_dir_all(&self.folder);
    }
}
