//! Child processes for parts of tests that need their own environment: they run this test binary again.

use std::ffi::OsStr;
use std::io::{BufRead, BufReader, Write};
use std::process::{Command, Stdio};
use std::sync::mpsc;

use crate::{HANG_GUARD, Process};

/// Environment variable that is set in the child.
const CHILD: &str = "AUTAMEDICA_TEST_CHILD";
/// Prefix of lines for the parent; the test harness prints other lines.
const MARK: &str = "@@ ";
/// Line that the test harness prints after the test. With a wrong name no test runs, which the harness counts as
/// success.
const PASSED: &str = "test result: ok. 1 passed";

/// Returns whether this process is a child.
pub fn is_child() -> bool {
    std::env::var_os(CHILD).is_some()
}

/// Sends a line to the parent.
pub fn say(line: &str) {
    let mut out = std::io::stdout().lock();
    writeln!(out, "\n{MARK}{line}").and_then(|()| out.flush()).expect("the parent listens");
}

/// Test of this binary that runs in another process.
pub struct Child {
    process: Process,
    lines: mpsc::Receiver<String>,
}

impl Child {
    /// Runs `test` (its path within this binary) in this environment.
    pub fn start<K: AsRef<OsStr>, V: AsRef<OsStr>>(test: &str, environment: impl IntoIterator<Item = (K, V)>) -> Self {
        let mut command = Command::new(std::env::current_exe().expect("this binary"));
        command.args(["--exact", test, "--nocapture"]).env(CHILD, "1").envs(environment);
        command.stdout(Stdio::piped());
        let mut process = Process::spawn(test, command).expect("child");
        let out = BufReader::new(process.child().stdout.take().expect("stdout"));
        let (sender, lines) = mpsc::channel();
        std::thread::spawn(move || {
            for line in out.lines().map_while(Result::ok) {
                let line = line.strip_prefix(MARK).or_else(|| line.starts_with(PASSED).then_some(PASSED));
                if let Some(line) = line {
                    // The parent may have stopped reading.
                    let _ = sender.send(line.to_owned());
                }
            }
        });
        Self { process, lines }
    }

    /// Waits until the child sends this line.
    pub fn hear(&self, wanted: &str) {
        loop {
            match self.lines.recv_timeout(HANG_GUARD) {
                Ok(line) if line == wanted => return,
                Ok(line) => eprintln!("child: {line}"),
                Err(error) => panic!("the child never said {wanted:?}: {error}"),
            }
        }
    }

    /// Waits for the child to end, which must be a success.
    pub fn finish(mut self) {
        self.hear(PASSED);
        let status = self.process.wait(HANG_GUARD).expect("the child ends");
        assert!(status.success(), "the child failed");
    }
}
