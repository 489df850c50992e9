//! `bowsprit connect` with servers that we did not write: npm ws and Python's websockets.

use std::{
    env,
    io::{BufRead, BufReader},
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
};

use super::program::run;

const SCRIPTS: [&str; 2] = ["ws-server.mjs", "websockets-server.py"];

/// A foreign server; stopped when dropped.
pub(super) struct Foreign {
    process: Child,
    url: String,
}

impl Foreign {
    fn start(script: &str) -> Self {
        let workspace = Path::new(env!("CARGO_MANIFEST_DIR")).ancestors().nth(2).unwrap();
        let installed = env::var_os("INTEROP_DIR").map(PathBuf::from);
        let installed = installed.unwrap_or_else(|| workspace.join("target/interop"));
        let program = if script.ends_with(".py") {
            installed.join("python/bin/python")
        } else {
            PathBuf::from("node")
        };
        let mut process = Command::new(program)
            .arg(workspace.join("conformance/interop").join(script))
            .env("INTEROP_NODE", installed.join("node"))
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let mut line = String::new();
        BufReader::new(process.stdout.take().unwrap()).read_line(&mut line).unwrap();
        let url = line.trim_end().strip_prefix("listening on ").expect("no peers installed");
        Self { process, url: url.to_owned() }
    }

    pub(super) fn url(&self, path: &str) -> String {
        format!("{}{path}", self.url)
    }
}

impl Drop for Foreign {
    fn drop(&mut self) {
        let _ended = self.process.kill();
        let _ended = self.process.wait();
    }
}

pub(super) fn with_each(test: impl Fn(&Foreign)) {
    for script in SCRIPTS {
        test(&Foreign::start(script));
    }
}

#[test]
#[ignore = "needs scripts/setup-interop"]
fn an_answer_that_takes_its_time_is_printed() {
    with_each(|server| {
        let ended = run(&["connect", "-n", "1", &server.url("/slow")], b"question\n");
        assert_eq!((ended.code, ended.lines()), (Some(0), vec!["question"]), "{}", ended.stderr);
        let ended = run(&["connect", "--wait", "1s", &server.url("/slow")], b"one\n");
        assert_eq!((ended.code, ended.lines()), (Some(0), vec!["one"]), "{}", ended.stderr);
        assert!(ended.stderr.contains("nothing came for 1s "), "{}", ended.stderr);
    });
}

#[test]
#[ignore = "needs scripts/setup-interop"]
fn a_feed_is_followed_without_input() {
    with_each(|server| {
        let ended = run(&["connect", "--wait", "forever", &server.url("/feed")], b"");
        assert_eq!((ended.code, ended.lines()), (Some(0), vec!["1", "2", "3"]));
        assert!(ended.stderr.contains("closed: 1001"), "{}", ended.stderr);
        let ended = run(&["connect", "-n", "2", &server.url("/feed")], b"");
        assert_eq!((ended.code, ended.lines()), (Some(0), vec!["1", "2"]), "{}", ended.stderr);
        let ended = run(&["connect", "--wait", "0", &server.url("/feed")], b"");
        assert_eq!((ended.code, &*ended.stdout), (Some(0), &b""[..]), "{}", ended.stderr);
    });
}

#[test]
#[ignore = "needs scripts/setup-interop"]
fn the_way_a_foreign_server_ends_is_told_by_the_exit_code() {
    with_each(|server| {
        for (path, code) in [
            ("/close-1000", 0),
            ("/close-1001", 0),
            ("/close-1008", 4),
            ("/close-1011", 4),
            ("/close-4001", 4),
            ("/cut", 1),
            ("/refuse", 3),
        ] {
            let ended = run(&["connect", "--wait", "forever", &server.url(path)], b"");
            assert_eq!(ended.code, Some(code), "{path}: {}", ended.stderr);
        }
    });
}
