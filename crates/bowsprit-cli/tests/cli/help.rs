//! `--help` and `--version`.

use super::program::{run, run_with};

#[test]
fn the_help_lists_the_exit_codes() {
    for args in [&["--help"][..], &["connect", "--help"], &["connect", "-h"]] {
        let ended = run(args, b"");
        assert_eq!(ended.code, Some(0), "{args:?}");
        let help = String::from_utf8(ended.stdout).unwrap();
        assert!(help.contains("3  the server refused the handshake\n"), "{help}");
    }
}

#[test]
fn the_help_is_as_wide_as_the_terminal_and_no_wider_than_100_columns() {
    for (columns, max_width) in [("60", 60), ("300", 100)] {
        for args in [&["--help"][..], &["serve", "-h"], &["connect", "--help"]] {
            let ended = run_with(&[("COLUMNS", columns)], args);
            let width = ended.lines().iter().map(|line| line.chars().count()).max();
            assert!(width.is_some_and(|width| width <= max_width), "{args:?}: {width:?}");
        }
    }
}

#[test]
fn the_version_is_that_of_bowsprit() {
    let version = concat!("bowsprit ", env!("CARGO_PKG_VERSION"));
    for args in [&["--version"][..], &["-V"]] {
        assert_eq!(run(args, b"").lines(), [version]);
    }
}
