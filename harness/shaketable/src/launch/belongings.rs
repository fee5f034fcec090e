//! What a target has while it lives: a directory of its own below the system's temporary one, with
//! the files that are written for it.
//!
//! The harness says what goes into it, on the lifeline; the keeper makes it, and removes it when
//! nothing of the target's tree is left. So it does not survive a harness that is killed.

use std::collections::BTreeMap;
use std::ffi::OsStr;
use std::fs::{self, DirBuilder, OpenOptions};
use std::io::{self, BufRead, Read, Write};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

use super::error::LaunchError;
use super::hosts;
use super::kept::new_mark;
use super::service::ServiceSpec;
use crate::between::template::FILES;

/// The directory of the files that the suite asks for.
const FILES_DIR: &str = "files";
/// The directory of what is laid over `/etc` for the target alone.
const ETC_DIR: &str = "etc";
/// How many bytes all of it may have on its way to the keeper.
const LINE_BYTES_MAX: u64 = 256 << 20;

/// What is to be written, and where.
#[derive(Debug, Clone)]
pub(super) struct Belongings {
    pub(super) dir: PathBuf,
    /// Paths below the directory, and texts.
    files: Vec<(PathBuf, String)>,
}

impl Belongings {
    /// What a service needs, if it needs any. `$FILES` is added to its names.
    pub(super) fn of(
        spec: &ServiceSpec,
        vars: &mut BTreeMap<String, String>,
    ) -> Result<Option<Self>, LaunchError> {
        if spec.files.is_empty() && spec.hosts.is_empty() {
            return Ok(None);
        }
        // The target may start in another directory.
        let tmp = std::env::temp_dir();
        let tmp = std::path::absolute(&tmp).unwrap_or(tmp);
        let dir = tmp.join(format!("shaketable-{}", new_mark()));
        let files_dir = dir.join(FILES_DIR);
        if !spec.files.is_empty() {
            vars.insert(FILES.to_owned(), files_dir.display().to_string());
        }
        let service = &spec.name;
        let mut files = Vec::new();
        for (to, template) in &spec.files {
            let lookup = |name: &str| vars.get(name).cloned();
            let text = template
                .fill(&lookup)
                .map_err(|source| LaunchError::UnknownName {
                    service: service.clone(),
                    place: format!("the file {to}"),
                    source,
                })?;
            files.push((Path::new(FILES_DIR).join(to), text));
        }
        if !spec.hosts.is_empty() {
            let own = hosts::files(&spec.hosts).map_err(|source| LaunchError::Hosts {
                service: service.clone(),
                source,
            })?;
            let etc = own.into_iter();
            files.extend(etc.map(|(name, text)| (Path::new(ETC_DIR).join(name), text)));
        }
        Ok(Some(Self { dir, files }))
    }

    /// The line that tells a keeper.
    pub(super) fn line(&self) -> String {
        // Paths and texts are all UTF-8, and nothing else can go wrong.
        let files = serde_json::to_string(&self.files).unwrap_or_default();
        format!("{files}\n")
    }
}

/// The keeper's part: hears what goes into the directory, and writes it. Nobody else can read it:
/// there may be passwords.
pub(super) fn receive(dir: &OsStr) -> io::Result<OwnDir> {
    let mut line = String::new();
    io::stdin()
        .lock()
        .take(LINE_BYTES_MAX)
        .read_line(&mut line)?;
    let files: Vec<(PathBuf, String)> = serde_json::from_str(&line)?;
    let make = |path: &Path, all: bool| DirBuilder::new().mode(0o700).recursive(all).create(path);
    // Nobody else's, not even one of the same name: this fails where there is one.
    make(Path::new(dir), false)?;
    let own_dir = OwnDir::new(Path::new(dir));
    for (path, text) in &files {
        let path = own_dir.dir.join(path);
        make(path.parent().unwrap_or(&path), true)?;
        OpenOptions::new()
            .write(true)
            .create_new(true)
            .mode(0o600)
            .open(&path)?
            .write_all(text.as_bytes())?;
    }
    Ok(own_dir)
}

/// What is to be laid over `/etc`, where there is any.
pub(super) fn etc(dir: &OsStr) -> Option<PathBuf> {
    let etc = Path::new(dir).join(ETC_DIR);
    etc.is_dir().then_some(etc)
}

/// The directory of a target. Dropping this removes it with everything in it.
#[derive(Debug)]
pub(super) struct OwnDir {
    dir: PathBuf,
}

impl OwnDir {
    pub(super) fn new(dir: &Path) -> Self {
        Self {
            dir: dir.to_owned(),
        }
    }

    /// Removes it, if it is there.
    pub(super) fn remove(&self) {
        // Keeper and harness both do; the second finds nothing.
        let _ = fs::remove_dir_all(&self.dir);
    }
}

impl Drop for OwnDir {
    fn drop(&mut self) {
        self.remove();
    }
}
