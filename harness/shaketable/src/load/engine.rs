//! The engine: a thread on which every stream of the load goes its way through the phases.

use std::fmt::Debug;
use std::rc::Rc;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread::JoinHandle;
use std::time::Duration;

use nix::time::{ClockId, clock_gettime};
use shaketable_faults::observe::Clock;
use shaketable_faults::timer;
use tokio::sync::{mpsc, oneshot, watch};
use tokio_util::sync::CancellationToken;

use super::client::Client;
use super::pace::Pace;
use super::recorder::Recorder;
use super::script::{Arrived, Due, Ground, Script};
use super::spec::Spec;
use super::stream::Running;
use crate::check::view::nanos;
use crate::record::{Nanos, Phase};

/// Nothing new for so long is quiescence.
const QUIET: Duration = Duration::from_millis(15);
/// The longest wait for it after one call.
const QUIET_MAX: Duration = Duration::from_millis(500);
/// How often it is looked for.
const LOOK: Duration = Duration::from_millis(3);

/// How often the thread looks at what it has used of a processor.
const CPU_LOOK: Duration = Duration::from_millis(50);

/// Why the engine could not start.
#[derive(Debug, thiserror::Error)]
#[error("start the load: {0}")]
pub struct EngineError(#[from] std::io::Error);

/// What is under way behind the targets, so that a call can be made alone.
pub trait Activity: Debug + Send + Sync {
    /// How much has been seen so far.
    fn seen(&self) -> usize;
    /// How much of that is still under way.
    fn under_way(&self) -> usize;
}

/// Nobody watches what is behind the targets.
#[derive(Clone, Copy, Debug)]
pub struct Unwatched;

impl Activity for Unwatched {
    fn seen(&self) -> usize {
        0
    }

    fn under_way(&self) -> usize {
        0
    }
}

enum Command {
    /// Every script once, alone.
    Survey(oneshot::Sender<()>),
    /// A phase begins.
    Phase(Phase, Nanos),
    /// No more calls arrive.
    Stop,
}

/// The load engine of one experiment. Dropping it ends it.
#[derive(Debug)]
pub struct Engine {
    commands: mpsc::UnboundedSender<Command>,
    /// How many streams go on.
    going: watch::Receiver<usize>,
    /// For how long the thread has been busy.
    cpu: Arc<AtomicU64>,
    end: CancellationToken,
    thread: Option<JoinHandle<()>>,
}

impl Engine {
    /// Starts the thread. Nothing is sent before a phase begins.
    pub fn start(
        clock: Clock,
        spec: Spec,
        recorder: Arc<dyn Recorder>,
        activity: Arc<dyn Activity>,
    ) -> Result<Self, EngineError> {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()?;
        let (commands, inbox) = mpsc::unbounded_channel();
        let (went, going) = watch::channel(spec.streams.len());
        let end = CancellationToken::new();
        let ended = end.clone();
        let cpu = Arc::new(AtomicU64::new(0));
        let used = Arc::clone(&cpu);
        let thread = std::thread::Builder::new()
            .name("load".to_owned())
            .spawn(move || {
                let local = tokio::task::LocalSet::new();
                local.block_on(&runtime, async move {
                    let pacing = spec.pacing.chosen(&spec.streams);
                    let ground = Rc::new(Ground {
                        clock,
                        client: Client::new(spec.targets),
                        recorder,
                        trace_base: spec.trace_base,
                    });
                    let quiet = Quiet(activity);
                    let pace = Pace::new(clock, pacing);
                    let streams = spec.streams.into_iter().zip(0..);
                    let streams = streams
                        .map(|(stream, number)| Running::new(stream, spec.seed, number))
                        .collect();
                    let crew = Crew {
                        ground,
                        quiet,
                        pace,
                        streams,
                        went,
                    };
                    tokio::task::spawn_local(tell_cpu(used));
                    tokio::select! {
                        () = crew.work(inbox) => {}
                        () = ended.cancelled() => {}
                    }
                });
                // Who looks up the name of a host cannot be stopped, and is not waited for.
                runtime.shutdown_background();
            })?;
        Ok(Self {
            commands,
            going,
            cpu,
            end,
            thread: Some(thread),
        })
    }

    /// Does every script of every stream once, one call at a time, with quiescence after each.
    pub async fn survey(&self) {
        let (done, ended) = oneshot::channel();
        if self.commands.send(Command::Survey(done)).is_ok() {
            let _ = ended.await;
        }
    }

    /// A phase begins at a moment: the streams that start with it do so.
    pub fn phase(&self, phase: Phase, at: Nanos) {
        let _ = self.commands.send(Command::Phase(phase, at));
    }

    /// No more calls arrive; those under way go on.
    pub fn stop(&self) {
        let _ = self.commands.send(Command::Stop);
    }

    /// For how long the thread has kept a processor busy, as of a moment ago, without what it only
    /// waited awake for the next call; nothing where the system does not tell.
    pub fn cpu(&self) -> Nanos {
        self.cpu.load(Ordering::Relaxed)
    }

    /// Waits until every stream has come to its end, with all its calls.
    pub async fn ended(&self) {
        let mut going = self.going.clone();
        let _ = going.wait_for(|streams| *streams == 0).await;
    }
}

impl Drop for Engine {
    fn drop(&mut self) {
        self.end.cancel();
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

/// Tells again and again for how long this thread has been busy.
async fn tell_cpu(used: Arc<AtomicU64>) {
    loop {
        let now = clock_gettime(ClockId::CLOCK_THREAD_CPUTIME_ID).map(Duration::from);
        let busy = now.map_or(Duration::ZERO, |now| now.saturating_sub(timer::idle()));
        used.store(nanos(busy), Ordering::Relaxed);
        tokio::time::sleep(CPU_LOOK).await;
    }
}

/// Everybody who works on the thread.
struct Crew {
    ground: Rc<Ground>,
    quiet: Quiet,
    pace: Pace,
    streams: Vec<Running>,
    went: watch::Sender<usize>,
}

impl Crew {
    async fn work(self, mut inbox: mpsc::UnboundedReceiver<Command>) {
        let streams: Vec<Rc<Running>> = self.streams.into_iter().map(Rc::new).collect();
        let stop = CancellationToken::new();
        let mut waiting: Vec<usize> = (0..streams.len()).collect();
        let mut at_work = tokio::task::JoinSet::new();
        loop {
            let command = tokio::select! {
                biased;
                command = inbox.recv() => command,
                Some(_) = at_work.join_next() => {
                    self.went.send_replace(waiting.len() + at_work.len());
                    continue;
                }
            };
            match command {
                None => return,
                Some(Command::Stop) => {
                    stop.cancel();
                    waiting.clear();
                    self.went.send_replace(at_work.len());
                }
                Some(Command::Phase(phase, at)) => {
                    for place in waiting.extract_if(.., |place| streams[*place].starts(phase)) {
                        let stream = Rc::clone(&streams[place]);
                        let (ground, quiet) = (Rc::clone(&self.ground), self.quiet.clone());
                        let (pace, stop) = (self.pace.clone(), stop.clone());
                        at_work.spawn_local(stream.run(ground, pace, quiet, at, stop));
                    }
                }
                Some(Command::Survey(done)) => {
                    for stream in &streams {
                        stream.survey(&self.ground, &self.quiet).await;
                    }
                    let _ = done.send(());
                }
            }
        }
    }
}

/// Does a script while nothing else is done.
pub(super) async fn alone(
    script: &Script,
    (seed, index): (u64, u64),
    ground: &Rc<Ground>,
    quiet: &Quiet,
) {
    let arrived = Arrived {
        due: Due::InTurn,
        serial: true,
        seed,
        index,
    };
    script.run(ground, arrived).await;
    quiet.comes().await;
}

/// The end of everything that a call caused.
#[derive(Clone, Debug)]
pub(super) struct Quiet(Arc<dyn Activity>);

impl Quiet {
    /// Waits until nothing is under way behind the targets and nothing new comes.
    pub(super) async fn comes(&self) {
        let deadline = tokio::time::Instant::now() + QUIET_MAX;
        let mut before = self.0.seen();
        let mut since = tokio::time::Instant::now();
        while tokio::time::Instant::now() < deadline && since.elapsed() < QUIET {
            tokio::time::sleep(LOOK).await;
            let now = self.0.seen();
            if now != before || self.0.under_way() > 0 {
                before = now;
                since = tokio::time::Instant::now();
            }
        }
    }
}
