//! Tests that the lab's parts start, and end with their owner.

use std::process::{Command, Stdio};

use autamedica_lab::{Display, HANG_GUARD, Process, Sfu, SoundCard, wait_until};

#[test]
fn an_sfu_comes_back_on_its_port() {
    let mut sfu = Sfu::start().expect("SFU");
    let url = sfu.url();
    sfu.kill();
    assert!(std::net::TcpStream::connect(("127.0.0.1", sfu.port())).is_err());
    sfu.restart().expect("restart");
    assert_eq!(sfu.url(), url);
    assert!(std::net::TcpStream::connect(("127.0.0.1", sfu.port())).is_ok());
}

#[test]
fn a_display_takes_windows_and_pictures() {
    let display = Display::start(640, 480).expect("display");
    let file = tempfile::NamedTempFile::with_suffix(".png").expect("file");
    display.screenshot("root", file.path()).expect("screenshot");
    assert!(file.path().metadata().expect("metadata").len() > 0);
}

#[test]
fn a_sound_card_comes_back() {
    let mut card = SoundCard::start(48_000).expect("sound card");
    card.kill();
    card.restart().expect("restart");
}

/// Set in the process that the test below kills.
const OWNER: &str = "LAB_TEST_OWNER";

#[test]
fn a_process_ends_when_its_owner_is_killed() {
    if std::env::var_os(OWNER).is_some() {
        let mut command = Command::new("sleep");
        command.arg("600");
        let child = Process::spawn("sleep", command).expect("child");
        println!("child {}", child.id());
        std::thread::park();
    }
    let mut command = Command::new(std::env::current_exe().expect("exe"));
    command.args(["--exact", "a_process_ends_when_its_owner_is_killed", "--nocapture"]);
    command.env(OWNER, "1").stdout(Stdio::piped());
    let mut owner = Process::spawn("owner", command).expect("owner");
    let output = std::io::BufReader::new(owner.child().stdout.take().expect("stdout"));
    let child = std::io::BufRead::lines(output)
        .map_while(Result::ok)
        .find_map(|line| line.split("child ").nth(1).map(str::to_owned))
        .expect("the child's id");
    assert!(runs(&child));
    owner.kill();
    wait_until("the child's end", HANG_GUARD, || (!runs(&child)).then_some(())).expect("no orphan");
}

fn runs(pid: &str) -> bool {
    let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
    !stat.is_empty() && !stat.contains(") Z ")
}
