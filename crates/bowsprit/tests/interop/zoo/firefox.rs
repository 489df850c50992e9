//! A browser, in which a page of our server is the peer.

use std::{
    env, fs,
    path::PathBuf,
    process::{self, Command},
};

/// Debian's name first.
const NAMES: [&str; 2] = ["firefox-esr", "firefox"];

/// Nothing but the page is to be fetched.
const PREFERENCES: &str = r#"
user_pref("app.normandy.enabled", false);
user_pref("app.update.enabled", false);
user_pref("browser.aboutwelcome.enabled", false);
user_pref("browser.newtabpage.enabled", false);
user_pref("browser.safebrowsing.malware.enabled", false);
user_pref("browser.safebrowsing.phishing.enabled", false);
user_pref("browser.search.update", false);
user_pref("browser.shell.checkDefaultBrowser", false);
user_pref("datareporting.policy.dataSubmissionEnabled", false);
user_pref("dom.push.connection.enabled", false);
user_pref("extensions.update.enabled", false);
user_pref("network.captive-portal-service.enabled", false);
user_pref("network.connectivity-service.enabled", false);
user_pref("services.settings.server", "http://127.0.0.1:9/");
user_pref("toolkit.telemetry.server", "http://127.0.0.1:9/");
"#;

/// A home of its own, removed when dropped.
pub(super) struct Profile(PathBuf);

impl Profile {
    pub(super) fn new() -> Self {
        let path = env::temp_dir().join(format!("bowsprit-firefox-{}", process::id()));
        fs::create_dir_all(&path).unwrap();
        fs::write(path.join("user.js"), PREFERENCES).unwrap();
        Self(path)
    }

    /// What opens a page with it.
    pub(super) fn open(&self, program: &str, url: &str) -> Command {
        let mut command = Command::new(program);
        command.arg("--headless").arg("--profile").arg(&self.0).arg(url).env("HOME", &self.0);
        command
    }
}

impl Drop for Profile {
    fn drop(&mut self) {
        let removed = fs::remove_dir_all(&self.0);
        assert!(removed.is_ok() || std::thread::panicking(), "{removed:?}");
    }
}

/// The browser that this machine has.
pub(super) fn find() -> Option<&'static str> {
    NAMES.into_iter().find(|name| super::peer::runs(name.as_ref()))
}
