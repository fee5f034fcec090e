//! Goose's process, from its start to its end, and the thread that reads what it tells.

use std::collections::BTreeMap;
use std::future::Future;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, OnceLock};
use std::time::{Duration, Instant};

use nix::sys::signal::Signal;
use shaketable_faults::observe::Clock;
use tokio::sync::watch;

use super::follow::Follow;
use super::journeys::{self, Journeys};
use super::ours::{Reader, Users, monotonic};
use super::tally::Tally;
use crate::launch::{Exit, Helper, HelperSpec, KeeperCommand, LaunchError};
use crate::load::Recorder;
use crate::record::Nanos;

/// The hidden word under which our binary is goose's users.
pub const WORD: &str = "goose-users";
/// How long its file may take to come into being.
const START_MAX: Duration = Duration::from_secs(30);
/// How often its file is looked at: until it is there, as that moment is the run's zero; afterwards.
const LOOK_FIRST: Duration = Duration::from_millis(1);
const LOOK: Duration = Duration::from_millis(10);
/// What it gets to end when it is told to stop: goose looks twice a second, then waits for its users.
const PATIENCE: Duration = Duration::from_secs(3);
/// What it gets to end when it is ended.
const GRACE: Duration = Duration::from_millis(200);

/// Who makes the calls.
#[derive(Clone, Debug)]
pub enum Work {
    /// Users of ours, who make the suite's requests.
    Users(Users),
    /// A program that somebody wrote with goose.
    Journeys(Journeys),
}

/// Where goose runs.
#[derive(Clone, Copy, Debug)]
pub struct Place<'a> {
    /// The directory of its files.
    pub dir: &'a Path,
    /// Our own binary.
    pub program: &'a Path,
    /// What `$NAME` stands for in its command line.
    pub vars: &'a BTreeMap<String, String>,
    /// How its keeper is started.
    pub keeper: &'a KeeperCommand,
}

/// Why there is no load of goose's, or no more.
#[derive(Debug, thiserror::Error)]
pub enum GooseError {
    /// Its process could not be started.
    #[error(transparent)]
    Launch(#[from] LaunchError),
    /// A file of it.
    #[error("{what} {path}: {source}")]
    File {
        /// What was being done.
        what: &'static str,
        /// The file.
        path: String,
        /// Why it failed.
        source: io::Error,
    },
    /// It went away by itself.
    #[error("keep goose's load up: it ended by itself with {exit}{}", tail(.last_lines))]
    Ended {
        /// How it ended.
        exit: Exit,
        /// The last lines of its output.
        last_lines: Vec<String>,
    },
    /// It tells of no calls.
    #[error("learn of goose's calls: there is none after {} s{}", START_MAX.as_secs(), tail(.last_lines))]
    Silent {
        /// The last lines of its output.
        last_lines: Vec<String>,
    },
}

fn tail(lines: &[String]) -> String {
    lines
        .iter()
        .fold(String::new(), |text, line| text + "\n    " + line)
}

/// Goose at work. Dropping it ends it.
#[derive(Debug)]
pub struct Goose {
    helper: Helper,
    tally: Arc<Tally>,
    stop: Signal,
    /// Whether it was told to stop, and how it had ended by itself if it had.
    stopped: OnceLock<Option<Exit>>,
    /// Whether nothing more will be written.
    over: Arc<AtomicBool>,
    /// What it is told, and what it tells.
    files: Vec<PathBuf>,
    /// Whether its users have begun.
    begun: watch::Receiver<bool>,
    /// Whether everything has been read.
    read: watch::Receiver<Option<Result<(), Problem>>>,
}

/// Whose lines are read.
enum Lines {
    Ours(Reader),
    /// With the beginning of the run, once it is known.
    Theirs(Option<Nanos>),
}

/// The thread that reads.
struct Reading {
    follow: Follow,
    lines: Lines,
    clock: Clock,
    tally: Arc<Tally>,
    over: Arc<AtomicBool>,
    begun: watch::Sender<bool>,
}

impl Reading {
    fn read_all(mut self, path: &Path) -> Result<(), Problem> {
        let io = |error| Problem::Io(Arc::new(error), path.to_owned());
        let began = Instant::now();
        while !self.follow.is_there().map_err(io)? {
            if self.over.load(Ordering::Relaxed) {
                return Ok(());
            }
            if began.elapsed() > START_MAX {
                return Err(Problem::Silent);
            }
            std::thread::sleep(LOOK_FIRST);
        }
        if let Lines::Theirs(zero) = &mut self.lines {
            // Goose opens its log and then lets its first user begin. What it writes is held back.
            *zero = Some(self.clock.now());
            self.begun.send_replace(true);
        }
        loop {
            // What is written before the end is read after it.
            let last = self.over.load(Ordering::Relaxed);
            let (lines, tally, begun) = (&mut self.lines, &self.tally, &self.begun);
            self.follow
                .lines(|line| {
                    let taken = line.is_some_and(|line| match lines {
                        Lines::Ours(reader) => reader.take(line, tally),
                        Lines::Theirs(zero) => {
                            journeys::take(line, zero.unwrap_or_default(), tally)
                        }
                    });
                    if !taken {
                        tally.miss();
                    }
                    begun.send_replace(true);
                })
                .map_err(io)?;
            if last {
                return Ok(());
            }
            if !*self.begun.borrow() && began.elapsed() > START_MAX {
                return Err(Problem::Silent);
            }
            std::thread::sleep(LOOK);
        }
    }
}

/// A word of a command line in which no name is to be replaced.
fn literal(path: &Path) -> String {
    path.display().to_string().replace('$', "$$")
}

/// What the reading thread met.
#[derive(Clone, Debug)]
enum Problem {
    Io(Arc<io::Error>, PathBuf),
    Silent,
}

impl Goose {
    /// Starts it. Its calls go to `recorder`, with the times of `clock`; `classes` are known already.
    pub async fn start(
        work: Work,
        clock: Clock,
        recorder: Arc<dyn Recorder>,
        classes: Vec<String>,
        place: Place<'_>,
    ) -> Result<Self, GooseError> {
        let tally = Arc::new(Tally::new(recorder, classes));
        let Place {
            dir,
            program,
            vars,
            keeper,
        } = place;
        let file = dir.join("goose.jsonl");
        let failed = |what: &'static str, path: &Path| {
            let path = path.display().to_string();
            move |source| GooseError::File { what, path, source }
        };
        match std::fs::remove_file(&file) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => {
                return Err(failed("remove", &file)(error));
            }
            _ => {}
        }
        let mut files = vec![file.clone()];
        let (argv, cwd, lines, stop) = match work {
            Work::Users(mut users) => {
                users.journal.clone_from(&file);
                let told = dir.join("goose.users.json");
                users.write(&told).map_err(failed("write", &told))?;
                files.push(told.clone());
                let words = [program, Path::new(WORD), &told].map(literal);
                let reader = Reader::new(monotonic().saturating_sub(clock.now()));
                (
                    words.to_vec(),
                    dir.to_owned(),
                    Lines::Ours(reader),
                    Signal::SIGTERM,
                )
            }
            // Goose ends in an orderly way, with its log whole, at the Ctrl-C of a terminal.
            Work::Journeys(journeys) => {
                let argv = journeys.command_line(&file);
                (argv, journeys.cwd, Lines::Theirs(None), Signal::SIGINT)
            }
        };
        let spec = HelperSpec {
            name: "goose".to_owned(),
            argv,
            // Its target is on this machine, whatever proxies the environment names.
            env: ["NO_PROXY", "no_proxy"]
                .map(|name| (name.to_owned(), "127.0.0.1,localhost".to_owned()))
                .to_vec(),
            cwd,
        };
        let log = dir.join("goose.log");
        let helper = Helper::start(&spec, vars, &log, keeper).await?;
        let over = Arc::new(AtomicBool::new(false));
        let (tell, read) = watch::channel(None);
        let (tell_begun, begun) = watch::channel(false);
        let reading = Reading {
            follow: Follow::new(&file),
            lines,
            clock,
            tally: Arc::clone(&tally),
            over: Arc::clone(&over),
            begun: tell_begun,
        };
        let path = file.clone();
        std::thread::Builder::new()
            .name("goose".to_owned())
            .spawn(move || {
                let read = reading.read_all(&path);
                tell.send_replace(Some(read));
            })
            .map_err(failed("read", &file))?;
        Ok(Self {
            helper,
            tally,
            stop,
            stopped: OnceLock::new(),
            over,
            files,
            begun,
            read,
        })
    }

    /// The classes of all calls so far, those known before first.
    pub fn classes(&self) -> Vec<String> {
        self.tally.classes()
    }

    /// Resolves when its process ends, for whatever reason.
    pub fn exited(&self) -> impl Future<Output = Exit> + Send + 'static {
        self.helper.exited()
    }

    /// Waits until its users have begun; or it cannot be expected any more.
    pub async fn begun(&self) {
        let (mut begun, mut read) = (self.begun.clone(), self.read.clone());
        tokio::select! {
            _ = begun.wait_for(|begun| *begun) => {}
            _ = read.wait_for(Option::is_some) => {}
            _ = self.helper.exited() => {}
        }
    }

    /// Asks it to make no more calls, and to end when those under way have.
    pub fn stop(&self) {
        self.stopped.get_or_init(|| {
            let exit = self.helper.exit_now();
            self.helper.signal(self.stop);
            exit
        });
    }

    /// Waits until it has ended and everything that it told has been read, or its time is up.
    pub async fn ended(&self) {
        let _ = tokio::time::timeout(PATIENCE, self.helper.exited()).await;
        self.over.store(true, Ordering::Relaxed);
        let mut read = self.read.clone();
        let _ = tokio::time::timeout(PATIENCE, read.wait_for(Option::is_some)).await;
    }

    /// What went wrong before it was told to stop.
    pub fn trouble(&self) -> Option<GooseError> {
        let last_lines = || self.helper.last_lines();
        match &*self.read.borrow() {
            Some(Err(Problem::Silent)) => {
                return Some(GooseError::Silent {
                    last_lines: last_lines(),
                });
            }
            Some(Err(Problem::Io(error, path))) => {
                return Some(GooseError::File {
                    what: "read",
                    path: path.display().to_string(),
                    source: io::Error::new(error.kind(), error.to_string()),
                });
            }
            Some(Ok(())) | None => {}
        }
        let by_itself = self.stopped.get().copied();
        Some(GooseError::Ended {
            exit: by_itself.unwrap_or_else(|| self.helper.exit_now())?,
            last_lines: last_lines(),
        })
    }

    /// Ends what is left of it, and removes the files of its calls: they are in the recording.
    pub async fn down(self) {
        self.over.store(true, Ordering::Relaxed);
        self.helper.stop(GRACE).await;
        for file in &self.files {
            // One that is not there needs no removing.
            let _ = std::fs::remove_file(file);
        }
    }
}
