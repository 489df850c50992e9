//! A headless browser and its pages.

use std::{
    env, fs,
    path::PathBuf,
    process::{self, Command},
    sync::atomic::{AtomicU32, Ordering},
};

use serde_json::{Value, json};

use super::{devtools::Devtools, process::Process};

/// As in `scripts/setup-browser`. `BOWSPRIT_BROWSER` names another one.
const NAMES: [&str; 2] = ["chromium-headless-shell", "chromium"];

const OPTIONS: [&str; 9] = [
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--remote-debugging-port=0",
];

/// A browser of its own; ended when dropped.
pub(super) struct Chromium {
    devtools: Devtools,
    authority: String,
    // Fields are dropped in this order: what writes to the directory ends before it goes.
    _process: Process,
    _profile: Directory,
}

impl Chromium {
    pub(super) async fn start() -> Self {
        Self::start_with(&[]).await
    }

    /// The same with further options.
    pub(super) async fn start_with(options: &[&str]) -> Self {
        let profile = Directory::new();
        let mut process = launch(&profile, options);
        let url = process.wait_for("DevTools listening on ");
        let authority = url.split('/').nth(2).unwrap().to_owned();
        let devtools = Devtools::connect(&url).await;
        Self { devtools, authority, _process: process, _profile: profile }
    }

    /// Opens a page and waits until it is loaded.
    pub(super) async fn open(&mut self, url: &str) -> Page {
        let params =
            json!({ "url": "about:blank", "newWindow": true, "width": 1000, "height": 700 });
        let target = self.devtools.call("Target.createTarget", params).await;
        let id = target["targetId"].as_str().unwrap();
        let devtools = format!("ws://{}/devtools/page/{id}", self.authority);
        let mut page = Page { devtools: Devtools::connect(&devtools).await };
        page.load(url).await;
        page
    }
}

fn launch(profile: &Directory, options: &[&str]) -> Process {
    let wanted = env::var("BOWSPRIT_BROWSER");
    let names = wanted.as_ref().map_or(NAMES.to_vec(), |name| vec![name.as_str()]);
    for name in names {
        let mut command = Command::new(name);
        command.args(OPTIONS).args(options);
        command.arg(format!("--user-data-dir={}", profile.0.display()));
        if let Ok(process) = Process::start(&mut command) {
            return process;
        }
    }
    panic!("there is no Chromium: run scripts/setup-browser");
}

/// A page that is open in a browser.
pub(super) struct Page {
    devtools: Devtools,
}

impl Page {
    async fn load(&mut self, url: &str) {
        self.devtools.call("Page.enable", json!({})).await;
        self.devtools.call("Page.setLifecycleEventsEnabled", json!({ "enabled": true })).await;
        let navigation = self.devtools.call("Page.navigate", json!({ "url": url })).await;
        let loader = &navigation["loaderId"];
        let is_loaded = |event: &Value| event["name"] == "load" && event["loaderId"] == *loader;
        self.devtools.wait_for("Page.lifecycleEvent", is_loaded).await;
    }

    /// Returns what a script comes to; if that is a promise, what it is kept with.
    pub(super) async fn evaluate(&mut self, script: &str) -> Value {
        let params = json!({ "expression": script, "awaitPromise": true, "returnByValue": true });
        let mut evaluated = self.devtools.call("Runtime.evaluate", params).await;
        assert!(evaluated["exceptionDetails"].is_null(), "{script}: {evaluated}");
        evaluated["result"]["value"].take()
    }

    /// Types a text, as from a keyboard, into what has the focus.
    pub(super) async fn type_text(&mut self, text: &str) {
        self.devtools.call("Input.insertText", json!({ "text": text })).await;
    }

    pub(super) async fn press_enter(&mut self) {
        for kind in ["keyDown", "keyUp"] {
            let key = json!({
                "type": kind, "key": "Enter", "code": "Enter", "text": "\r",
                "windowsVirtualKeyCode": 13,
            });
            self.devtools.call("Input.dispatchKeyEvent", key).await;
        }
    }

    pub(super) async fn close(mut self) {
        self.devtools.call("Page.close", json!({})).await;
    }
}

/// A directory for temporary files; removed when dropped.
struct Directory(PathBuf);

impl Directory {
    fn new() -> Self {
        static COUNT: AtomicU32 = AtomicU32::new(0);
        let count = COUNT.fetch_add(1, Ordering::Relaxed);
        let path = env::temp_dir().join(format!("bowsprit-browser-{}-{count}", process::id()));
        fs::create_dir(&path).unwrap();
        Self(path)
    }
}

impl Drop for Directory {
    fn drop(&mut self) {
        let removed = fs::remove_dir_all(&self.0);
        assert!(removed.is_ok() || std::thread::panicking(), "{removed:?}");
    }
}
