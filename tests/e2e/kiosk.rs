//! Kiosk as seen by a patient, an operator and a stranger.

use std::collections::BTreeSet;
use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use autamedica_lab::{Display, HANG_GUARD, Process, built_program, descendants, wait_until, workspace_file};

use crate::support::Backend;

fn program() -> Result<PathBuf> {
    built_program("autamedica-kiosk")
}

/// Returns the longest literal part of each text of a locale file.
fn texts(file: &str) -> Result<BTreeSet<String>> {
    let source = fs::read_to_string(workspace_file(&format!("assets/locales/{file}.ftl"))?)?;
    let patterns = source.lines().filter(|line| !line.starts_with('#')).filter_map(|line| {
        let text = line.split_once(" = ").map(|(_, text)| text).or_else(|| line.split_once("] ").map(|it| it.1))?;
        text.split(['{', '}']).map(str::trim).max_by_key(|part| part.len()).map(str::to_owned)
    });
    // Single words are left out: they may occur in other names.
    Ok(patterns.filter(|text| text.len() >= 10 && text.contains(' ')).collect())
}

fn holds(binary: &[u8], text: &str) -> bool {
    binary.windows(text.len()).any(|window| window == text.as_bytes())
}

#[test]
fn the_kiosk_holds_no_text_of_a_doctors_screen() -> Result<()> {
    let kiosk = fs::read(program()?)?;
    let app = fs::read(built_program("autamedica")?)?;
    let mut looked_for = 0;
    for language in ["es", "en"] {
        let common = texts(language)?;
        for text in texts(&format!("doctor.{language}"))? {
            if common.iter().any(|it| it.contains(&text)) {
                continue;
            }
            looked_for += 1;
            ensure!(holds(&app, &text), "{text:?} isn't even in the app: the test looks wrongly");
            ensure!(!holds(&kiosk, &text), "{text:?} is in the kiosk's binary");
        }
        ensure!(common.iter().filter(|text| holds(&kiosk, text)).count() > 50, "what patients read is in it");
    }
    ensure!(looked_for > 60, "only {looked_for} texts were looked for");
    Ok(())
}

struct Kiosk {
    process: Process,
    log: PathBuf,
}

impl Kiosk {
    fn config(folder: &Path, mut command: Command) -> Command {
        command.env("XDG_CONFIG_HOME", folder.join("config")).env("NO_COLOR", "1").env_remove("RUST_LOG");
        command
    }

    fn start(display: &Display, folder: &Path) -> Result<Self> {
        let log = folder.join("kiosk.log");
        let mut command = Self::config(folder, display.command(program()?));
        command.args(["--lang", "es", "--camera", "test", "--microphone", "test", "--speaker", "none"]);
        command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(File::create(&log)?);
        Ok(Self { process: Process::spawn("the kiosk", command)?, log })
    }

    fn said(&self) -> String {
        fs::read_to_string(&self.log).unwrap_or_default()
    }

    fn wait_for(&self, text: &str, times: usize) -> Result<()> {
        let said = || (self.said().matches(text).count() >= times).then_some(());
        wait_until(&format!("the kiosk to say {text:?} {times} times"), HANG_GUARD, said).with_context(|| self.said())
    }

    /// Returns the process with the window, below its supervisor.
    fn child(&self) -> Result<u32> {
        wait_until("the supervised kiosk", HANG_GUARD, || {
            descendants(self.process.id())
                .into_iter()
                .find(|(_, it)| it.name.starts_with("autamedica-kio"))
                .map(|(id, _)| id)
        })
    }
}

/// Runs the kiosk's program with this standard input. Returns whether it succeeded.
fn operator(folder: &Path, arguments: &[&str], input: &str) -> Result<bool> {
    use std::io::Write as _;
    let mut command = Kiosk::config(folder, Command::new(program()?));
    command.args(arguments).stdin(Stdio::piped()).stdout(Stdio::null()).stderr(Stdio::null());
    let mut child = command.spawn()?;
    child.stdin.take().context("its input")?.write_all(input.as_bytes())?;
    Ok(child.wait()?.success())
}

/// Saves a screenshot for the documentation if requested.
fn keep_picture(display: &Display, window: &str, name: &str) -> Result<()> {
    let Some(folder) = std::env::var_os("AUTAMEDICA_SCREENS") else { return Ok(()) };
    display.screenshot(window, &Path::new(&folder).join(format!("{name}-es.png")))
}

const PIN: &str = "704219";

#[test]
fn a_kiosk_is_paired_once_serves_a_patient_and_lets_nobody_out() -> Result<()> {
    let (display, folder) = (Display::start(1280, 720)?, tempfile::tempdir()?);
    let (backend, code, key) = Backend::start_with_kiosk(folder.path())?;
    ensure!(!operator(folder.path(), &["--set-pin"], "123456\n")?, "anybody would guess that");
    ensure!(operator(folder.path(), &["--set-pin"], &format!("{PIN}\n"))?);
    ensure!(operator(folder.path(), &["--pair", "--server", backend.url()], &format!("{key}\n"))?);
    let mut kiosk = Kiosk::start(&display, folder.path())?;
    kiosk.wait_for("shown screen=Start", 1)?;
    let window = display.window("AutaMedica")?;

    let keys = ["F11", "alt+F4", "Escape", "ctrl+q", "ctrl+w", "super", "alt+Tab", "ctrl+comma", "ctrl+n", "F1"];
    for key in keys {
        display.xdotool(&["key", "--window", &window, key])?;
        display.xdotool(&["key", key])?;
    }
    display.command("xprop").args(["-id", &window, "_NET_WM_STATE"]).output()?;
    let state = display.command("xprop").args(["-id", &window, "_NET_WM_STATE"]).output()?;
    ensure!(String::from_utf8_lossy(&state.stdout).contains("FULLSCREEN"), "{state:?}");
    ensure!(kiosk.process.is_running()? && !kiosk.said().contains("crashed"), "{}", kiosk.said());

    keep_picture(&display, &window, "kiosk")?;
    for digit in code.chars() {
        display.xdotool(&["key", "--window", &window, &digit.to_string()])?;
    }
    display.xdotool(&["key", "--window", &window, "Return"])?;
    kiosk.wait_for("shown screen=Check", 1)?;
    kiosk.wait_for("the network was tried outcome=Ok", 1)?;
    keep_picture(&display, &window, "kiosk-check")?;
    // "Entrar", at the lower left of the check screen.
    display.xdotool(&["mousemove", "--window", &window, "100", "676", "click", "1"])?;
    wait_until("the patient's place", HANG_GUARD, || {
        let said = kiosk.said();
        (said.contains("shown screen=Call") || said.contains("shown screen=Waiting")).then_some(())
    })
    .with_context(|| kiosk.said())?;
    for key in keys {
        display.xdotool(&["key", "--window", &window, key])?;
    }
    ensure!(kiosk.process.is_running()? && !kiosk.said().contains("text is missing"), "{}", kiosk.said());

    // After a crash during a call, the next patient gets the first screen.
    let crashed = kiosk.child()?;
    ensure!(Command::new("kill").args(["-ABRT", &crashed.to_string()]).status()?.success());
    kiosk.wait_for("the kiosk crashed", 1)?;
    kiosk.wait_for("shown screen=Start", 2)?;
    let child = kiosk.child()?;
    ensure!(child != crashed);

    // SIGTERM ends the kiosk and its supervisor at once.
    kiosk.process.signal(libc::SIGTERM)?;
    ensure!(kiosk.process.wait(HANG_GUARD)?.success(), "{}", kiosk.said());
    ensure!(!kiosk.said().contains(&code) && !kiosk.said().contains(&key), "a secret is in the log");
    wait_until("its window to be gone", Duration::from_secs(5), || {
        (!Path::new(&format!("/proc/{child}")).exists()).then_some(())
    })
}

#[test]
fn an_unpaired_or_open_key_is_refused_in_words() -> Result<()> {
    let folder = tempfile::tempdir()?;
    ensure!(!operator(folder.path(), &["--pair", "--server", "http://clinic.example"], "key\n")?, "in the clear");
    ensure!(!operator(folder.path(), &["--pair", "--server", "https://clinic.example"], "\n")?, "no key");
    for argument in ["--consultation", "--url", "--role", "--register", "--desk-key"] {
        ensure!(!operator(folder.path(), &[argument, "x"], "")?, "{argument} is a doctor's or a stranger's");
    }
    Ok(())
}
