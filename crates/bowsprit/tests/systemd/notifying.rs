//! What systemd is told by a service.

use std::time::Duration;

use super::manager::{Notifications, Unit};

#[test]
fn systemd_is_told_of_the_start_of_reloads_and_of_the_end() {
    for is_abstract in [false, true] {
        let notifications = Notifications::new(is_abstract);
        let notify = Some(notifications.name.clone());
        let service = Unit { notify, ..Unit::default() }.start("notifying");
        assert_eq!(notifications.next(), "READY=1");
        let reloading = notifications.next();
        let micros = reloading.strip_prefix("RELOADING=1\nMONOTONIC_USEC=").unwrap();
        assert!(micros.parse::<u64>().unwrap() > 0);
        assert_eq!(notifications.next(), "READY=1");
        assert_eq!(notifications.next(), "STATUS=two READY=0");
        assert_eq!(notifications.next(), "STOPPING=1");
        service.end();
    }
}

#[test]
fn a_watchdog_is_told_again_and_again() {
    let notifications = Notifications::new(false);
    let notify = Some(notifications.name.clone());
    let watchdog = Some(Duration::from_millis(20));
    let _service = Unit { notify, watchdog, ..Unit::default() }.start("watched");
    assert_eq!(notifications.next(), "READY=1");
    for _ in 0..3 {
        assert_eq!(notifications.next(), "WATCHDOG=1");
    }
}

#[test]
fn without_systemd_nothing_is_told_and_nothing_fails() {
    Unit::default().start("told_to_nobody").end();
    let gone = Notifications::new(false).name.clone();
    Unit { notify: Some(gone), ..Unit::default() }.start("told_to_nobody").end();
}
