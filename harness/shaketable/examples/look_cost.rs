//! What it costs to look at services, and to count their sockets: microseconds of a processor.
//!
//! `look_cost [SERVICES [SOCKETS]]`: so many idle services, the last of which holds so many connections.
#![expect(clippy::print_stdout, reason = "it says what it measured")]

#[cfg(target_os = "linux")]
fn main() -> std::io::Result<()> {
    linux::main()
}

#[cfg(not(target_os = "linux"))]
fn main() {
    println!("only Linux shows what processes do");
}

#[cfg(target_os = "linux")]
mod linux {
    use std::io::{self, BufRead, BufReader, Read};
    use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
    use std::process::{Child, Command, Stdio};
    use std::time::Duration;

    use nix::time::{ClockId, clock_gettime};
    use shaketable::launch::{Subject, Watcher};

    const LOOKS: u32 = 200;
    const USUAL: usize = 5;

    pub(super) fn main() -> io::Result<()> {
        let words: Vec<String> = std::env::args().skip(1).collect();
        let number = |at: usize| words.get(at).and_then(|word| word.parse().ok());
        if words.first().is_some_and(|word| word == "serve") {
            return serve(number(1).unwrap_or_default());
        }
        let (services, sockets) = (number(0).unwrap_or(USUAL), number(1).unwrap_or(0));
        let mut started = Vec::new();
        for place in 0..services {
            let held = if place + 1 == services { sockets } else { 0 };
            started.push(Service::start(held)?);
        }
        let subjects = started.iter().map(|service| service.subject.clone());
        let mut watcher = Watcher::new(subjects.collect()).ok_or(io::ErrorKind::Unsupported)?;
        // The first looks find out what later ones know.
        for _ in 0..3 {
            watcher.look();
            watcher.sockets();
            watcher.census();
        }
        let looking = cost(|| _ = watcher.look());
        let counting = cost(|| _ = watcher.sockets());
        let counted = watcher.sockets().unwrap_or_default();
        println!("{services} services: a look {looking:?}, counting sockets {counting:?}");
        println!("the last one: {:?}", counted.last());
        for mut service in started {
            service.over.kill()?;
            service.over.wait()?;
        }
        Ok(())
    }

    /// What one time costs.
    fn cost(mut work: impl FnMut()) -> Duration {
        let used = || clock_gettime(ClockId::CLOCK_THREAD_CPUTIME_ID).map(Duration::from);
        let before = used().unwrap_or_default();
        for _ in 0..LOOKS {
            work();
        }
        used().unwrap_or_default().saturating_sub(before) / LOOKS
    }

    struct Service {
        over: Child,
        subject: Subject,
    }

    impl Service {
        /// A shell in the place of a keeper, and this program below it, which ends with the shell's
        /// input.
        fn start(held: usize) -> io::Result<Self> {
            let own = std::env::current_exe()?;
            let mut over = Command::new("sh")
                .args(["-c", "\"$0\" serve \"$1\"; exit"])
                .arg(own)
                .arg(held.to_string())
                .stdin(Stdio::piped())
                .stdout(Stdio::piped())
                .spawn()?;
            let mut line = String::new();
            if let Some(says) = over.stdout.take() {
                BufReader::new(says).read_line(&mut line)?;
            }
            let port: u16 = line.trim().parse().map_err(io::Error::other)?;
            let keeper = i32::try_from(over.id()).map_err(io::Error::other)?;
            let subject = Subject {
                keeper,
                address: SocketAddr::from((Ipv4Addr::LOCALHOST, port)),
                proxies: Vec::new(),
            };
            Ok(Self { over, subject })
        }
    }

    fn serve(held: usize) -> io::Result<()> {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?;
        let address = listener.local_addr()?;
        let mut ends = Vec::new();
        for _ in 0..held {
            ends.push(TcpStream::connect(address)?);
            ends.push(listener.accept()?.0);
        }
        println!("{}", address.port());
        io::stdin().read_to_end(&mut Vec::new())?;
        Ok(())
    }
}
