//! The public names, all of them: taking one away is a breaking change.

#[path = "../../bowsprit-proto/tests/exports/scan.rs"]
mod scan;

#[test]
fn public_names_are_those_that_are_listed() {
    scan::check(env!("CARGO_MANIFEST_DIR"), "tests/exports/names.txt");
}
