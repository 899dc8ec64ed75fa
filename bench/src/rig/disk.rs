//! A file system of a node's own: ext4 in a file, mounted on a loop device. Frozen, it lets nothing be written and no
//! sync end until it is thawed, as a disk does that stalls. Needs root, `mkfs.ext4`, `mount` and `fsfreeze`.

use std::fs::{self, File};
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};

use super::tool::tool;

/// Mounted; unmounted when dropped, and thawed before.
#[derive(Debug)]
pub struct LoopDisk {
    at: PathBuf,
    /// While it is frozen: how long somebody else waits for a write.
    frozen: Option<JoinHandle<std::io::Result<Duration>>>,
}

/// Whether this machine can do it, tried in a directory; if not, why.
pub fn check(dir: &Path) -> Result<()> {
    const SMALL: u64 = 16 << 20;
    let (image, at) = (dir.join("check.image"), dir.join("check"));
    let mut disk = LoopDisk::mount(&image, SMALL, &at)?;
    disk.freeze()?;
    disk.thaw()?;
    drop(disk);
    fs::remove_file(&image).with_context(|| format!("removing {}", image.display()))?;
    fs::remove_dir(&at).with_context(|| format!("removing {}", at.display()))
}

impl LoopDisk {
    /// Makes one of so many bytes in the file `image`, and mounts it at `at`. Fails where this machine cannot.
    pub fn mount(image: &Path, bytes: u64, at: &Path) -> Result<LoopDisk> {
        let file = File::create(image).with_context(|| format!("creating {}", image.display()))?;
        file.set_len(bytes).with_context(|| format!("sizing {}", image.display()))?;
        fs::create_dir_all(at).with_context(|| format!("creating {}", at.display()))?;
        tool(Command::new("mkfs.ext4").arg("-q").arg("-F").arg(image))?;
        tool(Command::new("mount").args(["-o", "loop"]).arg(image).arg(at))?;
        Ok(LoopDisk { at: at.to_owned(), frozen: None })
    }

    /// From now on nothing is written and no sync ends.
    pub fn freeze(&mut self) -> Result<()> {
        // Open before: what waits is to be the write.
        let mut probe = File::create(self.at.join("probe")).context("creating a file beside the node's")?;
        tool(Command::new("fsfreeze").arg("--freeze").arg(&self.at))?;
        self.frozen = Some(thread::spawn(move || {
            let begun = Instant::now();
            probe.write_all(b"probe")?;
            probe.sync_data()?;
            Ok(begun.elapsed())
        }));
        Ok(())
    }

    /// Lets it go on. The evidence is how long a write by somebody else took meanwhile.
    pub fn thaw(&mut self) -> Result<String> {
        tool(Command::new("fsfreeze").arg("--unfreeze").arg(&self.at))?;
        let probe = self.frozen.take().context("thawing a disk that is not frozen")?;
        let Ok(waited) = probe.join() else { bail!("the thread that writes beside the node panicked") };
        let waited = waited.context("writing beside the node")?;
        Ok(format!("a write and sync beside it took {} ms", waited.as_millis()))
    }
}

impl Drop for LoopDisk {
    fn drop(&mut self) {
        if self.frozen.is_some() {
            // Else nothing that uses it could ever be ended.
            let _ = tool(Command::new("fsfreeze").arg("--unfreeze").arg(&self.at));
        }
        // Nodes may still run: it goes when the last of them does.
        let _ = tool(Command::new("umount").arg("--lazy").arg(&self.at));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_frozen_disk_holds_writes_back_until_it_is_thawed() {
        let dir = tempfile::tempdir().unwrap();
        let at = dir.path().join("disk");
        let mut disk = match LoopDisk::mount(&dir.path().join("image"), 16 << 20, &at) {
            Ok(disk) => disk,
            Err(error) => return println!("skipped: {error:#}"),
        };
        disk.freeze().unwrap();
        thread::sleep(Duration::from_millis(100));
        assert!(disk.frozen.as_ref().is_some_and(|probe| !probe.is_finished()), "the write waits");
        disk.thaw().unwrap();
        fs::write(at.join("file"), "goes on").unwrap();
        drop(disk);
        assert!(!at.join("file").exists(), "unmounted");
    }
}
