//! Certificates that are renewed while a server runs, found by watching the files.

use std::{fs, os::unix::fs::symlink, sync::Arc, time::Duration};

use bowsprit::{AcceptError, tls::TlsFiles};
use tokio::{
    sync::mpsc::{UnboundedReceiver, unbounded_channel},
    time::{sleep, timeout},
};

use super::{
    authority::{Authority, Signed, check_echo, connect, echo},
    files::Files,
};

const INTERVAL: Duration = Duration::from_millis(10);
const TOO_LONG: Duration = Duration::from_secs(30);

/// The texts of what was reloaded and of failures.
struct Outcomes(UnboundedReceiver<Result<String, String>>);

impl Outcomes {
    fn of(files: TlsFiles) -> (TlsFiles, Self) {
        let (seen, outcomes) = unbounded_channel();
        let files = files.on_reload(move |outcome| {
            let outcome = outcome.as_ref().map(ToString::to_string).map_err(ToString::to_string);
            let _ended = seen.send(outcome);
        });
        (files, Self(outcomes))
    }

    async fn next(&mut self) -> Result<String, String> {
        timeout(TOO_LONG, self.0.recv()).await.expect("nothing was reloaded").unwrap()
    }
}

/// Writes a pair into a folder of its own, and has the link `..data` lead there, as Kubernetes
/// does with a volume of secrets.
fn swap(files: &Files, folder: &str, signed: &Signed) {
    fs::create_dir(files.path(folder)).unwrap();
    fs::write(files.path(folder).join("tls.crt"), &signed.chain).unwrap();
    fs::write(files.path(folder).join("tls.key"), &signed.key).unwrap();
    symlink(folder, files.path("..data_tmp")).unwrap();
    fs::rename(files.path("..data_tmp"), files.path("..data")).unwrap();
}

#[tokio::test]
async fn a_link_that_leads_elsewhere_is_noticed() {
    let (old, new) = (Authority::new(), Authority::new());
    let files = Files::empty();
    swap(&files, "..2026_01", &old.server("localhost"));
    for name in ["tls.crt", "tls.key"] {
        symlink(format!("..data/{name}"), files.path(name)).unwrap();
    }
    let tls = TlsFiles::new(files.path("tls.crt"), files.path("tls.key"));
    let (tls, mut outcomes) = Outcomes::of(tls);
    let tls = tls.load().unwrap();
    tls.watch(INTERVAL).unwrap();
    let addr = echo(tls).await;
    let mut open = connect(old.trusting(), "localhost", addr).await.unwrap();
    swap(&files, "..2026_02", &new.server("localhost"));
    // The key may be read after the swap and the certificate before; the next look heals that.
    while outcomes.next().await.is_err() {}
    check_echo(&mut connect(new.trusting(), "localhost", addr).await.unwrap()).await;
    connect(old.trusting(), "localhost", addr).await.unwrap_err();
    check_echo(&mut open).await;
}

#[tokio::test(start_paused = true)]
async fn a_failure_is_reported_once_for_each_change() {
    let authority = Authority::new();
    let good = authority.server("localhost");
    let files = Files::new(&good);
    let (tls, mut outcomes) = Outcomes::of(files.tls());
    let tls = tls.load().unwrap();
    tls.watch(INTERVAL).unwrap();
    // The clock goes on by itself when nothing else is to do, so these are many looks.
    let many_looks = || sleep(INTERVAL * 10);
    many_looks().await;
    for contents in ["", "-----BEGIN CERTIFICATE-----\n", &Signed::by_itself("x").chain] {
        files.put("cert.pem", contents);
        many_looks().await;
        let failure = outcomes.0.try_recv().unwrap().unwrap_err();
        assert!(failure.contains("cert.pem"), "{failure}");
        assert!(outcomes.0.try_recv().is_err(), "reported twice: {contents:?}");
    }
    fs::remove_file(files.path("cert.pem")).unwrap();
    many_looks().await;
    outcomes.0.try_recv().unwrap().unwrap_err();
    files.put("cert.pem", &good.chain);
    many_looks().await;
    let healed = outcomes.0.try_recv().unwrap();
    assert_eq!(healed.as_deref(), Ok("no file has changed"), "what is in use was loaded again");
    assert!(outcomes.0.try_recv().is_err());
    files.renew(&authority.server("localhost"));
    many_looks().await;
    assert!(outcomes.next().await.unwrap().starts_with("reloaded "));
    assert!(outcomes.0.try_recv().is_err());
}

#[tokio::test(start_paused = true)]
async fn a_new_interval_replaces_the_old_one_and_the_last_clone_ends_it() {
    let files = Files::new(&Authority::new().server("localhost"));
    let token = Arc::new(());
    let held = Arc::clone(&token);
    let tls = files.tls().on_reload(move |_| drop(Arc::clone(&held))).load().unwrap();
    tls.watch(Duration::ZERO).unwrap();
    tls.watch(Duration::from_secs(3600)).unwrap();
    let clone = tls.clone();
    drop(tls);
    sleep(Duration::from_secs(60)).await;
    assert_eq!(Arc::strong_count(&token), 2);
    drop(clone);
    assert_eq!(Arc::strong_count(&token), 1);
    let metrics = tokio::runtime::Handle::current().metrics();
    tokio::task::yield_now().await;
    assert_eq!(metrics.num_alive_tasks(), 0);
}

#[test]
fn watching_needs_a_runtime() {
    let files = Files::new(&Authority::new().server("localhost"));
    let tls = files.tls().load().unwrap();
    assert!(matches!(tls.watch(INTERVAL), Err(AcceptError::NoRuntime)));
}
