//! Ways to get in between: however a caller is told where its proxy is, its traffic goes through it
//! and feels its faults; and what is done for that leaves nothing behind.

use std::fs;
use std::net::TcpListener;
use std::os::unix::fs::chown;
use std::os::unix::process::CommandExt;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use nix::sys::signal::Signal;

use crate::callers::{Caller, Seen, caller, free_port, suite};
use crate::stage::Stage;
use crate::target::target;

/// What the harness promises for its own sudden death.
const PROMISE: Duration = Duration::from_secs(2);
/// Somebody who is not root, whatever the system calls it.
const NOBODY: u32 = 65534;
/// What a run says where the system does not allow a hosts file of one's own.
const FORBIDDEN: &str = "cannot have host names of its own";

/// One caller for each way that needs no leave of the system.
fn callers(stage: &Stage) -> Vec<Caller> {
    stage.write(
        "templates/app.toml",
        "# costs 5$$\ninventory = \"http://${INVENTORY_HOST}:$INVENTORY_PORT/stock\"\n",
    );
    let (five, six) = (free_port("127.0.0.5"), free_port("127.0.0.6"));
    let mut callers = vec![
        caller("url", "env URL", "URL"),
        caller("path", "env URL", "{ env: URL, path: /stock }"),
        caller(
            "host-and-port",
            "env DB_HOST DB_PORT",
            "{ host: DB_HOST, port: DB_PORT }",
        ),
        caller("address", "env ADDR", "{ address: ADDR, protocol: http }"),
        caller(
            "dsn",
            "env DSN",
            "{ env: DSN, dsn: \"postgres://u:pa$w@db.internal:5432/app?sslmode=disable\" }",
        ),
        caller(
            "go-dsn",
            "env DSN",
            "{ env: DSN, dsn: \"u:p@tcp(db.internal)/app\" }",
        ),
        caller("argument", "at $INVENTORY_URL", "{}"),
        caller(
            "plain",
            "at $INVENTORY_HOST:$INVENTORY_PORT",
            "{ env: UNUSED }",
        ),
        caller("file", "file $FILES/conf.d/app.toml", "{}"),
        caller(
            "listen",
            format!("at 127.0.0.5:{five}"),
            format!("{{ listen: 127.0.0.5:{five} }}"),
        ),
        caller(
            "combined",
            "env HOST_OF_IT PORT_OF_IT",
            format!(
                "{{ listen: 127.0.0.6:{six}, host: HOST_OF_IT, port: PORT_OF_IT, address: BOTH }}"
            ),
        ),
    ];
    callers[1].path = "/A1";
    callers[8].path = "/A1";
    callers[8].more = "files: { conf.d/app.toml: templates/app.toml },";
    // Not every machine has it.
    if TcpListener::bind("[::1]:0").is_ok() {
        let port = free_port("::1");
        callers.push(caller(
            "listen-v6",
            format!("at [::1]:{port}"),
            format!("{{ listen: '[::1]:{port}' }}"),
        ));
    }
    callers
}

#[test]
fn every_way_leads_through_the_proxy() {
    let stage = Stage::new();
    let callers = callers(&stage);
    let done = stage.run(&suite(&callers, "400ms"));
    done.exits(0);
    let seen = Seen::read(&stage);
    for caller in &callers {
        seen.goes_through(caller.name, &done);
    }
    // Nothing in between was changed but host and port.
    let told = stage.read("out/shaken/dsn.log");
    let told = told
        .trim()
        .strip_prefix("asks postgres://u:pa$w@127.0.0.1:");
    assert!(
        told.is_some_and(|told| told.ends_with("/app?sslmode=disable")),
        "{told:?}"
    );
}

#[test]
fn a_fixed_address_serves_one_experiment_after_the_other() {
    let stage = Stage::new();
    let port = free_port("127.0.0.5");
    let callers = [caller(
        "listen",
        format!("at 127.0.0.5:{port}"),
        format!("{{ listen: 127.0.0.5:{port} }}"),
    )];
    let suite = suite(&callers, "100ms") + "  again: { expect: [process_survival] }\n";
    let done = stage.run(&suite);
    done.exits(0);
    assert_eq!(done.report()["experiments"].as_array().unwrap().len(), 2);
}

/// A caller that is led to its proxy by the name of a host.
fn by_name() -> Vec<Caller> {
    let port = free_port("127.0.0.7");
    let mut by_name = caller(
        "by-name",
        format!("at inventory.prod.internal:{port}"),
        format!("{{ hosts: [Inventory.prod.internal, other.name], listen: '127.0.0.7:{port}' }}"),
    );
    by_name.more = "files: { hosts: hosts.tmpl }, env: { UNUSED: $FILES },";
    vec![by_name]
}

#[test]
fn a_host_name_leads_one_service_to_its_proxy_and_nobody_else() {
    let stage = Stage::new();
    stage.write("hosts.tmpl", "not the one of /etc\n");
    let before = fs::read("/etc/hosts").unwrap();
    let mut going = stage.start(stage.run_command(&suite(&by_name(), "400ms"), &[]));
    let mut during = Vec::new();
    going.until_it_says("shaken (about");
    while going.is_running() {
        during.push(fs::read("/etc/hosts").unwrap());
        std::thread::sleep(Duration::from_millis(20));
    }
    let done = going.wait();
    if done.stderr.contains(FORBIDDEN) {
        done.exits(3);
        return;
    }
    done.exits(0);
    Seen::read(&stage).goes_through("by-name", &done);
    assert!(during.iter().all(|hosts| *hosts == before));
    let log = stage.read("out/shaken/inventory.log");
    assert!(
        log.contains("127.0.0.1") && !log.contains("prod.internal"),
        "{log}"
    );
    assert_eq!(stage.leftovers(), [] as [String; 0]);
    assert_eq!(stage.temporary(), [] as [String; 0]);
}

/// `shaketable run` of a suite as somebody who is not root; `None` where that cannot be tried: the
/// binaries may lie where nobody else may go.
fn as_nobody(stage: &Stage, suite: &str) -> Option<Command> {
    let mut command = stage.run_command(suite, &[]);
    if nix::unistd::geteuid().is_root() {
        let mut can = Command::new(target());
        can.uid(NOBODY)
            .gid(NOBODY)
            .stdout(Stdio::null())
            .stderr(Stdio::null());
        can.status()
            .ok()
            .filter(|status| status.code() == Some(2))?;
        fs::create_dir(stage.out()).unwrap();
        for path in [stage.path(""), stage.out(), stage.tmp(), stage.cwd()] {
            chown(path, Some(NOBODY), Some(NOBODY)).unwrap();
        }
        command.uid(NOBODY).gid(NOBODY);
    }
    Some(command)
}

#[test]
fn a_host_name_needs_no_root_and_changes_nobody() {
    let stage = Stage::new();
    stage.write("hosts.tmpl", "");
    let suite = suite(&by_name(), "400ms");
    // Who it is, before it becomes what it is.
    let run = format!("run: '{} ask at ", target());
    let told = suite
        .split_once(&run)
        .unwrap()
        .1
        .split('\'')
        .next()
        .unwrap();
    let suite = suite.replace(
        &format!("{run}{told}'"),
        &format!(
            "run: [sh, -c, 'id -u; exec \"$0\" ask at {told}', '{}']",
            target()
        ),
    );
    let Some(command) = as_nobody(&stage, &suite) else {
        return;
    };
    let done = stage.finish(command);
    if done.stderr.contains(FORBIDDEN) {
        done.exits(3);
        return;
    }
    done.exits(0);
    Seen::read(&stage).goes_through("by-name", &done);
    let root = nix::unistd::geteuid().is_root();
    let user = if root {
        NOBODY
    } else {
        nix::unistd::geteuid().as_raw()
    };
    let log = stage.read("out/shaken/by-name.log");
    assert!(log.starts_with(&format!("{user}\n")), "{log}");
    assert_eq!(stage.temporary(), [] as [String; 0]);
}

#[test]
fn a_system_that_forbids_mounts_of_ones_own_is_named() {
    let stage = Stage::new();
    stage.write("hosts.tmpl", "");
    let inner = stage.run_command(&suite(&by_name(), "50ms"), &[]);
    let mut command = Command::new(target());
    command
        .arg("confined")
        .arg(inner.get_program())
        .args(inner.get_args());
    command.current_dir(stage.cwd()).env("TMPDIR", stage.tmp());
    let done = stage.finish(command);
    if done.status.code() == Some(77) {
        return;
    }
    done.exits(3)
        .says("start `by-name`: it cannot have host names of its own")
        .says("`user.max_mnt_namespaces` is 0");
    assert_eq!(stage.temporary(), [] as [String; 0]);
}

#[test]
fn kill_9_of_the_harness_leaves_neither_files_nor_processes() {
    let stage = Stage::new();
    stage.write("hosts.tmpl", "secret");
    let mut going = stage.start(stage.run_command(&suite(&by_name(), "50s"), &[]));
    going.until(|| stage.out().join("shaken/by-name.log").exists());
    while going.is_running() && !going.stderr().contains("  fault (50s)") {
        std::thread::sleep(Duration::from_millis(5));
    }
    if going.stderr().contains(FORBIDDEN) {
        going.wait().exits(3);
        return;
    }
    let [dir] = stage.temporary().try_into().unwrap();
    assert_eq!(
        fs::read_to_string(format!("{dir}/files/hosts")).unwrap(),
        "secret"
    );
    going.signal(Signal::SIGKILL);
    going.wait();
    stage.nothing_left_within(PROMISE);
    assert_eq!(stage.temporary(), [] as [String; 0]);
}

#[test]
fn files_that_cannot_be_written_are_the_environments_fault() {
    let stage = Stage::new();
    stage.write("hosts.tmpl", "");
    let mut command = stage.run_command(&suite(&by_name(), "50ms"), &[]);
    command.env("TMPDIR", stage.path("nowhere"));
    let done = stage.finish(command);
    done.exits(3)
        .says("start `by-name`: its files cannot be written")
        .keeps_quiet_about("panicked");
}

#[test]
fn an_address_that_is_taken_names_its_owner() {
    let stage = Stage::new();
    let taken = TcpListener::bind("127.0.0.5:0").unwrap();
    let address = taken.local_addr().unwrap();
    let callers = [caller(
        "listen",
        format!("at {address}"),
        format!("{{ listen: {address} }}"),
    )];
    let done = stage.run(&suite(&callers, "50ms"));
    done.exits(3).says(&format!(
        "listen at {address} for edge `listen -> inventory`: it is in use by process {}",
        std::process::id()
    ));
    assert_eq!(done.report()["outcome"], "broken");
}

#[test]
fn a_service_that_wants_every_address_beside_its_proxy_is_told_so() {
    let stage = Stage::new();
    let port = free_port("127.0.0.5");
    let everywhere = format!(
        "    run: '{} everywhere'\n    port: {port}\n    ready: {{ tcp: true }}\n",
        target()
    );
    let callers = [caller(
        "listen",
        format!("at 127.0.0.5:{port}"),
        format!("{{ listen: 127.0.0.5:{port} }}"),
    )];
    let plain = suite(&callers, "50ms");
    let (before, rest) = plain.split_once("    run: [sh").unwrap();
    let (_, after) = rest.split_once("healthz }\n").unwrap();
    let done = stage.run(&format!("{before}{everywhere}{after}"));
    done.exits(3)
        .says("start `inventory`: it ended with exit code 1")
        .says(&format!(
            "the proxy of `listen -> inventory` listens at 127.0.0.5:{port}: `inventory` can have the same \
             port only where it listens at 127.0.0.1"
        ));
}

#[test]
fn a_privileged_port_names_the_setting() {
    let from = fs::read_to_string("/proc/sys/net/ipv4/ip_unprivileged_port_start");
    let from = from.unwrap_or_default().trim().to_owned();
    if from.parse::<u16>().unwrap_or_default() <= 81 {
        return;
    }
    let stage = Stage::new();
    let callers = [caller(
        "listen",
        "at 127.0.0.5:81",
        "{ listen: 127.0.0.5:81 }",
    )];
    let Some(command) = as_nobody(&stage, &suite(&callers, "50ms")) else {
        return;
    };
    let done = stage.finish(command);
    done.exits(3).says(&format!(
        "port 81 is privileged here: `net.ipv4.ip_unprivileged_port_start` is {from}"
    ));
}

/// Somebody else's process.
struct Already(Child);

impl Drop for Already {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

#[test]
fn a_service_that_already_runs_can_be_pointed_at_a_proxy_by_hand() {
    let stage = Stage::new();
    let (own, proxy) = (free_port("127.0.0.1"), free_port("127.0.0.6"));
    let mut command = Command::new(target());
    command.args(["ask", "at", &format!("127.0.0.6:{proxy}")]);
    command.env("PORT", own.to_string()).stdout(Stdio::null());
    let _already = Already(command.spawn().unwrap());
    let suite = suite(
        &[caller(
            "by-hand",
            "",
            format!("{{ listen: 127.0.0.6:{proxy} }}"),
        )],
        "400ms",
    );
    let run = format!("run: '{} ask ',", target());
    assert!(suite.contains(&run));
    let done = stage.run(&suite.replace(&run, &format!("address: '127.0.0.1:{own}',")));
    done.exits(0);
    Seen::read(&stage).goes_through("by-hand", &done);
}

#[test]
fn a_plan_says_how_each_caller_is_led() {
    let stage = Stage::new();
    stage.write("hosts.tmpl", "");
    let mut callers = callers(&stage);
    callers.extend(by_name());
    let suite = stage.write("suite.yaml", &suite(&callers, "50ms"));
    let done = stage.call(["plan".as_ref(), suite.as_os_str()]);
    done.exits(0);
    for line in [
        "url -> inventory         through URL (auto)",
        "path -> inventory        through URL (with /stock) (auto)",
        "host-and-port -> inventory through DB_HOST (host), DB_PORT (port) (auto)",
        "address -> inventory     through ADDR (http)",
        "dsn -> inventory         through DSN (DSN) (auto)",
        "argument -> inventory    through what the caller's command line, environment or files say (auto)",
        "by-name -> inventory     through Inventory.prod.internal, other.name, 127.0.0.7:",
        "             with $FILES/conf.d/app.toml",
    ] {
        assert!(done.stdout.contains(line), "stdout lacks `{line}`:\n{done}");
    }
    assert!(
        !done.stdout.contains("pa$w"),
        "a password is not shown:\n{done}"
    );
}
