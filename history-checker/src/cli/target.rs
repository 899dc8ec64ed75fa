//! Where a command writes: a file that is there is replaced at the end, or stays as it is.

use std::fs::{self, File, Permissions};
use std::io::{self, BufWriter, ErrorKind, Write};
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};

use anyhow::Context;
use history_checker::format::Format;
use tempfile::{NamedTempFile, TempPath};

/// A file that is being written, or standard output (`-`).
pub(super) struct Target {
    name: String,
    writer: Writer,
    /// The file beside the target, and the target; none where it is written in place: standard output, devices, pipes.
    replaces: Option<(TempPath, PathBuf)>,
    standard: bool,
}

/// The file that an interrupt must remove.
static UNFINISHED: Mutex<Option<PathBuf>> = Mutex::new(None);

/// Removes what is half written.
pub(super) fn discard() {
    if let Some(path) = unfinished(None) {
        let _gone_already = fs::remove_file(path);
    }
}

fn unfinished(path: Option<PathBuf>) -> Option<PathBuf> {
    std::mem::replace(&mut *UNFINISHED.lock().unwrap_or_else(PoisonError::into_inner), path)
}

impl Target {
    /// Makes sure that the target can be written, and is none of the `inputs`.
    pub(super) fn open<P: AsRef<Path>>(path: &Path, inputs: &[P]) -> anyhow::Result<Target> {
        if is_standard(path) {
            return Ok(Target::standard());
        }
        let name = path.display().to_string();
        for input in inputs.iter().map(AsRef::as_ref).filter(|input| !is_standard(input)) {
            anyhow::ensure!(!same_file(input, path), "{name}: is the input; name another file to write");
        }
        Target::at(path, &name).with_context(|| format!("{name}: cannot write"))
    }

    pub(super) fn standard() -> Target {
        let writer = Writer::new(io::stdout().lock());
        Target { name: "standard output".to_owned(), writer, replaces: None, standard: true }
    }

    fn at(path: &Path, name: &str) -> io::Result<Target> {
        let name = name.to_owned();
        let there = match fs::metadata(path) {
            Ok(there) => Some(there),
            Err(error) if error.kind() == ErrorKind::NotFound => None,
            Err(error) => return Err(error),
        };
        if there.as_ref().is_some_and(|there| !there.is_file()) {
            let file = File::options().write(true).open(path)?;
            return Ok(Target { name, writer: Writer::new(file), replaces: None, standard: false });
        }
        let place = match &there {
            // Through symbolic links; and what must not be written must not be replaced either.
            Some(_) => {
                File::options().append(true).open(path)?;
                path.canonicalize()?
            }
            None => path.to_owned(),
        };
        let (file, beside) = beside(&place, there.map(|there| there.permissions()))?.into_parts();
        unfinished(Some(beside.to_path_buf()));
        Ok(Target { name, writer: Writer::new(file), replaces: Some((beside, place)), standard: false })
    }

    /// Has `write` write everything. Whoever reads standard output may stop.
    ///
    /// # Errors
    /// What `write` returns; or the name of the target and why it cannot be written.
    pub(super) fn write(
        self,
        write: impl FnOnce(&mut dyn Write) -> anyhow::Result<()>,
    ) -> anyhow::Result<()> {
        let Target { name, mut writer, replaces, standard } = self;
        let written = write(&mut writer).and_then(|()| Ok(writer.flush()?));
        match (written, &writer.failed) {
            (Err(_), Some((ErrorKind::BrokenPipe, _))) if standard => return Ok(()),
            (Err(_), Some((_, why))) => anyhow::bail!("{name}: cannot write: {why}"),
            (Err(error), None) => return Err(error),
            (Ok(()), _) => {}
        }
        drop(writer);
        if let Some((beside, place)) = replaces {
            beside.persist(place).with_context(|| format!("{name}: cannot write"))?;
            unfinished(None);
        }
        Ok(())
    }
}

/// The format of what is written to this path: as asked, else by the name.
pub(super) fn format_of(path: &Path, asked: Option<Format>) -> Format {
    asked.unwrap_or_else(|| Format::of(path))
}

pub(super) fn is_standard(path: &Path) -> bool {
    path.as_os_str() == "-"
}

/// A new file in the same directory, so that it can take the other's place at once.
fn beside(place: &Path, permissions: Option<Permissions>) -> io::Result<NamedTempFile> {
    let directory = place.parent().filter(|parent| !parent.as_os_str().is_empty());
    let mut builder = tempfile::Builder::new();
    builder.prefix(".history-checker-");
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt;
        // The user's mask applies, as to any new file.
        builder.permissions(Permissions::from_mode(0o666));
    }
    let file = builder.tempfile_in(directory.unwrap_or(Path::new(".")))?;
    if let Some(permissions) = permissions {
        file.as_file().set_permissions(permissions)?;
    }
    Ok(file)
}

#[cfg(unix)]
fn same_file(one: &Path, other: &Path) -> bool {
    use std::os::unix::fs::MetadataExt;
    let identity = |path| fs::metadata(path).map(|file| (file.dev(), file.ino()));
    matches!((identity(one), identity(other)), (Ok(one), Ok(other)) if one == other)
}

#[cfg(not(unix))]
fn same_file(one: &Path, other: &Path) -> bool {
    matches!((one.canonicalize(), other.canonicalize()), (Ok(one), Ok(other)) if one == other)
}

/// Remembers its own failure, so that it can be told from that of the command's other work.
struct Writer {
    to: BufWriter<Box<dyn Write>>,
    failed: Option<(ErrorKind, String)>,
}

impl Writer {
    fn new(to: impl Write + 'static) -> Writer {
        Writer { to: BufWriter::with_capacity(64 << 10, Box::new(to)), failed: None }
    }

    fn noted<T>(&mut self, done: io::Result<T>) -> io::Result<T> {
        if let Err(error) = &done
            && error.kind() != ErrorKind::Interrupted
        {
            self.failed = Some((error.kind(), error.to_string()));
        }
        done
    }
}

impl Write for Writer {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let done = self.to.write(bytes);
        self.noted(done)
    }

    fn flush(&mut self) -> io::Result<()> {
        let done = self.to.flush();
        self.noted(done)
    }
}
