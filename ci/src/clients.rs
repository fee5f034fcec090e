//! Other people's programs against what we serve and write: Toxiproxy's own clients (Rust, Python
//! and Node), and `HdrHistogram`'s, from their registries. What cannot be installed here is left out,
//! and said.

use std::io::{BufRead, BufReader};
use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use crate::hlog;
use crate::steps::{self, StepError, tell};

/// What each client is called in its registry, and the version that was tried.
const PYTHON: &str = "toxiproxy-python==0.1.1";
const NODE: &str = "toxiproxy-node-client@4.1.0";
/// Some clients' own tests know no other port.
const PORT: u16 = 8474;

pub(crate) fn check() -> Result<(), StepError> {
    steps::cargo(&["build", "--package", "shaketable-cli"], &[])?;
    let server = Server::start()?;
    python(&server)?;
    node(&server)?;
    rust(&server)
}

/// Our server, until it is dropped.
struct Server {
    process: Child,
    url: String,
    has_the_port: bool,
}

impl Server {
    fn start() -> Result<Self, StepError> {
        let has_the_port = TcpListener::bind(("127.0.0.1", PORT)).is_ok();
        let port = if has_the_port { PORT } else { 0 }.to_string();
        let program = shaketable();
        let shown = "shaketable proxy";
        let failed = |source| StepError::Run {
            command: shown.to_owned(),
            source,
        };
        let mut process = Command::new(program)
            .args(["proxy", "-port", &port])
            .env("LOG_LEVEL", "error")
            .env_remove("SHAKETABLE_TOKEN")
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .spawn()
            .map_err(failed)?;
        let mut url = String::new();
        if let Some(stdout) = &mut process.stdout {
            BufReader::new(stdout).read_line(&mut url).map_err(failed)?;
        }
        let url = url.trim().to_owned();
        let server = Self {
            process,
            url,
            has_the_port,
        };
        if server.url.is_empty() {
            return Err(StepError::Failed(shown.to_owned()));
        }
        Ok(server)
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

fn python(server: &Server) -> Result<(), StepError> {
    let home = home().join("python");
    let python = home.join("bin/python");
    if !runs(Command::new("python3").args(["-m", "venv"]).arg(&home)) {
        tell("left out: the clients for Python; `python3 -m venv` does not work here");
        return Ok(());
    }
    hlog::check(&shaketable(), &python)?;
    let mut pip = Command::new(&python);
    pip.args(["-m", "pip", "install", "--quiet", PYTHON]);
    if !runs(&mut pip) {
        tell(&format!("left out: {PYTHON} cannot be installed here"));
        return Ok(());
    }
    let mut tests = Command::new(&python);
    tests.args(["ci/clients/python/contract.py", "--verbose"]);
    run(&mut tests, server, "python ci/clients/python/contract.py")
}

fn node(server: &Server) -> Result<(), StepError> {
    let home = home().join("node");
    let made = std::fs::create_dir_all(&home).is_ok();
    let mut npm = Command::new("npm");
    npm.args(["install", "--silent", "--no-audit", "--no-fund", "--prefix"])
        .arg(&home)
        .arg(NODE);
    if !made || !runs(&mut npm) {
        tell(&format!("left out: {NODE} cannot be installed here"));
        return Ok(());
    }
    let mut tests = Command::new("node");
    tests
        .args(["--test", "ci/clients/node/contract.test.cjs"])
        .env("NODE_PATH", home.join("node_modules"));
    run(&mut tests, server, "node --test ci/clients/node")
}

fn rust(server: &Server) -> Result<(), StepError> {
    let manifest = "ci/clients/rust/Cargo.toml";
    // It is built with OpenSSL.
    if !runs(Command::new("pkg-config").args(["--exists", "openssl"])) {
        tell("left out: toxiproxy_rust cannot be built here, it wants the headers of OpenSSL");
        return Ok(());
    }
    let mut fetch = Command::new("cargo");
    fetch
        .args(["fetch", "--locked", "--quiet", "--manifest-path", manifest])
        .current_dir(steps::root());
    if !runs(&mut fetch) {
        tell("left out: toxiproxy_rust cannot be installed here");
        return Ok(());
    }
    let target = target().display().to_string();
    let test = |package: &str| {
        let words = [
            "test",
            "--locked",
            "--manifest-path",
            manifest,
            "--target-dir",
            &target,
            "--package",
            package,
            "--",
            "--test-threads=1",
        ];
        let env = [("TOXIPROXY_URL", server.url.as_str())];
        steps::cargo(&words, &env)
    };
    // The tests that it brings itself; they want a server without proxies.
    if server.has_the_port {
        test("toxiproxy_rust")?;
    } else {
        tell(&format!(
            "left out: toxiproxy_rust's own tests want port {PORT}"
        ));
    }
    test("client-contract")?;
    // The other way round: faults of a suite carried out by a Toxiproxy server.
    let backend = [
        "test",
        "--package",
        "shaketable-cli",
        "--features",
        "toxiproxy",
        "--test",
        "runs",
        "backend",
    ];
    steps::cargo(&backend, &[])
}

/// Runs a client's tests from the root.
fn run(tests: &mut Command, server: &Server, shown: &str) -> Result<(), StepError> {
    // The server is on this machine, whatever proxies the environment names.
    tests
        .env("TOXIPROXY_URL", &server.url)
        .env("NO_PROXY", "127.0.0.1,localhost");
    steps::run(tests, shown)
}

/// Whether a command can be run and says yes.
fn runs(command: &mut Command) -> bool {
    command
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .status()
        .is_ok_and(|status| status.success())
}

/// Where the clients are installed, between clones.
fn home() -> PathBuf {
    steps::cache().join("clients")
}

/// The binary that was just built.
fn shaketable() -> PathBuf {
    target().join("debug/shaketable")
}

/// Where cargo builds.
fn target() -> PathBuf {
    std::env::var_os("CARGO_TARGET_DIR").map_or_else(
        || steps::root().join("target"),
        |target| steps::root().join(Path::new(&target)),
    )
}
