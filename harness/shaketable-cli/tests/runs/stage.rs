//! What every case needs: a directory of its own, the binary as a real process with a deadline, and a look
//! at what is left of it.

use std::ffi::OsStr;
use std::fs;
use std::io::{BufRead, BufReader, Read};
use std::os::unix::process::{CommandExt, ExitStatusExt};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use nix::sys::signal::{Signal, kill, killpg};
use nix::unistd::Pid;
use serde_json::Value;

/// How long anything that is bound to happen may take on a busy machine.
pub(crate) const PATIENCE: Duration = Duration::from_mins(1);
/// How long a run may take beyond what its suite asks for.
pub(crate) const SLACK: Duration = Duration::from_secs(2);
/// In the environment of everything that a case starts.
const MARK: &str = "SHAKETABLE_TEST_CASE";

/// Every case drives load, so there is one at a time even where the runner would have more.
static ONE_AT_A_TIME: Mutex<()> = Mutex::new(());
static CASES: AtomicU32 = AtomicU32::new(0);

/// One case: its directory, and the mark by which its processes are known.
pub(crate) struct Stage {
    dir: tempfile::TempDir,
    mark: String,
    _turn: MutexGuard<'static, ()>,
}

impl Stage {
    pub(crate) fn new() -> Self {
        let turn = ONE_AT_A_TIME.lock().unwrap_or_else(PoisonError::into_inner);
        let dir = tempfile::tempdir().unwrap();
        let number = CASES.fetch_add(1, Ordering::Relaxed);
        let mark = format!("{}-{number}", std::process::id());
        for name in ["cwd", "tmp"] {
            fs::create_dir(dir.path().join(name)).unwrap();
        }
        Self {
            dir,
            mark,
            _turn: turn,
        }
    }

    /// A path beside the suite.
    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }

    /// The directory in which the binary is run; empty at first.
    pub(crate) fn cwd(&self) -> PathBuf {
        self.path("cwd")
    }

    /// What the binary takes for the system's temporary directory; empty at first.
    pub(crate) fn tmp(&self) -> PathBuf {
        self.path("tmp")
    }

    /// What is in there.
    pub(crate) fn temporary(&self) -> Vec<String> {
        let entries = fs::read_dir(self.tmp()).unwrap();
        entries
            .map(|entry| entry.unwrap().path().display().to_string())
            .collect()
    }

    pub(crate) fn write(&self, name: &str, text: &str) -> PathBuf {
        let path = self.path(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(&path, text).unwrap();
        path
    }

    pub(crate) fn read(&self, name: &str) -> String {
        fs::read_to_string(self.path(name)).unwrap()
    }

    /// The binary with arguments and nothing in the environment that would change its output.
    pub(crate) fn shaketable<S: AsRef<OsStr>>(&self, args: impl IntoIterator<Item = S>) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_shaketable"));
        command.args(args).current_dir(self.cwd());
        for name in ["NO_COLOR", "CLICOLOR_FORCE", "CLICOLOR", "COLUMNS"] {
            command.env_remove(name);
        }
        command.env(MARK, &self.mark).env("TMPDIR", self.tmp());
        command
    }

    /// Runs the binary to its end.
    pub(crate) fn call<S: AsRef<OsStr>>(&self, args: impl IntoIterator<Item = S>) -> Done {
        self.finish(self.shaketable(args))
    }

    /// Runs a suite to its end, with its files in `out`. Nothing of it may be left.
    pub(crate) fn run(&self, suite: &str) -> Done {
        self.run_with(suite, &[])
    }

    pub(crate) fn run_with(&self, suite: &str, more: &[&str]) -> Done {
        let done = self.start(self.run_command(suite, more)).wait();
        assert_eq!(self.leftovers(), [] as [String; 0], "{done}");
        assert_eq!(self.temporary(), [] as [String; 0], "{done}");
        assert_eq!(done.stdout, "", "stdout is for machines");
        done
    }

    /// [`Stage::run`] until nothing disturbs it.
    pub(crate) fn run_undisturbed(&self, suite: &str) -> Done {
        undisturbed(|| self.run(suite))
    }

    /// `shaketable run` of a suite's text.
    pub(crate) fn run_command(&self, suite: &str, more: &[&str]) -> Command {
        let suite = self.write("suite.yaml", suite);
        let mut command = self.shaketable(["run"]);
        command.arg(suite).arg("--out").arg(self.out()).args(more);
        command
    }

    /// Where [`Stage::run`] has the files written.
    pub(crate) fn out(&self) -> PathBuf {
        self.path("out")
    }

    pub(crate) fn finish(&self, command: Command) -> Done {
        self.start(command).wait()
    }

    pub(crate) fn start(&self, mut command: Command) -> Going {
        // A group of its own, as a shell gives it, so that Ctrl-C can reach all of it.
        command.process_group(0);
        command
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped());
        let mut child = command.spawn().unwrap();
        let stdout = Heard::listen(child.stdout.take().unwrap());
        let stderr = Heard::listen(child.stderr.take().unwrap());
        Going {
            child,
            began: Instant::now(),
            stdout,
            stderr,
            out: self.out(),
        }
    }

    /// Whatever this case started and still runs, as command lines.
    pub(crate) fn leftovers(&self) -> Vec<String> {
        self.processes().into_iter().map(|(_, line)| line).collect()
    }

    fn processes(&self) -> Vec<(Pid, String)> {
        let mark = format!("{MARK}={}", self.mark);
        let process = |entry: fs::DirEntry| {
            let pid = entry.file_name().to_str()?.parse().ok()?;
            let environ = fs::read(entry.path().join("environ")).ok()?;
            environ
                .split(|byte| *byte == 0)
                .find(|entry| *entry == mark.as_bytes())?;
            let line = fs::read(entry.path().join("cmdline")).ok()?;
            // Who has ended meanwhile shows nothing.
            let shown = String::from_utf8_lossy(&line).replace('\0', " ");
            (!shown.is_empty()).then(|| (Pid::from_raw(pid), shown))
        };
        let entries = fs::read_dir("/proc").into_iter().flatten().flatten();
        entries.filter_map(process).collect()
    }

    /// Waits until nothing that this case started runs, for as long as is promised.
    pub(crate) fn nothing_left_within(&self, limit: Duration) {
        let began = Instant::now();
        while !self.leftovers().is_empty() {
            let left = self.leftovers();
            assert!(
                began.elapsed() < limit || left.is_empty(),
                "left after {limit:?}: {left:#?}"
            );
            std::thread::sleep(Duration::from_millis(10));
        }
    }
}

impl Drop for Stage {
    fn drop(&mut self) {
        // A case that failed leaves nothing to disturb the next one.
        for (pid, _) in self.processes() {
            let _ = kill(pid, Signal::SIGKILL);
        }
    }
}

/// Repeats a run for as long as it says itself that the machine was busy with something else, so that it
/// proves nothing; but not for ever.
pub(crate) fn undisturbed(mut run: impl FnMut() -> Done) -> Done {
    const TRIES: usize = 5;
    let busy = ["the load was sent up to", "the machine stalled"];
    let mut done = run();
    for _ in 1..TRIES {
        if !busy.iter().any(|words| done.stderr.contains(words)) {
            break;
        }
        done = run();
    }
    done
}

/// What comes out of a pipe.
struct Heard {
    text: Arc<Mutex<String>>,
    thread: JoinHandle<()>,
}

impl Heard {
    fn listen(pipe: impl Read + Send + 'static) -> Self {
        let text = Arc::new(Mutex::new(String::new()));
        let heard = Arc::clone(&text);
        let thread = std::thread::spawn(move || {
            let mut pipe = BufReader::new(pipe);
            let mut line = Vec::new();
            while pipe.read_until(b'\n', &mut line).is_ok_and(|n| n > 0) {
                heard
                    .lock()
                    .unwrap()
                    .push_str(&String::from_utf8_lossy(&line));
                line.clear();
            }
        });
        Self { text, thread }
    }

    fn so_far(&self) -> String {
        self.text.lock().unwrap().clone()
    }
}

/// A process of the binary that is under way.
pub(crate) struct Going {
    child: Child,
    began: Instant,
    stdout: Heard,
    stderr: Heard,
    out: PathBuf,
}

impl Going {
    /// Waits until a text occurs on stderr.
    pub(crate) fn until_it_says(&mut self, text: &str) {
        while !self.stderr.so_far().contains(text) {
            let ended = self.child.try_wait().unwrap();
            // What it said last may still be in the pipe.
            if ended.is_some() && self.stderr.thread.is_finished() {
                let said = self.stderr.so_far();
                assert!(said.contains(text), "it never said `{text}`:\n{said}");
                return;
            }
            self.mind_the_deadline(text);
            std::thread::sleep(Duration::from_millis(5));
        }
    }

    /// Waits until something is true while it runs.
    pub(crate) fn until(&mut self, mut condition: impl FnMut() -> bool) {
        while !condition() {
            let said = self.stderr.so_far();
            assert!(self.is_running(), "it ended too early:\n{said}");
            self.mind_the_deadline("what was waited for");
            std::thread::sleep(Duration::from_millis(5));
        }
    }

    pub(crate) fn is_running(&mut self) -> bool {
        self.child.try_wait().unwrap().is_none()
    }

    /// What it has said up to now.
    pub(crate) fn stderr(&self) -> String {
        self.stderr.so_far()
    }

    fn mind_the_deadline(&mut self, what: &str) {
        if self.began.elapsed() > PATIENCE {
            let _ = self.child.kill();
            let said = self.stderr.so_far();
            panic!("not within {PATIENCE:?}: {what}\n{said}");
        }
    }

    /// A signal for the process alone.
    pub(crate) fn signal(&self, signal: Signal) {
        kill(self.pid(), signal).unwrap();
    }

    /// A signal for its whole group, as a terminal sends it.
    pub(crate) fn signal_group(&self, signal: Signal) {
        killpg(self.pid(), signal).unwrap();
    }

    fn pid(&self) -> Pid {
        Pid::from_raw(i32::try_from(self.child.id()).unwrap())
    }

    /// Waits for its end.
    pub(crate) fn wait(mut self) -> Done {
        let status = loop {
            if let Some(status) = self.child.try_wait().unwrap() {
                break status;
            }
            self.mind_the_deadline("the end");
            std::thread::sleep(Duration::from_millis(2));
        };
        let took = self.began.elapsed();
        let hear = |heard: Heard| {
            let began = Instant::now();
            while !heard.thread.is_finished() {
                assert!(
                    began.elapsed() < SLACK,
                    "somebody still holds a pipe of the process that has ended"
                );
                std::thread::sleep(Duration::from_millis(1));
            }
            heard.so_far()
        };
        Done {
            status,
            took,
            stdout: hear(self.stdout),
            stderr: hear(self.stderr),
            out: self.out,
        }
    }
}

/// A process of the binary that has ended.
pub(crate) struct Done {
    pub(crate) status: ExitStatus,
    pub(crate) took: Duration,
    pub(crate) stdout: String,
    pub(crate) stderr: String,
    out: PathBuf,
}

impl Done {
    #[track_caller]
    pub(crate) fn exits(&self, code: i32) -> &Self {
        assert_eq!(self.status.code(), Some(code), "{self}");
        self
    }

    #[track_caller]
    pub(crate) fn says(&self, text: &str) -> &Self {
        assert!(self.stderr.contains(text), "stderr lacks `{text}`:\n{self}");
        self
    }

    #[track_caller]
    pub(crate) fn keeps_quiet_about(&self, text: &str) -> &Self {
        assert!(!self.stderr.contains(text), "stderr has `{text}`:\n{self}");
        self
    }

    #[track_caller]
    pub(crate) fn took_at_most(&self, limit: Duration) -> &Self {
        assert!(
            self.took <= limit,
            "it took {:?}, not {limit:?}:\n{self}",
            self.took
        );
        self
    }

    /// `report.json` of [`Stage::run`].
    #[track_caller]
    pub(crate) fn report(&self) -> Value {
        report(&self.out)
    }
}

impl std::fmt::Display for Done {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let signal = self.status.signal();
        writeln!(
            f,
            "{:?}, signal {signal:?}, after {:?}",
            self.status.code(),
            self.took
        )?;
        write!(
            f,
            "--- stdout\n{}--- stderr\n{}---",
            self.stdout, self.stderr
        )
    }
}

/// `report.json` in a run's directory.
#[track_caller]
pub(crate) fn report(dir: &Path) -> Value {
    let text = fs::read_to_string(dir.join("report.json")).expect("a report was written");
    serde_json::from_str(&text).expect("the report is JSON")
}

/// The states of a report's verdicts, each as `check about: state`.
pub(crate) fn verdicts(report: &Value) -> Vec<String> {
    let experiments = report["experiments"].as_array().unwrap().iter();
    experiments
        .flat_map(|experiment| experiment["verdicts"].as_array().unwrap())
        .map(|verdict| {
            let word = |key: &str| verdict[key].as_str().unwrap().to_owned();
            format!("{} {}: {}", word("check"), word("about"), word("state"))
        })
        .collect()
}
