//! Simulated person at the app: reads the screen through accessibility, acts by mouse and keyboard.

use std::fs::File;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::sync::mpsc;
use std::time::Duration;

use anyhow::{Context, Result};
use autamedica_client::full::more_texts;
use autamedica_client::i18n::{Language, Texts, Value};
use autamedica_lab::{Control, Display, HANG_GUARD, Process, ScreenReader, built_program, wait_until};

/// Interval of pointer movements; the call's bar hides when the pointer rests for seconds.
const MOVE_INTERVAL: Duration = Duration::from_millis(500);

/// Simulated person in front of a window. Controls are named by text keys, so that a test runs in each language.
pub struct Person<'a> {
    display: &'a Display,
    reader: ScreenReader,
    process: Process,
    texts: Texts,
    title: String,
    log: PathBuf,
    pictures: PathBuf,
}

impl<'a> Person<'a> {
    /// Starts the app. Each window has its own display, because a person has one screen and one pointer.
    pub fn start(
        display: &'a Display,
        who: &str,
        language: Language,
        arguments: &[&str],
        environment: &[(&str, PathBuf)],
        folder: &Path,
    ) -> Result<Self> {
        let reader = ScreenReader::start()?;
        let (title, log) = (format!("AutaMedica {who}"), folder.join(format!("{who}.log")));
        let mut app = display.command(built_program("autamedica")?);
        app.args(["--lang", language.code(), "--title", &title]).args(arguments);
        // The app neither uses nor changes the files of the user who runs the test.
        app.env("XDG_CONFIG_HOME", folder.join(format!("{who}-config")))
            .env("XDG_DATA_HOME", folder.join(format!("{who}-data")));
        app.env("HOME", folder).env("NO_COLOR", "1").env_remove("RUST_LOG");
        app.envs(environment.iter().map(|(name, value)| (name, value)));
        app.stdin(Stdio::null()).stdout(Stdio::null()).stderr(File::create(&log).context("making the app's log")?);
        reader.listen_to(&mut app);
        let process = Process::spawn("autamedica", app)?;
        let pictures = std::env::var_os("AUTAMEDICA_SCREENS").map_or_else(|| folder.to_owned(), PathBuf::from);
        Ok(Self { display, reader, process, texts: Texts::with_more(language, more_texts), title, log, pictures })
    }

    /// Returns a text in the person's language.
    pub fn words(&self, key: &str) -> String {
        self.texts.t(key).into_owned()
    }

    /// Returns a text with values in the person's language.
    pub fn words_with(&self, key: &str, values: &[(&'static str, Value<'_>)]) -> String {
        self.texts.with(key, values)
    }

    /// Waits for an element with the text of `key` as its name.
    pub fn sees(&mut self, key: &str) -> Result<Control> {
        let name = self.words(key);
        self.sees_named(&name)
    }

    /// Waits for an element with this name.
    pub fn sees_named(&mut self, name: &str) -> Result<Control> {
        self.finds(name, |control| control.name == name)
    }

    /// Waits for an element whose name contains these words.
    pub fn reads(&mut self, words: &str) -> Result<Control> {
        self.finds(words, |control| control.name.contains(words))
    }

    fn finds(&mut self, what: &str, is_it: impl Fn(&Control) -> bool) -> Result<Control> {
        let pid = self.process.id();
        let mut seen = Vec::new();
        let found = wait_until(&format!("{what:?} in {}", self.title), HANG_GUARD, || {
            seen = self.reader.controls(pid).unwrap_or_default();
            seen.iter().rev().find(|control| control.width > 0 && is_it(control)).cloned()
        });
        if found.is_err() {
            // A screenshot helps to find the cause; the error below doesn't depend on it.
            let _ = self.pictures("failure");
        }
        found.with_context(|| {
            let names: Vec<_> = seen.iter().map(|it| format!("{} {:?}", it.role, it.name)).collect();
            let log = std::fs::read_to_string(&self.log).unwrap_or_default();
            format!("there is only: {}\n{log}", names.join(", "))
        })
    }

    /// Waits until the option or switch with this name is selected.
    pub fn chose(&mut self, name: &str) -> Result<Control> {
        self.finds(name, |control| control.name == name && (control.is("checked") || control.is("selected")))
    }

    /// Returns whether an element with this name exists now.
    pub fn has_named(&mut self, name: &str) -> Result<bool> {
        Ok(self.reader.controls(self.process.id())?.iter().any(|control| control.name == name))
    }

    /// Waits until no element has the text of `key` as its name.
    pub fn no_longer_sees(&mut self, key: &str) -> Result<()> {
        let name = self.words(key);
        wait_until(&format!("the end of {name:?} in {}", self.title), HANG_GUARD, || {
            matches!(self.has_named(&name), Ok(false)).then_some(())
        })
    }

    /// Clicks the element with the text of `key` as its name.
    pub fn clicks(&mut self, key: &str) -> Result<()> {
        let name = self.words(key);
        self.clicks_named(&name)
    }

    /// Clicks the element with this name.
    pub fn clicks_named(&mut self, name: &str) -> Result<()> {
        self.clicks_it(name, |control| control.name == name)
    }

    /// Clicks the focusable element whose name contains these words.
    pub fn clicks_reading(&mut self, words: &str) -> Result<()> {
        self.clicks_it(words, |control| control.name.contains(words) && control.is("focusable"))
    }

    fn clicks_it(&mut self, what: &str, is_it: impl Fn(&Control) -> bool) -> Result<()> {
        // Elements move during transitions, and the call's bar only exists while the pointer moves: the element must be
        // pressable and in the same place twice in a row.
        let mut control = self.finds(what, &is_it)?;
        let display = self.display;
        let (x, y) = loop {
            let (x, y) = (control.x + control.width / 2, control.y + control.height / 2);
            let is_there = |it: &Control| is_it(it) && (it.pressable || !it.is("focusable"));
            // Reading the screen takes longer on a busy machine than the bar stays.
            let again = while_moving(display, (x, y), || self.finds(what, is_there))?;
            if (again.x, again.y) == (control.x, control.y) {
                break (x, y);
            }
            control = again;
        };
        self.points_at(x, y)?;
        self.display.xdotool(&["click", "1"])?;
        if control.role == "entry" {
            // Text typed before the field has the focus would be lost.
            self.finds(what, |it| is_it(it) && it.is("focused"))?;
        }
        Ok(())
    }

    pub fn points_at(&self, x: i32, y: i32) -> Result<()> {
        points_at(self.display, x, y)
    }

    pub fn types(&self, text: &str) -> Result<()> {
        self.display.xdotool(&["type", "--delay", "20", text])?;
        Ok(())
    }

    /// Presses a key, such as `Return` or `ctrl+d`.
    pub fn presses(&self, key: &str) -> Result<()> {
        self.display.xdotool(&["key", key])?;
        Ok(())
    }

    pub fn minimises(&self) -> Result<()> {
        let window = self.display.window(&self.title)?;
        self.display.xdotool(&["windowminimize", "--sync", &window])?;
        Ok(())
    }

    /// Waits until a screen has been shown this many times.
    pub fn is_at(&mut self, screen: &str, times: usize) -> Result<()> {
        let line = format!("shown screen={screen}");
        wait_until(&format!("{} to be at {screen}, time {times}", self.title), HANG_GUARD, || {
            let log = std::fs::read_to_string(&self.log).unwrap_or_default();
            (log.matches(&line).count() >= times).then_some(())
        })
        .with_context(|| std::fs::read_to_string(&self.log).unwrap_or_default())
    }

    pub fn pictures(&self, name: &str) -> Result<()> {
        let window = self.display.window(&self.title)?;
        let file = self.pictures.join(format!("{name}-{}.png", self.texts.language().code()));
        self.display.screenshot(&window, &file)
    }

    pub fn log(&self) -> String {
        std::fs::read_to_string(&self.log).unwrap_or_default()
    }
}

/// Moves the pointer around a place while `act` runs.
fn while_moving<T>(display: &Display, (x, y): (i32, i32), act: impl FnOnce() -> Result<T>) -> Result<T> {
    let (done, is_done) = mpsc::channel::<()>();
    std::thread::scope(|scope| {
        let mover = scope.spawn(move || {
            let mut sideways = 12;
            loop {
                points_at(display, x + sideways, y)?;
                sideways = -sideways;
                if is_done.recv_timeout(MOVE_INTERVAL) != Err(mpsc::RecvTimeoutError::Timeout) {
                    return Ok(());
                }
            }
        });
        let result = act();
        drop(done);
        mover.join().expect("moving a pointer doesn't panic").and(result)
    })
}

fn points_at(display: &Display, x: i32, y: i32) -> Result<()> {
    display.xdotool(&["mousemove", &x.to_string(), &y.to_string()])?;
    Ok(())
}
