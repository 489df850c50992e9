//! The public names, all of them: taking one away is a breaking change.

mod exports {
    pub(crate) mod scan;
}

#[test]
fn public_names_are_those_that_are_listed() {
    exports::scan::check(env!("CARGO_MANIFEST_DIR"), "tests/exports/names.txt");
}
