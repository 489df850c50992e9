//! Feeds one target, named by `FUZZ_TARGET`, with what libFuzzer comes up with. See `scripts/fuzz`.

#![no_main]

use std::{env, sync::LazyLock};

use bowsprit_fuzz::TARGETS;
use libfuzzer_sys::fuzz_target;

static RUN: LazyLock<fn(&[u8])> = LazyLock::new(|| {
    let name = env::var("FUZZ_TARGET").unwrap_or_default();
    let target = TARGETS.iter().find(|target| target.name == name);
    target.unwrap_or_else(|| panic!("FUZZ_TARGET={name}: there is no such target")).run
});

fuzz_target!(|bytes: &[u8]| RUN(bytes));
