//! `conformance/INTEROP.md`, which says what works with whom.

use std::{env, fs, path::PathBuf, sync::Mutex};

use super::{
    super::peers::workspace,
    checks::Hello,
    peer::{PEERS, Peer, Role},
};

/// One test at a time changes the file.
static FILE: Mutex<()> = Mutex::new(());

/// Where the cells of a row are.
const VERSION: usize = 2;
const COUNT: usize = 9;

/// What was found out about a peer in a role.
pub(super) struct Found {
    pub(super) hello: Hello,
    /// The code that answers 4001.
    pub(super) answer: u16,
    /// Whose messages were compressed.
    pub(super) deflate: String,
    /// What a client has seen of a refusal, or a server answered.
    pub(super) refusal: String,
}

type Row = [String; COUNT];

impl Found {
    fn row(&self, role: Role) -> Row {
        let agreed = if self.hello.has("subprotocol") { "agreed on" } else { "–" };
        let ping = if self.hello.has("ping") { "both ways" } else { "answers" };
        let close = match self.answer {
            4001 => "both ways".to_owned(),
            other => format!("both ways, answers {other}"),
        };
        let cells = ["0 B – 1 MiB", &self.deflate, agreed, ping, &close, &self.refusal];
        let [echo, deflate, agreed, ping, close, refusal] = cells.map(str::to_owned);
        let (name, version) = (self.hello.name.clone(), self.hello.version.clone());
        [name, role.name().to_owned(), version, echo, deflate, agreed, ping, close, refusal]
    }
}

fn path() -> PathBuf {
    workspace().join("conformance/INTEROP.md")
}

/// What is above the table, with its head, and the rows.
fn read() -> (String, Vec<Row>) {
    let text = fs::read_to_string(path()).unwrap();
    let (head, rows) = text.split_once("| --- |").unwrap();
    let (line, rows) = rows.split_once('\n').unwrap();
    (format!("{head}| --- |{line}\n"), rows.lines().map(parse).collect())
}

fn parse(line: &str) -> Row {
    let cells: Vec<_> = line.trim_matches('|').split('|').map(|cell| cell.trim().into()).collect();
    cells.try_into().expect(line)
}

fn write(head: &str, rows: &[Row]) {
    let lines = rows.iter().map(|row| format!("| {} |\n", row.join(" | ")));
    fs::write(path(), head.to_owned() + &lines.collect::<String>()).unwrap();
}

/// Compares what was found with the table, or writes it there.
pub(super) fn compare(peer: &Peer, role: Role, found: &Found) {
    let _one_at_a_time = FILE.lock().unwrap_or_else(|poisoned| poisoned.into_inner());
    assert_eq!(found.hello.name, peer.name);
    let row = found.row(role);
    let (head, mut rows) = read();
    let old = rows.iter_mut().find(|old| old[..VERSION] == row[..VERSION]);
    if env::var_os("BOWSPRIT_RENEW_INTEROP").is_some() {
        match old {
            Some(old) => *old = row,
            None => rows.push(row),
        }
        rows.sort_by_key(|row| (row[0].to_lowercase(), row[1].clone()));
        write(&head, &rows);
        return;
    }
    let old = old.expect("not in conformance/INTEROP.md; BOWSPRIT_RENEW_INTEROP=1 adds it");
    if peer.is_of_system() && old[VERSION] != row[VERSION] {
        return;
    }
    assert_eq!(*old, row, "conformance/INTEROP.md says otherwise");
}

#[test]
fn the_table_has_everybody_and_nobody_else() {
    let (_, rows) = read();
    let said: Vec<_> = rows.iter().map(|row| (row[0].as_str(), row[1].as_str())).collect();
    let roles = |peer: &'static Peer| peer.roles.iter().map(|role| (peer.name, role.name()));
    assert_eq!(said, PEERS.iter().flat_map(roles).collect::<Vec<_>>());
}
