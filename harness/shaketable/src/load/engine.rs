//! The engine: a thread on which every stream of the load goes its way through the phases.

use std::cell::RefCell;
use std::collections::BTreeSet;
use std::rc::Rc;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread::JoinHandle;
use std::time::Duration;

use nix::time::{ClockId, clock_gettime};
use shaketable_faults::dice::join;
use shaketable_faults::observe::Clock;
use shaketable_faults::timer;
use tokio::sync::{mpsc, oneshot, watch};
use tokio_util::sync::CancellationToken;

use super::client::Client;
use super::pace::Pace;
use super::quiet::{Activity, Quiet};
use super::recorder::Recorder;
use super::script::{Ground, Manner};
use super::spec::Spec;
use super::stream::Running;
use crate::check::view::nanos;
use crate::record::{Nanos, Phase};

/// How often the thread looks at what it has used of a processor.
const CPU_LOOK: Duration = Duration::from_millis(50);

/// Why the engine could not start.
#[derive(Debug, thiserror::Error)]
#[error("start the load: {0}")]
pub struct EngineError(#[from] std::io::Error);

enum Command {
    /// Every script once, alone; those of some classes only, where these are given.
    Alone(Option<Vec<u16>>, Manner, oneshot::Sender<()>),
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
                        ids: join(spec.trace_base, spec.salt),
                        quiet: Quiet::by(activity),
                        given_up: RefCell::new(BTreeSet::new()),
                    });
                    let pace = Pace::new(clock, pacing);
                    let streams = spec.streams.into_iter().zip(0..);
                    let streams = streams
                        .map(|(stream, number)| Running::new(stream, spec.seed, number))
                        .collect();
                    let crew = Crew {
                        ground,
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

    /// Does every script of every stream once, one call at a time, with quiescence after each. A class
    /// of which a call timed out is left out from then on.
    pub async fn survey(&self) {
        self.alone(None, Manner::Survey).await;
    }

    /// The same, of all classes or of some only; and what times out is made again the next time.
    pub async fn one_of_each(&self, only: Option<Vec<u16>>) {
        self.alone(only, Manner::Alone).await;
    }

    async fn alone(&self, only: Option<Vec<u16>>, manner: Manner) {
        let (done, ended) = oneshot::channel();
        let command = Command::Alone(only, manner, done);
        if self.commands.send(command).is_ok() {
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
                    let starting: Vec<usize> = waiting
                        .iter()
                        .copied()
                        .filter(|place| streams[*place].starts(phase))
                        .collect();
                    waiting.retain(|place| {
                        streams[*place].starts_again() || !streams[*place].starts(phase)
                    });
                    for place in starting {
                        let stream = Rc::clone(&streams[place]);
                        let (ground, pace) = (Rc::clone(&self.ground), self.pace.clone());
                        at_work.spawn_local(stream.run(ground, pace, at, stop.clone()));
                    }
                }
                Some(Command::Alone(only, manner, done)) => {
                    for stream in &streams {
                        stream.alone(only.as_deref(), manner, &self.ground).await;
                    }
                    let _ = done.send(());
                }
            }
        }
    }
}
