//! What the tests share: targets on bare sockets, one exchange with them, and whole loads.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http::Method;
use shaketable::load::client::{
    Address, Answer, Client, Failure, Queued, Request, Target, Trace, Wanted,
};
use shaketable::load::script::{Act, HttpAct, Script, Step};
use shaketable::load::{Arrival, CallLog, Engine, Pacing, Spec, Stream, Unwatched};
use shaketable::record::{Call, Outcome, Phase};
use shaketable_faults::observe::Clock;

/// Nothing in these tests takes so long, on whatever machine.
pub(crate) const PATIENCE: Duration = Duration::from_mins(1);

/// A whole answer.
pub(crate) const OK: &[u8] = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok";

/// Serves every connection on a thread of its own; `serve` is told its number.
pub(crate) fn target(serve: impl Fn(TcpStream, usize) + Clone + Send + 'static) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    std::thread::spawn(move || {
        for (number, stream) in listener.incoming().enumerate() {
            let (serve, stream) = (serve.clone(), stream.unwrap());
            stream.set_read_timeout(Some(PATIENCE)).unwrap();
            std::thread::spawn(move || serve(stream, number));
        }
    });
    address
}

/// A target that says the same to every request, and keeps its connections.
pub(crate) fn saying(what: &'static [u8]) -> SocketAddr {
    target(
        move |mut stream, _| {
            while request(&mut stream).is_some() && stream.write_all(what).is_ok() {}
        },
    )
}

/// Reads one request, head and body; `None` where the connection ends first.
pub(crate) fn request(stream: &mut impl Read) -> Option<String> {
    let mut read = Vec::new();
    let mut byte = [0];
    while !read.ends_with(b"\r\n\r\n") {
        if stream.read(&mut byte).ok()? == 0 {
            return None;
        }
        read.push(byte[0]);
    }
    let head = String::from_utf8(read).unwrap();
    let length = head
        .lines()
        .find_map(|line| line.strip_prefix("content-length: "))
        .map_or(0, |length| length.parse().unwrap());
    let mut body = vec![0; length];
    stream.read_exact(&mut body).ok()?;
    Some(head + &String::from_utf8_lossy(&body))
}

/// Resets the connection instead of closing it.
pub(crate) fn reset(stream: TcpStream) {
    let socket = socket2::Socket::from(stream);
    socket.set_linger(Some(Duration::ZERO)).unwrap();
}

/// A plain HTTP/1.1 target at an address.
pub(crate) fn at(address: SocketAddr) -> Target {
    Target::new(Address::Tcp(address), address.to_string())
}

/// A client on a thread of its own making.
pub(crate) struct Asking {
    runtime: tokio::runtime::Runtime,
    local: tokio::task::LocalSet,
    client: Rc<Client>,
}

/// What is asked for.
#[derive(Clone)]
pub(crate) struct Ask {
    pub(crate) method: Method,
    pub(crate) body: Bytes,
    pub(crate) wanted: Wanted,
    /// After how long the call is given up.
    pub(crate) patience: Duration,
}

impl Default for Ask {
    fn default() -> Self {
        Self {
            method: Method::GET,
            body: Bytes::new(),
            wanted: Wanted {
                headers: true,
                body: true,
            },
            patience: PATIENCE,
        }
    }
}

impl Asking {
    pub(crate) fn of(target: Target) -> Self {
        let runtime = tokio::runtime::Builder::new_current_thread();
        Self {
            runtime: { runtime }.enable_all().build().unwrap(),
            local: tokio::task::LocalSet::new(),
            client: Rc::new(Client::new(vec![target])),
        }
    }

    /// Makes one exchange.
    pub(crate) fn ask(&self, ask: &Ask) -> Result<Answer, Failure> {
        self.many(1, ask).pop().unwrap().0
    }

    /// A GET.
    pub(crate) fn get(&self) -> Result<Answer, Failure> {
        self.ask(&Ask::default())
    }

    /// Makes so many exchanges at once, and says of each how it ended and what it waited for a
    /// connection.
    pub(crate) fn many(&self, calls: u64, ask: &Ask) -> Vec<(Result<Answer, Failure>, u64)> {
        let all = async {
            let each: Vec<_> = (1..=calls)
                .map(|call| {
                    let (client, ask) = (Rc::clone(&self.client), ask.clone());
                    tokio::task::spawn_local(async move {
                        let request = Request {
                            method: &ask.method,
                            path: "/path",
                            headers: &[],
                            trace: Trace { base: 1, call },
                            body: &ask.body,
                        };
                        let queued = Queued::default();
                        let asked = client.exchange(0, &request, ask.wanted, &queued);
                        let came = tokio::time::timeout(ask.patience, asked).await;
                        let came = came.unwrap_or_else(|_| {
                            Err(Failure::new(Outcome::TimedOut, "given up by the test"))
                        });
                        (came, queued.get())
                    })
                })
                .collect();
            let mut ended = Vec::new();
            for call in each {
                ended.push(call.await.unwrap());
            }
            ended
        };
        self.local.block_on(&self.runtime, all)
    }

    /// Lets the client's connections hear of what happened meanwhile.
    pub(crate) fn listen(&self) {
        let turn = async { tokio::time::sleep(Duration::from_millis(20)).await };
        self.local.block_on(&self.runtime, turn);
    }
}

/// A load on one target: GETs that each have so long.
pub(crate) fn load(target: Target, arrival: Arrival, lasts: Duration, timeout: Duration) -> Spec {
    let act = Act::Http(HttpAct {
        target: 0,
        method: Method::GET,
        path: "/".to_owned(),
        headers: Vec::new(),
        body: Bytes::new(),
    });
    let script = Script::alone(1, Step::new(0, timeout, act));
    let stream = Stream {
        name: "load".to_owned(),
        starts: Phase::Baseline,
        after: Duration::ZERO,
        lasts: Some(lasts),
        calls: None,
        arrival,
        again: false,
        in_flight: 1_000,
        scripts: vec![Arc::new(script)],
    };
    Spec {
        seed: 1,
        trace_base: 1,
        salt: 0,
        pacing: Pacing::Auto,
        targets: vec![target],
        streams: vec![stream],
    }
}

/// A load that came to its end.
pub(crate) struct Loaded {
    pub(crate) log: Arc<CallLog>,
    pub(crate) calls: Vec<Call>,
    pub(crate) took: Duration,
}

impl Loaded {
    pub(crate) fn count(&self, outcome: Outcome) -> usize {
        let of_it = self.calls.iter().filter(|call| call.outcome == outcome);
        of_it.count()
    }

    /// The example of what went wrong in this way.
    pub(crate) fn example(&self, outcome: Outcome) -> String {
        let errors = self.log.errors();
        let error = errors.into_iter().find(|error| error.outcome == outcome);
        error.expect("there is an example").example
    }
}

/// Runs a load to its end.
pub(crate) fn run(spec: Spec) -> Loaded {
    let (clock, log) = (Clock::start(), Arc::new(CallLog::default()));
    let recorder = Arc::<CallLog>::clone(&log);
    let engine = Engine::start(clock, spec, recorder, Arc::new(Unwatched)).unwrap();
    engine.phase(Phase::Baseline, clock.now());
    let runtime = tokio::runtime::Builder::new_current_thread();
    let runtime = { runtime }.enable_all().build().unwrap();
    runtime
        .block_on(async { tokio::time::timeout(PATIENCE, engine.ended()).await })
        .expect("the load ends on time");
    drop(engine);
    Loaded {
        calls: log.calls(),
        took: Duration::from_nanos(clock.now()),
        log,
    }
}

/// Waits for a condition.
pub(crate) fn until(what: &str, holds: impl Fn() -> bool) {
    let began = std::time::Instant::now();
    while !holds() {
        assert!(began.elapsed() < PATIENCE, "still waiting: {what}");
        std::thread::sleep(Duration::from_millis(2));
    }
}

/// What a test told itself for its second run, in a process of its own.
pub(crate) fn told() -> Option<String> {
    std::env::var(TOLD).ok()
}

const TOLD: &str = "SHAKETABLE_TEST_TOLD";

/// Runs a test again in a process of its own, and tells it something.
pub(crate) fn alone(test: &str, tell: &str) {
    let child = std::process::Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "--nocapture", test])
        .env(TOLD, tell)
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&child.stdout);
    let complained = String::from_utf8_lossy(&child.stderr);
    assert!(child.status.success(), "{said}{complained}");
    assert!(said.contains("1 passed"), "{said}");
}
