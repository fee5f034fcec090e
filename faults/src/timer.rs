//! Timers that are exact to some ten microseconds; tokio's are exact to a millisecond.
//!
//! Each thread of the data plane keeps its deadlines in one ordered map, and one kernel timer for
//! the earliest. Where there is no such timer (outside Linux) tokio's serves, a little later.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::future::poll_fn;
use std::io;
use std::task::{Context, Poll, Waker};
use std::time::{Duration, Instant};

use self::kernel::Kernel;

/// The deadlines of one thread.
#[derive(Default)]
struct Timers {
    waiting: BTreeMap<(Instant, u64), Waker>,
    made: u64,
    kernel: Option<Kernel>,
    lead: Lead,
    /// A deadline so near is waited for awake.
    awake: Duration,
    /// How long that took in all.
    idle: Duration,
    /// What the kernel's timer was last set to, unless it was to ring at once.
    rings_at: Option<Instant>,
}

/// How long a thread takes to wake up, as seen lately: the kernel is asked to ring so much earlier.
#[derive(Clone, Copy, Default)]
struct Lead(Duration);

impl Lead {
    /// A thread that takes longer was kept from running; that is no habit to be learnt.
    const MOST: Duration = Duration::from_micros(200);

    /// Takes note of how late a ring was heard.
    fn learn(&mut self, late: Duration) {
        if late <= Self::MOST {
            self.0 = (self.0 * 7 + late) / 8;
        }
    }
}

/// A turn of the thread's loop that is no longer than that did nothing for anybody: a system call for
/// a connection takes longer.
const IDLE_TURN: Duration = Duration::from_micros(5);

thread_local! {
    static TIMERS: RefCell<Timers> = RefCell::default();
}

/// Drives this thread's timers; to be polled as long as the thread has any. It does not sleep while
/// the next deadline is less than `awake` away: whoever sleeps on a shared machine may be woken
/// milliseconds late, and whoever does not costs a processor.
///
/// # Errors
///
/// Where the system has no timer left to give; then none of this thread's timers ever rings.
pub async fn drive(awake: Duration) -> io::Result<()> {
    let kernel = Kernel::new()?;
    TIMERS.with_borrow_mut(|timers| {
        timers.kernel = Some(kernel.clone());
        timers.awake = awake;
    });
    loop {
        kernel.rung().await?;
        let mut turn = Instant::now();
        TIMERS.with_borrow_mut(|timers| {
            if let Some(set) = timers.rings_at.take() {
                timers.lead.learn(turn.saturating_duration_since(set));
            }
        });
        // The little that is left is waited for awake, while others may go on.
        while TIMERS.with_borrow_mut(Timers::wake_due) {
            tokio::task::yield_now().await;
            let now = Instant::now();
            TIMERS.with_borrow_mut(|timers| timers.waited(now - turn));
            turn = now;
        }
    }
}

/// For how long this thread has been awake only because a deadline was near.
#[must_use]
pub fn idle() -> Duration {
    TIMERS.with_borrow(|timers| timers.idle)
}

impl Timers {
    /// Wakes whoever is due, and sets the kernel's timer for the next; says whether the next is so
    /// near that there is no sleeping until then.
    fn wake_due(&mut self) -> bool {
        let now = Instant::now();
        while let Some(entry) = self.waiting.first_entry() {
            if entry.key().0 > now {
                break;
            }
            entry.remove().wake();
        }
        let near = self
            .waiting
            .first_key_value()
            .is_some_and(|((due, _), _)| *due <= now + self.lead.0.max(self.awake));
        if !near {
            self.arm(now);
        }
        near
    }

    /// Takes note of a turn of the loop.
    fn waited(&mut self, turn: Duration) {
        if turn <= IDLE_TURN {
            self.idle += turn;
        }
    }

    fn arm(&mut self, now: Instant) {
        if let (Some(kernel), Some(((due, _), _))) = (&self.kernel, self.waiting.first_key_value())
        {
            if *due <= now + self.awake {
                // How soon that is heard tells nothing of how long it takes to wake up.
                self.rings_at = None;
                return kernel.ring_at(now);
            }
            let at = due.checked_sub(self.lead.0).unwrap_or(*due);
            if self.rings_at != Some(at) {
                self.rings_at = Some(at);
                kernel.ring_at(at);
            }
        }
    }
}

/// One deadline of one task; forgotten when it is dropped.
#[derive(Debug, Default)]
pub(crate) struct Alarm(Option<(Instant, u64)>);

impl Alarm {
    /// Ready from then on; until then the task is woken at that time.
    pub(crate) fn poll_until(&mut self, cx: &mut Context<'_>, due: Instant) -> Poll<()> {
        let now = Instant::now();
        if now >= due {
            self.forget();
            return Poll::Ready(());
        }
        if self.0.is_some_and(|(set, _)| set != due) {
            self.forget();
        }
        TIMERS.with_borrow_mut(|timers| {
            let key = *self.0.get_or_insert_with(|| {
                timers.made += 1;
                (due, timers.made)
            });
            let waker = timers.waiting.entry(key);
            waker
                .and_modify(|waker| waker.clone_from(cx.waker()))
                .or_insert_with(|| cx.waker().clone());
            if timers.waiting.first_key_value().map(|(first, _)| *first) == Some(key) {
                timers.arm(now);
            }
        });
        Poll::Pending
    }

    /// Takes the deadline back.
    pub(crate) fn forget(&mut self) {
        if let Some(key) = self.0.take() {
            TIMERS.with_borrow_mut(|timers| timers.waiting.remove(&key));
        }
    }
}

impl Drop for Alarm {
    fn drop(&mut self) {
        self.forget();
    }
}

/// Waits until then, on a thread whose timers are driven ([`drive`]).
pub async fn sleep_until(due: Instant) {
    let mut alarm = Alarm::default();
    poll_fn(|cx| alarm.poll_until(cx, due)).await;
}

/// Waits so long.
pub(crate) async fn sleep(time: Duration) {
    sleep_until(Instant::now() + time).await;
}

#[cfg(target_os = "linux")]
mod kernel {
    use std::io;
    use std::os::fd::{AsFd, AsRawFd, RawFd};
    use std::rc::Rc;
    use std::time::{Duration, Instant};

    use nix::sys::time::TimeSpec;
    use nix::sys::timerfd::{ClockId, Expiration, TimerFd, TimerFlags, TimerSetTimeFlags};
    use tokio::io::Interest;
    use tokio::io::unix::AsyncFd;

    struct Fd(TimerFd);

    impl AsRawFd for Fd {
        fn as_raw_fd(&self) -> RawFd {
            self.0.as_fd().as_raw_fd()
        }
    }

    /// The kernel's timer (timerfd).
    #[derive(Clone)]
    pub(super) struct Kernel(Rc<AsyncFd<Fd>>);

    impl Kernel {
        pub(super) fn new() -> io::Result<Self> {
            let flags = TimerFlags::TFD_NONBLOCK | TimerFlags::TFD_CLOEXEC;
            let timer = TimerFd::new(ClockId::CLOCK_MONOTONIC, flags)?;
            #[expect(
                deprecated,
                reason = "its successor is unsafe; what that asks for holds: `Fd` owns its descriptor"
            )]
            let fd = AsyncFd::with_interest(Fd(timer), Interest::READABLE)?;
            Ok(Self(Rc::new(fd)))
        }

        pub(super) fn ring_at(&self, due: Instant) {
            // Zero would disarm it.
            let wait = due
                .saturating_duration_since(Instant::now())
                .max(Duration::from_nanos(1));
            let once = Expiration::OneShot(TimeSpec::from_duration(wait));
            // It can only fail for times that a Duration cannot have.
            let _ = self.0.get_ref().0.set(once, TimerSetTimeFlags::empty());
        }

        pub(super) async fn rung(&self) -> io::Result<()> {
            let mut ready = self.0.readable().await?;
            // Setting the timer anew clears what it rang before: there may be nothing to read.
            let _ = self.0.get_ref().0.wait();
            ready.clear_ready();
            Ok(())
        }
    }
}

#[cfg(not(target_os = "linux"))]
mod kernel {
    use std::cell::Cell;
    use std::io;
    use std::rc::Rc;
    use std::time::Instant;

    use tokio::sync::Notify;

    /// The next deadline, waited for with tokio's timer.
    #[derive(Clone)]
    pub(super) struct Kernel(Rc<(Cell<Option<Instant>>, Notify)>);

    impl Kernel {
        pub(super) fn new() -> io::Result<Self> {
            Ok(Self(Rc::default()))
        }

        pub(super) fn ring_at(&self, due: Instant) {
            self.0.0.set(Some(due));
            self.0.1.notify_one();
        }

        pub(super) async fn rung(&self) -> io::Result<()> {
            loop {
                match self.0.0.get() {
                    None => self.0.1.notified().await,
                    Some(due) => tokio::select! {
                        () = tokio::time::sleep_until(due.into()) => {
                            self.0.0.set(None);
                            return Ok(());
                        }
                        () = self.0.1.notified() => {}
                    },
                }
            }
        }
    }
}

#[cfg(test)]
#[cfg(target_os = "linux")]
mod tests {
    use nix::time::{ClockId, clock_gettime};

    use super::*;

    const WAIT: Duration = Duration::from_millis(200);

    /// Waits once, and says what that took of a processor and how much of it was idle.
    fn wait(awake: Duration) -> (Duration, Duration) {
        let cpu = || Duration::from(clock_gettime(ClockId::CLOCK_THREAD_CPUTIME_ID).unwrap());
        let waiting = move || {
            let runtime = tokio::runtime::Builder::new_current_thread()
                .enable_all()
                .build()
                .unwrap();
            tokio::task::LocalSet::new().block_on(&runtime, async {
                tokio::task::spawn_local(drive(awake));
                tokio::task::yield_now().await;
                let (began, before) = (Instant::now(), cpu());
                sleep(WAIT).await;
                assert!(began.elapsed() >= WAIT);
                (cpu().saturating_sub(before), idle())
            })
        };
        // The timers belong to the thread.
        std::thread::spawn(waiting).join().unwrap()
    }

    #[test]
    fn what_is_near_is_waited_for_awake_and_that_is_idle_time() {
        let (cpu, idle) = wait(2 * WAIT);
        assert!(cpu > WAIT / 10, "{cpu:?}");
        assert!(idle <= cpu + WAIT / 10, "{idle:?} of {cpu:?}");
    }

    #[test]
    fn what_is_far_is_slept_for() {
        let (cpu, idle) = wait(Duration::ZERO);
        assert!(cpu < WAIT / 2 && idle < WAIT / 2, "{cpu:?}, {idle:?}");
    }
}
