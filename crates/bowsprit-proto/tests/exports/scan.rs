//! The public names of a crate, from its sources.
//!
//! rustfmt puts items at the beginning of a line and their members four columns in, so lines are
//! enough. What features take away is there as well: the text is read, not the build.

use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    path::{Path, PathBuf},
};

/// The names of the crate whose sources are here: modules, items, and what types have.
pub(crate) fn public_names(src: &Path) -> BTreeSet<String> {
    let mut scan = Scan::default();
    scan.file(&src.join("lib.rs"), src, "", true);
    let mut names = BTreeSet::new();
    for (module, name) in &scan.exported {
        let full = join(module, name);
        let members = scan.members.get(&full).or_else(|| scan.members.get(name));
        names.extend(members.into_iter().flatten().map(|member| join(&full, member)));
        names.insert(full);
    }
    names
}

#[derive(Default)]
struct Scan {
    /// Public module and name.
    exported: BTreeSet<(String, String)>,
    /// By type, with the public module that it is in.
    members: BTreeMap<String, BTreeSet<String>>,
}

impl Scan {
    /// Reads a file of the module `module`, or of a private one within that.
    fn file(&mut self, path: &Path, folder: &Path, module: &str, public: bool) {
        let text = fs::read_to_string(path).expect("a module's file");
        let text = text.split("\n#[cfg(test)]\nmod tests {").next().unwrap_or_default();
        let mut outer = Outer::Nothing;
        let mut lines = text.lines();
        while let Some(line) = lines.next() {
            if let Some(name) = line.strip_prefix("pub mod ").and_then(|l| l.strip_suffix(';')) {
                self.submodule(folder, &join(module, name), name, true);
                self.exported.insert((module.into(), name.into()));
            } else if let Some(name) = private_module(line) {
                self.submodule(folder, module, name, false);
            } else if let Some(used) = line.trim_start().strip_prefix("pub use ") {
                let mut used = used.to_owned();
                while !used.ends_with(';') {
                    used.push_str(lines.next().expect("the end of a use"));
                }
                let inner = line.starts_with(' ').then(|| outer.module(module));
                self.export_used(inner.as_deref().unwrap_or(module), &used, public);
            } else if let Some(begun) = Outer::begin(line) {
                if let (true, Some(name)) = (public, begun.exported()) {
                    self.exported.insert((module.into(), name.into()));
                }
                outer = begun;
            } else if let Some((of, member)) = outer.member(line) {
                self.members.entry(join(module, of)).or_default().insert(member.into());
            }
        }
    }

    fn export_used(&mut self, module: &str, used: &str, public: bool) {
        if public {
            let names = used_names(used.trim_end_matches(';'));
            self.exported.extend(names.into_iter().map(|name| (module.to_owned(), name)));
        }
    }

    fn submodule(&mut self, folder: &Path, module: &str, name: &str, public: bool) {
        let name = name.trim_start_matches("r#");
        let inner = folder.join(name);
        let file: PathBuf = folder.join(format!("{name}.rs"));
        let file = if file.exists() { file } else { inner.join("mod.rs") };
        self.file(&file, &inner, module, public);
    }
}

/// The item whose members follow.
enum Outer {
    Nothing,
    /// With whether it is public.
    Function(String, bool),
    Struct(String, bool),
    Enum(String, bool),
    Trait(String, bool),
    Impl(String),
    Module(String),
}

impl Outer {
    fn begin(line: &str) -> Option<Self> {
        let public = line.starts_with("pub ") && !line.starts_with("pub(");
        let item = line.strip_prefix("pub ").unwrap_or(line);
        if let Some(of) = item.strip_prefix("impl") {
            let of = of.split(" where").next().unwrap_or(of);
            // What traits have belongs to the traits.
            return Some(if of.contains(" for ") {
                Self::Nothing
            } else {
                Self::Impl(type_of(of))
            });
        }
        let item = ["const fn ", "async fn ", "unsafe fn "].iter().fold(item, |item, kind| {
            item.strip_prefix(kind).map_or(item, |_| &item[kind.len() - "fn ".len()..])
        });
        let (kind, rest) = item.split_once(' ')?;
        let name = identifier(rest).to_owned();
        Some(match kind {
            "struct" => Self::Struct(name, public),
            "enum" => Self::Enum(name, public),
            "trait" => Self::Trait(name, public),
            "fn" | "type" | "const" | "static" => Self::Function(name, public),
            "mod" if public && rest.ends_with('{') => Self::Module(name),
            _ => return None,
        })
    }

    fn exported(&self) -> Option<&str> {
        match self {
            Self::Function(name, true)
            | Self::Struct(name, true)
            | Self::Enum(name, true)
            | Self::Trait(name, true)
            | Self::Module(name) => Some(name),
            _ => None,
        }
    }

    fn module(&self, outer: &str) -> String {
        match self {
            Self::Module(name) => join(outer, name),
            _ => outer.into(),
        }
    }

    /// The member that a line begins, and of what.
    fn member<'l>(&self, line: &'l str) -> Option<(&str, &'l str)> {
        let inner =
            line.strip_prefix("    ").filter(|inner| !inner.starts_with([' ', '/', '#']))?;
        match self {
            Self::Enum(of, true) => {
                inner.starts_with(char::is_uppercase).then(|| (&**of, identifier(inner)))
            }
            Self::Struct(of, true) => {
                inner.strip_prefix("pub ").map(|field| (&**of, identifier(field)))
            }
            Self::Trait(of, true) => function(inner).map(|name| (&**of, name)),
            Self::Impl(of) => {
                let inner = inner.strip_prefix("pub ")?;
                function(inner)
                    .or_else(|| inner.strip_prefix("const ").map(identifier))
                    .map(|name| (&**of, name))
            }
            _ => None,
        }
    }
}

fn private_module(line: &str) -> Option<&str> {
    let name = line.strip_prefix("pub(crate) ").or_else(|| line.strip_prefix("pub(super) "));
    name.unwrap_or(line).strip_prefix("mod ")?.strip_suffix(';').filter(|name| *name != "tests")
}

/// The name in the declaration of a function.
fn function(item: &str) -> Option<&str> {
    let item = item.strip_prefix("const ").unwrap_or(item);
    let item = item.strip_prefix("async ").unwrap_or(item);
    item.strip_prefix("fn ").map(identifier)
}

fn identifier(text: &str) -> &str {
    let end = text.find(|c: char| !c.is_alphanumeric() && c != '_');
    &text[..end.unwrap_or(text.len())]
}

/// The type that `impl` is about, without its generics.
fn type_of(of: &str) -> String {
    let mut depth = 0_usize;
    let generics = if of.starts_with('<') {
        of.find(|c| {
            depth = if c == '<' { depth + 1 } else { depth - usize::from(c == '>') };
            depth == 0
        })
    } else {
        None
    };
    let of = generics.map_or(of, |end| &of[end + 1..]);
    identifier(of.trim_start()).to_owned()
}

/// The names that a `use` brings in: `a::{b, c::D as E, f::{G, H}}` has `b`, `E`, `G` and `H`.
fn used_names(used: &str) -> Vec<String> {
    used.split(['{', '}', ','])
        .map(str::trim)
        .filter(|path| !path.is_empty() && !path.ends_with("::"))
        .map(|path| path.rsplit_once(" as ").map_or(path, |(_, name)| name))
        .map(|path| path.rsplit("::").next().unwrap_or(path).to_owned())
        .collect()
}

fn join(module: &str, name: &str) -> String {
    if module.is_empty() { name.to_owned() } else { format!("{module}::{name}") }
}

/// Compares the names with those that a file lists.
pub(crate) fn check(manifest: &str, list: &str) {
    let (root, names) = (Path::new(manifest), public_names(&Path::new(manifest).join("src")));
    let list = root.join(list);
    if std::env::var_os("RENEW_EXPORTS").is_some() {
        let lines: String = names.iter().map(|name| format!("{name}\n")).collect();
        fs::write(&list, lines).expect("the list can be written");
    }
    let text = fs::read_to_string(&list).unwrap_or_default();
    let listed: BTreeSet<String> = text.lines().map(str::to_owned).collect();
    let gone: Vec<_> = listed.difference(&names).collect();
    let new: Vec<_> = names.difference(&listed).collect();
    assert!(
        gone.is_empty() && new.is_empty(),
        "public names are gone: {gone:#?}, or new: {new:#?}. If that is meant, say so in \
         CHANGELOG.md and renew the list with RENEW_EXPORTS=1"
    );
}
