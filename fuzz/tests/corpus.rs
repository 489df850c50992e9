//! Replays the corpus of every target: each file, each cut of it, and each with one byte changed.

use std::{fs, path::Path};

use bowsprit_fuzz::{TARGETS, Target};

#[test]
fn no_target_panics_on_its_corpus() {
    for Target { name, run } in TARGETS {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("corpus").join(name);
        let mut files = 0;
        for entry in fs::read_dir(&folder).unwrap_or_else(|e| panic!("{}: {e}", folder.display())) {
            let bytes = fs::read(entry.unwrap().path()).unwrap();
            files += 1;
            for len in 0..=bytes.len() {
                run(&bytes[..len]);
            }
            for at in 0..bytes.len() {
                for bit in [0x01, 0x80, 0x20] {
                    let mut changed = bytes.clone();
                    changed[at] ^= bit;
                    run(&changed);
                }
            }
        }
        assert!(files > 0, "{name} has no corpus");
    }
}
