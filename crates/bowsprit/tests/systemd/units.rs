//! The units of `docs/deployment.md`, as systemd reads them.

use std::{fs, process::Command};

use super::manager::folder;

const PAGE: &str = include_str!("../../../../docs/deployment.md");

/// The blocks of units, each after a sentence that begins with its path.
fn units() -> Vec<(&'static str, &'static str)> {
    let blocks = PAGE.split("`/etc/systemd/system/").skip(1);
    let units = blocks.map(|text| {
        let (name, text) = text.split_once('`').unwrap();
        let unit = text.split_once("```ini\n").unwrap().1.split_once("```").unwrap().0;
        (name, unit)
    });
    units.collect()
}

#[test]
#[ignore = "needs systemd-analyze"]
fn systemd_analyze_verifies_the_units_of_the_documentation() {
    let units = units();
    let names: Vec<_> = units.iter().map(|(name, _)| *name).collect();
    assert_eq!(names, ["chat.socket", "chat.service"]);
    let verify = |change: fn(&str) -> String| {
        let folder = folder();
        let files = units.iter().map(|(name, unit)| {
            let file = folder.join(name);
            fs::write(&file, change(unit)).unwrap();
            file
        });
        let verified = Command::new("systemd-analyze").arg("verify").args(files).output();
        let verified = verified.expect("systemd-analyze is not installed");
        fs::remove_dir_all(&folder).unwrap();
        String::from_utf8_lossy(&verified.stderr).into_owned()
    };
    // The program has to be there.
    let here = |unit: &str| unit.replace("/usr/local/bin/chat", "/bin/true");
    assert_eq!(verify(here), "");
    let told = verify(|unit| unit.replace("UMask=", "UMaks="));
    assert!(told.contains("Unknown key") && told.contains("/usr/local/bin/chat"), "{told}");
}
