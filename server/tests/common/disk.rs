//! A file system of the test's own that has little room.

use std::path::Path;
use std::process::Command;

/// A mounted folder, unmounted when dropped.
pub struct SmallDisk {
    _folder: tempfile::TempDir,
    mounted: std::path::PathBuf,
}

impl SmallDisk {
    /// Mounts a file system in memory with these options, such as `size=2m`. `None` where mounting isn't permitted.
    pub fn mount(options: &str) -> Option<Self> {
        let folder = tempfile::tempdir().unwrap();
        let arguments = ["-t", "tmpfs", "-o", options, "tmpfs"];
        let mounted = folder.path().to_owned();
        mount(&arguments, &mounted).then(|| Self { _folder: folder, mounted })
    }

    /// Makes a folder read-only.
    pub fn read_only(path: &Path) -> Option<Self> {
        let mounted = path.to_owned();
        let text = path.to_str().unwrap();
        mount(&["--bind", text], path).then_some(())?;
        let disk = Self { _folder: tempfile::tempdir().unwrap(), mounted };
        mount(&["-o", "remount,bind,ro"], path).then_some(disk)
    }

    pub fn path(&self) -> &Path {
        &self.mounted
    }

    /// Gives it another size, such as `64m`.
    pub fn resize(&self, size: &str) {
        assert!(mount(&["-o", &format!("remount,size={size}")], &self.mounted));
    }

    /// Takes all the room that is left, with a file.
    pub fn fill(&self) {
        use std::io::Write as _;

        let mut file = std::fs::File::create(self.mounted.join("filler")).unwrap();
        while file.write_all(&[1; 4096]).is_ok() {}
    }
}

fn mount(arguments: &[&str], folder: &Path) -> bool {
    Command::new("mount").args(arguments).arg(folder).output().unwrap().status.success()
}

impl Drop for SmallDisk {
    fn drop(&mut self) {
        let unmounted = Command::new("umount").arg("--lazy").arg(&self.mounted).status();
        assert!(unmounted.is_ok_and(|status| status.success()), "{} stays mounted", self.mounted.display());
    }
}
