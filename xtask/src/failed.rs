//! Parser for the failed tests in the output of `cargo test`.

/// Failed tests of one run of `cargo test --no-fail-fast`.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct FailedTests {
    /// Names of the tests, as libtest prints them.
    pub names: Vec<String>,
    /// Options of cargo that select the targets with these tests, such as `["--test", "e2e"]`, without the package.
    pub targets: Vec<Vec<String>>,
    in_list: bool,
}

impl FailedTests {
    /// Parses the next line of the output.
    pub fn parse_line(&mut self, line: &str) {
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
            if !self.names.iter().any(|test| test == name) {
                self.names.push(name.to_owned());
            }
        } else if !line.is_empty() {
            // The first of the two lists contains the tests' output.
            self.in_list = false;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn failed_in(output: &str) -> FailedTests {
        let mut failed = FailedTests::default();
        output.lines().for_each(|line| failed.parse_line(line));
        failed
    }

    #[test]
    fn names_and_targets_are_found() {
        let failed = failed_in(
            "test a::b ... FAILED\n\nfailures:\n\n---- a::b stdout ----\n    indented\nleft: 1\n\nfailures:\n    a::b\n    c\n\n\
             test result: FAILED. 1 passed\n\nerror: test failed, to rerun pass `-p autamedica --test e2e`\n\
             failures:\n    d\nerror: test failed, to rerun pass `-p autamedica-api --lib`\n",
        );
        assert_eq!(failed.names, ["a::b", "c", "d"]);
        assert_eq!(failed.targets, [vec!["--test", "e2e"], vec!["--lib"]]);
    }

    #[test]
    fn a_run_without_failures_has_none() {
        assert_eq!(failed_in("test a ... ok\n\n    Finished\ntest result: ok. 1 passed\n"), FailedTests::default());
    }
}
