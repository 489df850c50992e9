//! What the documentation shows of an example is what the example says.

use std::{fs, path::Path};

/// Stands before a code block that is cut out of a file.
const MARK: &str = "<!-- excerpt of ";

/// The named file and the block, for each that is an excerpt.
fn excerpts(markdown: &str) -> Vec<(&str, &str)> {
    let sections = markdown.split(MARK).skip(1);
    sections
        .map(|section| {
            let (file, rest) = section.split_once(" -->\n```rust\n").expect("a code block follows");
            (file, rest.split_once("```\n").expect("it ends").0)
        })
        .collect()
}

#[test]
fn what_the_documentation_shows_is_in_the_examples() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap();
    let mut checked = 0;
    for entry in fs::read_dir(root.join("docs")).unwrap() {
        let page = entry.unwrap().path();
        if page.extension().is_none_or(|extension| extension != "md") {
            continue;
        }
        let markdown = fs::read_to_string(&page).unwrap();
        for (file, block) in excerpts(&markdown) {
            let source = fs::read_to_string(root.join(file)).unwrap();
            assert!(source.contains(block), "{}: not in {file}:\n{block}", page.display());
            checked += 1;
        }
    }
    assert!(checked > 0, "there are no excerpts");
}
