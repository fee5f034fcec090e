//! A target for the tests of the harness: `target server|mortal|mute|everywhere|family`, each of which
//! does one wrong thing, `target confined …`, `target ask …`, which passes what it is asked on to a
//! dependency, and `target certify|secure DIR`, a dependency that speaks TLS. It needs nothing that a
//! fresh machine may lack.

mod ask;
#[cfg(feature = "tls")]
mod secure;

use std::fs;
use std::io::{self, BufRead, BufReader, Write};
use std::net::{Ipv4Addr, TcpListener, TcpStream};
use std::path::Path;
use std::process::{Command, ExitCode};
use std::time::Duration;

use nix::sys::signal::{SigSet, Signal};

fn main() -> io::Result<ExitCode> {
    let mut words = std::env::args().skip(1);
    match words.next().as_deref() {
        Some("server") => server(),
        Some("mortal") => mortal(),
        Some("mute") => mute(),
        Some("everywhere") => everywhere(),
        Some("family") => family(),
        Some("daemon") => daemon(),
        Some("ask") => ask::ask(&words.collect::<Vec<_>>()),
        #[cfg(feature = "tls")]
        Some("certify") => secure::certify(Path::new(&words.next().unwrap_or_default())),
        #[cfg(feature = "tls")]
        Some("secure") => secure::serve(Path::new(&words.next().unwrap_or_default())),
        #[cfg(target_os = "linux")]
        Some("confined") => confined(&words.collect::<Vec<_>>()),
        Some("member") => live(Path::new(&words.next().unwrap_or_default())),
        _ => Ok(ExitCode::from(2)),
    }
}

fn tell(text: &str) -> io::Result<()> {
    writeln!(io::stdout(), "{text}")
}

fn listen() -> io::Result<TcpListener> {
    let port = std::env::var("PORT")
        .ok()
        .and_then(|port| port.parse().ok());
    TcpListener::bind((Ipv4Addr::LOCALHOST, port.unwrap_or_default()))
}

/// Reads a request's head and gives its path.
fn asked(stream: &TcpStream) -> Option<String> {
    let mut lines = BufReader::new(stream).lines();
    let first = lines.next()?.ok()?;
    for line in lines {
        if line.ok()?.is_empty() {
            break;
        }
    }
    first.split(' ').nth(1).map(str::to_owned)
}

fn answer(mut stream: &TcpStream, status: &str) {
    // Whoever asked may be gone.
    let _ = write!(
        stream,
        "HTTP/1.1 {status}\r\ncontent-length: 0\r\nconnection: close\r\n\r\n"
    );
}

/// Is ready at the third look.
fn server() -> io::Result<ExitCode> {
    let listener = listen()?;
    tell(&format!("listening on {}", listener.local_addr()?.port()))?;
    let mut looks = 0;
    for stream in listener.incoming() {
        let stream = stream?;
        let Some(path) = asked(&stream) else { continue };
        looks += 1;
        let well = path == "/healthz" && looks > 2;
        answer(
            &stream,
            if well {
                "200 OK"
            } else {
                "503 Service Unavailable"
            },
        );
    }
    Ok(ExitCode::SUCCESS)
}

/// Answers for a while, then gives up.
fn mortal() -> io::Result<ExitCode> {
    let mut requests = 0;
    for stream in listen()?.incoming() {
        let stream = stream?;
        if asked(&stream).is_none() {
            continue;
        }
        requests += 1;
        if requests > 30 {
            tell("out of ideas")?;
            return Ok(ExitCode::from(9));
        }
        answer(&stream, "200 OK");
    }
    Ok(ExitCode::SUCCESS)
}

/// Takes every connection and says nothing.
fn mute() -> io::Result<ExitCode> {
    let listener = listen()?;
    tell("ready")?;
    let mut held = Vec::new();
    for stream in listener.incoming() {
        held.push(stream?);
        tell("held")?;
    }
    Ok(ExitCode::SUCCESS)
}

/// Listens at every address of this machine.
fn everywhere() -> io::Result<ExitCode> {
    let port = std::env::var("PORT").map_err(io::Error::other)?;
    let port: u16 = port.parse().map_err(io::Error::other)?;
    let listener = TcpListener::bind((Ipv4Addr::UNSPECIFIED, port))?;
    for stream in listener.incoming() {
        drop(stream?);
    }
    Ok(ExitCode::SUCCESS)
}

/// A target with a child and a daemon, none of which heeds SIGTERM. Each writes its process id.
fn family() -> io::Result<ExitCode> {
    heed_nothing()?;
    let itself = std::env::current_exe()?;
    Command::new(&itself)
        .args(["member", "child.pid"])
        .spawn()?;
    Command::new(&itself).arg("daemon").status()?;
    while !["child.pid", "daemon.pid"]
        .iter()
        .all(|name| Path::new(name).exists())
    {
        std::thread::sleep(Duration::from_millis(5));
    }
    tell("family complete")?;
    live(Path::new("target.pid"))
}

/// Leaves a child behind in a session of its own.
fn daemon() -> io::Result<ExitCode> {
    nix::unistd::setsid()?;
    Command::new(std::env::current_exe()?)
        .args(["member", "daemon.pid"])
        .spawn()?;
    Ok(ExitCode::SUCCESS)
}

/// Blocked signals stay blocked in whatever is started.
fn heed_nothing() -> io::Result<()> {
    let signals = SigSet::from_iter([Signal::SIGTERM, Signal::SIGHUP]);
    Ok(signals.thread_block()?)
}

/// Becomes another program, on a system whose settings allow nobody mounts of its own. Ends with 77
/// where this system does not even allow that much.
#[cfg(target_os = "linux")]
fn confined(words: &[String]) -> io::Result<ExitCode> {
    use std::os::unix::process::CommandExt;

    let (user, group) = (nix::unistd::getuid(), nix::unistd::getgid());
    let confine = || -> io::Result<()> {
        nix::sched::unshare(nix::sched::CloneFlags::CLONE_NEWUSER)?;
        fs::write("/proc/self/setgroups", "deny")?;
        fs::write("/proc/self/uid_map", format!("{user} {user} 1"))?;
        fs::write("/proc/self/gid_map", format!("{group} {group} 1"))?;
        fs::write("/proc/sys/user/max_mnt_namespaces", "0")
    };
    if confine().is_err() {
        return Ok(ExitCode::from(77));
    }
    let (program, args) = words.split_first().ok_or(io::ErrorKind::InvalidInput)?;
    Err(Command::new(program).args(args).exec())
}

/// Says who it is, whole or not at all, and stays.
fn live(name: &Path) -> io::Result<ExitCode> {
    let new = name.with_extension("new");
    fs::write(&new, std::process::id().to_string())?;
    fs::rename(&new, name)?;
    loop {
        std::thread::sleep(Duration::from_hours(1));
    }
}
