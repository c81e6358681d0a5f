use std::os::unix::process::{CommandExt, ExitStatusExt};
use std::process::{Child, Command, ExitStatus};
use std::sync::mpsc;
use std::time::Duration;

use anyhow::{Context, Result, bail};

use crate::wait::wait_until;

/// Child process that is killed on drop, and by the kernel when its owner dies.
#[derive(Debug)]
pub struct Process {
    name: String,
    child: Child,
    /// Keeps alive the thread that started the child: the kernel regards that thread as the parent.
    _keep_parent: mpsc::Sender<()>,
}

impl Process {
    /// Starts `command`; `name` is for messages.
    ///
    /// # Errors
    /// The command can't be started.
    pub fn spawn(name: &str, mut command: Command) -> Result<Self> {
        let owner = std::process::id();
        // SAFETY: between fork and exec only signal, prctl, getppid and _exit run, all async-signal-safe.
        unsafe {
            command.pre_exec(move || {
                // A shell's background job ignores Ctrl-C, and its children inherit that.
                libc::signal(libc::SIGINT, libc::SIG_DFL);
                libc::prctl(libc::PR_SET_PDEATHSIG, libc::SIGKILL);
                // The owner may have died before the call above took effect.
                if u32::try_from(libc::getppid()).ok() != Some(owner) {
                    libc::_exit(1);
                }
                Ok(())
            });
        }
        // The kernel sends that signal when the *thread* that started the child ends, so it lives as long as the child.
        let (keep_parent, parent_ends) = mpsc::channel::<()>();
        let (started, result) = mpsc::channel();
        std::thread::Builder::new()
            .name(format!("{name} parent"))
            .spawn(move || {
                if started.send(command.spawn()).is_ok() {
                    // No message is sent: the channel closes when the `Process` is dropped.
                    let _ = parent_ends.recv();
                }
            })
            .context("starting a thread")?;
        let child = result.recv().context("waiting for the thread that starts the child")?;
        let child = child.with_context(|| format!("starting {name}"))?;
        Ok(Self { name: name.to_owned(), child, _keep_parent: keep_parent })
    }

    /// Returns the process id.
    pub fn id(&self) -> u32 {
        self.child.id()
    }

    /// Returns the child, for its pipes.
    pub fn child(&mut self) -> &mut Child {
        &mut self.child
    }

    /// Returns `true` if the process still runs.
    ///
    /// # Errors
    /// The system call fails.
    pub fn is_running(&mut self) -> Result<bool> {
        Ok(self.child.try_wait()?.is_none())
    }

    /// Sends a signal, such as `libc::SIGTERM`.
    ///
    /// # Errors
    /// The process has ended already.
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

    /// Waits for the process to end.
    ///
    /// # Errors
    /// The process runs longer than `guard`, or a signal ended it.
    pub fn wait(&mut self, guard: Duration) -> Result<ExitStatus> {
        let status = wait_until(&format!("the end of {}", self.name), guard, || self.child.try_wait().transpose())??;
        if let Some(signal) = status.signal() {
            bail!("{} was ended by signal {signal}", self.name);
        }
        Ok(status)
    }

    /// Kills the process (SIGKILL) and reaps it.
    pub fn kill(&mut self) {
        // Both calls fail only if the process has ended already.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        self.kill();
    }
}
