//! Where the text of a suite comes from: the disk, or the memory of a program that carries suites.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{self, Read as _};
use std::path::{Path, PathBuf};

/// The most bytes that one file of a suite may have.
pub const FILE_BYTES_MAX: usize = 1 << 20;

/// Something that suites can be read from.
pub trait Files {
    /// Reads a file; one byte beyond [`FILE_BYTES_MAX`] is enough of it.
    fn read(&self, path: &str) -> io::Result<Vec<u8>>;

    /// The directory that relative paths in the file are relative to.
    fn dir_of(&self, path: &str) -> PathBuf;

    /// Whether there is such a directory.
    fn is_dir(&self, path: &Path) -> bool;
}

/// Why there is no text.
pub(super) struct Unreadable {
    /// What goes after the name of the file.
    pub(super) reason: String,
    /// What to do about it.
    pub(super) help: &'static str,
    /// Whether there is no such file.
    pub(super) missing: bool,
}

/// The text of a file.
pub(super) fn read_text(files: &dyn Files, name: &str) -> Result<String, Unreadable> {
    let unreadable = |reason: String, help| Unreadable {
        reason,
        help,
        missing: false,
    };
    let bytes = files.read(name).map_err(|error| match error.kind() {
        io::ErrorKind::NotFound => Unreadable {
            missing: true,
            ..unreadable("cannot be read: there is no such file".to_owned(), "")
        },
        io::ErrorKind::IsADirectory => unreadable(
            "cannot be read: this is a directory".to_owned(),
            "name the file",
        ),
        _ => unreadable(format!("cannot be read: {error}"), ""),
    })?;
    if bytes.len() > FILE_BYTES_MAX {
        let mib = FILE_BYTES_MAX >> 20;
        return Err(unreadable(
            format!("has more than {mib} MiB, which no suite needs"),
            "is it the right file?",
        ));
    }
    String::from_utf8(bytes).map_err(|error| {
        let valid = &error.as_bytes()[..error.utf8_error().valid_up_to()];
        let line = valid.split(|byte| *byte == b'\n').count();
        unreadable(
            format!("is not UTF-8 text, first in line {line}"),
            "save it as UTF-8",
        )
    })
}

/// The file system.
#[derive(Clone, Copy, Debug, Default)]
pub struct Disk;

impl Files for Disk {
    fn read(&self, path: &str) -> io::Result<Vec<u8>> {
        let mut bytes = Vec::new();
        File::open(path)?
            .take(FILE_BYTES_MAX as u64 + 1)
            .read_to_end(&mut bytes)?;
        Ok(bytes)
    }

    fn dir_of(&self, path: &str) -> PathBuf {
        let whole = std::path::absolute(path).unwrap_or_else(|_| PathBuf::from(path));
        whole.parent().map_or_else(|| whole.clone(), Path::to_owned)
    }

    fn is_dir(&self, path: &Path) -> bool {
        path.is_dir()
    }
}

/// Suites in memory, by name. Everything in them is relative to one directory, and every directory
/// that they name is taken to exist.
#[derive(Clone, Debug, Default)]
pub struct InMemory {
    /// The directory.
    pub dir: PathBuf,
    /// The texts by name.
    pub texts: BTreeMap<String, String>,
}

impl InMemory {
    /// One suite and nothing else.
    pub fn one(name: &str, text: &str) -> Self {
        Self {
            dir: PathBuf::from("."),
            texts: BTreeMap::from([(name.to_owned(), text.to_owned())]),
        }
    }
}

impl Files for InMemory {
    fn read(&self, path: &str) -> io::Result<Vec<u8>> {
        self.texts
            .get(path)
            .map(|text| text.clone().into_bytes())
            .ok_or_else(|| io::Error::from(io::ErrorKind::NotFound))
    }

    fn dir_of(&self, _path: &str) -> PathBuf {
        self.dir.clone()
    }

    fn is_dir(&self, _path: &Path) -> bool {
        true
    }
}
