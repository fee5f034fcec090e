//! What real processes do, seen from the outside: their files, threads and sockets by state, their trees,
//! and who took whose place.

use std::io::Write;
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::process::Command;
use std::time::Instant;

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use shaketable::launch::{Look, Running, Subject, Watcher};
use shaketable::record::Sockets;

use crate::stage::{PATIENCE, Stage};
use crate::target::target;

/// Python has everything that a target can do wrong; a machine without it tests less.
fn has_python() -> bool {
    let python = Command::new("python3").arg("--version").output();
    python.is_ok_and(|python| python.status.success())
}

fn subject(running: &Running, proxies: Vec<SocketAddr>) -> Subject {
    Subject {
        keeper: running.keeper_pid(),
        address: running.address(),
        proxies,
    }
}

/// Looks until it sees what is waited for, and gives what it saw.
async fn until(
    watcher: &mut Watcher,
    what: &str,
    is_so: impl Fn(&Look, &Sockets) -> bool,
) -> (Look, Sockets) {
    let began = Instant::now();
    loop {
        let look = watcher.look().remove(0);
        let sockets = watcher.sockets().unwrap().remove(0);
        watcher.census();
        if is_so(&look, &sockets) {
            return (look, sockets);
        }
        assert!(began.elapsed() < PATIENCE, "{what}: {look:?}, {sockets:?}");
        tokio::time::sleep(std::time::Duration::from_millis(20)).await;
    }
}

/// Starts a Python script, whose port is `$PORT`, and which is ready when it says so.
async fn python(stage: &Stage, script: &str) -> Running {
    let head = "import os, socket, sys, threading, time\n\
                port = int(os.environ['PORT'])\n\
                def wait():\n    print('ready', flush=True); time.sleep(3600)\n";
    let spec = stage.spec(["python3", "-c", &format!("{head}{script}")]);
    stage.start(&spec).await.unwrap()
}

#[tokio::test]
async fn files_threads_and_memory_are_those_of_the_target() {
    if !has_python() {
        return;
    }
    let stage = Stage::new();
    let script = "files = [open(os.devnull) for _ in range(40)]\n\
                  block = bytearray(os.urandom(1)) * (50 << 20)\n\
                  for _ in range(7): threading.Thread(target=time.sleep, args=(3600,)).start()\n\
                  until = time.monotonic() + 0.1\n\
                  while time.monotonic() < until: pass\n\
                  wait()";
    let running = python(&stage, script).await;
    let mut watcher = Watcher::new(vec![subject(&running, Vec::new())]).unwrap();
    let (look, _) = until(&mut watcher, "one process", |look, _| {
        look.processes.len() == 1
    })
    .await;
    assert_eq!(look.processes[0].pid, running.pid());
    assert_eq!(look.processes[0].parent, running.keeper_pid());
    assert_eq!(look.threads, 8);
    // The three that every process has, and some that Python may want for itself.
    assert!((43..=50).contains(&look.fds.unwrap()), "{look:?}");
    assert!((50 << 20..200 << 20).contains(&look.rss), "{look:?}");
    assert!((30_000_000..20_000_000_000).contains(&look.cpu), "{look:?}");
    assert!(look.processes[0].age < 1_000_000_000 * PATIENCE.as_secs());
}

#[tokio::test]
async fn connections_that_are_not_accepted_wait_in_the_queue() {
    if !has_python() {
        return;
    }
    let stage = Stage::new();
    let script = "s = socket.socket(); s.bind(('127.0.0.1', port)); s.listen(5)\nwait()";
    let running = python(&stage, script).await;
    let mut watcher = Watcher::new(vec![subject(&running, Vec::new())]).unwrap();
    let callers: Vec<TcpStream> = (0..3)
        .map(|_| TcpStream::connect(running.address()).unwrap())
        .collect();
    let (look, sockets) = until(&mut watcher, "they wait", |look, _| {
        look.queue.is_some_and(|queue| queue.length == 3)
    })
    .await;
    let queue = look.queue.unwrap();
    assert_eq!((queue.sockets, queue.limit), (1, 5));
    assert_eq!((sockets.established, sockets.listen), (3, 1));
    drop(callers);
    // Whoever hangs up is not taken for somebody who still waits to be answered.
    until(&mut watcher, "they have hung up", |_, sockets| {
        sockets.close_wait == 3 && sockets.established == 0
    })
    .await;
}

/// Accepts, is hung up on, and closes nothing; has hung up on others, who remember it.
#[tokio::test]
async fn sockets_are_told_apart_by_their_states() {
    if !has_python() {
        return;
    }
    let stage = Stage::new();
    // The first word that a connection brings says what is done with it.
    let script = "s = socket.socket(); s.bind(('127.0.0.1', port)); s.listen(64)\n\
                  kept = []\n\
                  def serve():\n\
                  \x20   while True:\n\
                  \x20       c, _ = s.accept()\n\
                  \x20       (kept.append(c) if c.recv(1) == b'k' else c.close())\n\
                  threading.Thread(target=serve).start()\n\
                  wait()";
    let running = python(&stage, script).await;
    let mut watcher = Watcher::new(vec![subject(&running, Vec::new())]).unwrap();
    let call = |word: &[u8]| {
        let mut caller = TcpStream::connect(running.address()).unwrap();
        caller.write_all(word).unwrap();
        caller
    };
    let open: Vec<TcpStream> = (0..4).map(|_| call(b"k")).collect();
    let hung_up: Vec<TcpStream> = (0..3).map(|_| call(b"k")).collect();
    let closed: Vec<TcpStream> = (0..2).map(|_| call(b"c")).collect();
    drop(hung_up);
    let (_, sockets) = until(&mut watcher, "three were hung up on", |_, sockets| {
        sockets.close_wait == 3 && sockets.other == 2
    })
    .await;
    assert_eq!(
        (sockets.established, sockets.listen, sockets.time_wait),
        (4, 1, 0)
    );
    // Those who were hung up on close as well; who closed first remembers it.
    drop(closed);
    let (_, sockets) = until(&mut watcher, "two are remembered", |_, sockets| {
        sockets.time_wait == 2 && sockets.other == 0
    })
    .await;
    assert_eq!((sockets.established, sockets.close_wait), (4, 3));
    drop(open);
}

/// What a service calls is its own where the proxy of its edge is called, and where it holds the socket.
#[tokio::test]
async fn what_a_service_calls_is_its_own() {
    if !has_python() {
        return;
    }
    let stage = Stage::new();
    let [proxy, elsewhere] = [(), ()].map(|()| TcpListener::bind("127.0.0.1:0").unwrap());
    let ports = [&proxy, &elsewhere].map(|to| to.local_addr().unwrap().port());
    let script = format!(
        "calls = [socket.create_connection(('127.0.0.1', p)) for p in {ports:?} for _ in range(p % 2 + 2)]\n\
         wait()"
    );
    let calls: u16 = ports.iter().map(|port| port % 2 + 2).sum();
    let running = python(&stage, &script).await;
    // Another's connection to the same place.
    let _ours = TcpStream::connect(elsewhere.local_addr().unwrap()).unwrap();
    let told = subject(&running, vec![proxy.local_addr().unwrap()]);
    let mut watcher = Watcher::new(vec![told]).unwrap();
    let (_, sockets) = until(&mut watcher, "all calls are seen", |_, sockets| {
        sockets.established >= u32::from(calls)
    })
    .await;
    assert_eq!(sockets.established, u32::from(calls));
    // The callees hang up, and the service does not care.
    for to in [&proxy, &elsewhere] {
        to.set_nonblocking(true).unwrap();
        while to.accept().is_ok() {}
    }
    let (_, sockets) = until(&mut watcher, "all were hung up on", |_, sockets| {
        sockets.close_wait == u32::from(calls)
    })
    .await;
    assert_eq!(sockets.established, 0);
}

#[tokio::test]
async fn a_whole_tree_is_seen_with_what_has_forked_away() {
    let stage = Stage::new();
    let mut spec = stage.spec([&target(), "family"]);
    spec.ready = shaketable::launch::Ready::Log("family complete".into());
    spec.grace = std::time::Duration::from_millis(200);
    let running = stage.start(&spec).await.unwrap();
    let mut family = stage.family().await;
    family.sort_unstable();
    let mut watcher = Watcher::new(vec![subject(&running, Vec::new())]).unwrap();
    let pids = |look: &Look| -> Vec<i32> {
        let mut pids: Vec<i32> = look.processes.iter().map(|p| p.pid).collect();
        pids.sort_unstable();
        pids
    };
    let (look, _) = until(&mut watcher, "the family", |look, _| pids(look) == family).await;
    assert_eq!(look.threads, 3);
    // One that is gone is missed at the next look, also before anybody has reaped it.
    let child = stage.pid("child.pid").unwrap();
    kill(Pid::from_raw(child), Signal::SIGKILL).unwrap();
    until(&mut watcher, "the child is missed", |look, _| {
        pids(look).len() == 2 && !pids(look).contains(&child)
    })
    .await;
    running.stop().await;
    assert_eq!(watcher.look().remove(0).processes, []);
}

#[tokio::test]
async fn a_worker_behind_a_supervisor_is_another_one_when_it_was_started_again() {
    let stage = Stage::new();
    let script = format!("while :; do {} mute; done", target());
    let running = stage
        .start(&stage.spec(["sh", "-c", &script]))
        .await
        .unwrap();
    let mut watcher = Watcher::new(vec![subject(&running, Vec::new())]).unwrap();
    let listener = |look: &Look| look.processes.iter().find(|p| p.listens).cloned();
    let (look, _) = until(&mut watcher, "it listens", |look, _| {
        listener(look).is_some()
    })
    .await;
    let first = listener(&look).unwrap();
    assert_ne!(
        first.pid,
        running.pid(),
        "the supervisor listens for nobody"
    );
    kill(Pid::from_raw(first.pid), Signal::SIGKILL).unwrap();
    let (look, _) = until(&mut watcher, "another listens", |look, _| {
        listener(look).is_some_and(|listener| listener.pid != first.pid)
    })
    .await;
    let second = listener(&look).unwrap();
    assert!(second.started >= first.started);
    assert_eq!(
        (&second.name, second.parent),
        (&first.name, running.pid()),
        "{first:?}"
    );
    assert_eq!(running.exit_now(), None);
}
