use std::os::unix::process::{CommandExt, ExitStatusExt};
use std::process::{Child, Command, ExitStatus};
use std::sync::mpsc;
use std::time::Duration;

use anyhow::{Context, Result, bail};

use crate::wait::wait_until;

/// A child process that is killed when this is dropped, and by the kernel when its owner dies in any other way.
#[derive(Debug)]
pub struct Process {
    name: String,
    child: Child,
    /// Held by the thread that started the child, which the kernel takes for its parent: it waits until this is dropped.
    _keep_parent: mpsc::Sender<()>,
}

impl Process {
    /// Starts `command`; `name` is for messages.
    ///
    /// # Errors
    /// When it can't be started.
    pub fn spawn(name: &str, mut command: Command) -> Result<Self> {
        let owner = std::process::id();
        // SAFETY: between fork and exec only signal, prctl, getppid and _exit run, all async-signal-safe.
        unsafe {
            command.pre_exec(move || {
                // A shell's background job ignores Ctrl-C, and its children inherit that.
                libc::signal(libc::SIGINT, libc::SIG_DFL);
                libc::prctl(libc::PR_SET_PDEATHSIG, libc::SIGKILL);
                // The owner may have died before the line above took effect.
                if u32::try_from(libc::getppid()).ok() != Some(owner) {
                    libc::_exit(1);
                }
                Ok(())
            });
        }
        // The kernel sends that signal when the *thread* that started the child ends, so one lives as long as the child.
        let (keep_parent, parent_ends) = mpsc::channel::<()>();
        let (started, result) = mpsc::channel();
        std::thread::Builder::new()
            .name(format!("{name} parent"))
            .spawn(move || {
                if started.send(command.spawn()).is_ok() {
                    // An error means that the Process was dropped: the only message there is.
                    let _ = parent_ends.recv();
                }
            })
            .context("starting a thread")?;
        let child = result.recv().context("waiting for the thread that starts the child")?;
        let child = child.with_context(|| format!("starting {name}"))?;
        Ok(Self { name: name.to_owned(), child, _keep_parent: keep_parent })
    }

    /// The process id.
    pub fn id(&self) -> u32 {
        self.child.id()
    }

    /// The child, for its pipes.
    pub fn child(&mut self) -> &mut Child {
        &mut self.child
    }

    /// Whether it still runs.
    ///
    /// # Errors
    /// When the system can't tell.
    pub fn is_running(&mut self) -> Result<bool> {
        Ok(self.child.try_wait()?.is_none())
    }

    /// Sends a signal, such as `libc::SIGTERM`.
    ///
    /// # Errors
    /// When it has ended already.
    pub fn signal(&mut self, signal: i32) -> Result<()> {
        if !self.is_running()? {
            bail!("{} has ended already", self.name);
        }
        let pid = i32::try_from(self.child.id()).context("process id")?;
        // SAFETY: plain system call; the child isn't reaped yet, so the id is still its own.
        if unsafe { libc::kill(pid, signal) } != 0 {
            return Err(std::io::Error::last_os_error()).with_context(|| format!("signalling {}", self.name));
        }
        Ok(())
    }

    /// Waits for its end.
    ///
    /// # Errors
    /// When it doesn't end within `guard`, or was ended by a signal.
    pub fn wait(&mut self, guard: Duration) -> Result<ExitStatus> {
        let status = wait_until(&format!("the end of {}", self.name), guard, || self.child.try_wait().transpose())??;
        if let Some(signal) = status.signal() {
            bail!("{} was ended by signal {signal}", self.name);
        }
        Ok(status)
    }

    /// Kills it (SIGKILL) and reaps it.
    pub fn kill(&mut self) {
        // Both fail only when it has ended already, which is what we want.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        self.kill();
    }
}
