//! Which tests failed, read from what `cargo test` prints.

/// The failed tests of one run of `cargo test --no-fail-fast`.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Failed {
    /// Their names, as libtest prints them.
    pub tests: Vec<String>,
    /// The options that choose what holds them, such as `["--test", "e2e"]`, without the package.
    pub targets: Vec<Vec<String>>,
    in_list: bool,
}

impl Failed {
    /// Takes the next line of the output.
    pub fn take(&mut self, line: &str) {
        if let Some((_, rest)) = line.split_once("to rerun pass `") {
            let options = rest.split('`').next().unwrap_or_default().split_whitespace();
            // `-p`, the package, and the target.
            let target: Vec<String> = options.skip(2).map(str::to_owned).collect();
            if !target.is_empty() && !self.targets.contains(&target) {
                self.targets.push(target);
            }
        }
        if line == "failures:" {
            self.in_list = true;
        } else if let Some(name) = line.strip_prefix("    ").filter(|_| self.in_list) {
            if !self.tests.iter().any(|test| test == name) {
                self.tests.push(name.to_owned());
            }
        } else if !line.is_empty() {
            // The first of the two lists shows what each test printed.
            self.in_list = false;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn failed_in(output: &str) -> Failed {
        let mut failed = Failed::default();
        output.lines().for_each(|line| failed.take(line));
        failed
    }

    #[test]
    fn names_and_targets_are_found() {
        let failed = failed_in(
            "test a::b ... FAILED\n\nfailures:\n\n---- a::b stdout ----\n    indented\nleft: 1\n\nfailures:\n    a::b\n    c\n\n\
             test result: FAILED. 1 passed\n\nerror: test failed, to rerun pass `-p autamedica --test e2e`\n\
             failures:\n    d\nerror: test failed, to rerun pass `-p autamedica-api --lib`\n",
        );
        assert_eq!(failed.tests, ["a::b", "c", "d"]);
        assert_eq!(failed.targets, [vec!["--test", "e2e"], vec!["--lib"]]);
    }

    #[test]
    fn a_run_without_failures_has_none() {
        assert_eq!(failed_in("test a ... ok\n\n    Finished\ntest result: ok. 1 passed\n"), Failed::default());
    }
}
