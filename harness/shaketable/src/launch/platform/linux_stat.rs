//! Linux: what `/proc/PID/stat` says of a process (`proc_pid_stat(5)`).

use std::fs::File;
use std::io::Read;

use nix::unistd::Pid;

/// More than the line can be long: a name of at most 15 bytes and some fifty numbers.
const LINE_MAX: usize = 2048;

/// One process at one moment.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Stat {
    /// The program's name, as far as it fits.
    pub(super) name: String,
    /// Whether it has ended and only waits to be reaped. With threads left, only its first one has.
    pub(super) over: bool,
    pub(super) parent: Pid,
    pub(super) threads: u32,
    /// The time that it has used of a processor, in ticks.
    pub(super) ticks: u64,
    /// The same of those of its children that it has reaped, with all that these had reaped.
    pub(super) ticks_of_children: u64,
    /// When it was started, in ticks since the system was.
    pub(super) started: u64,
    /// The memory that it has in use, in pages.
    pub(super) pages: u64,
}

impl Stat {
    /// None when there is no such process any more.
    pub(super) fn read(pid: Pid) -> Option<Self> {
        let mut line = [0; LINE_MAX];
        let mut file = File::open(format!("/proc/{pid}/stat")).ok()?;
        let length = file.read(&mut line).ok()?;
        Self::parse(&String::from_utf8_lossy(line.get(..length)?))
    }

    fn parse(line: &str) -> Option<Self> {
        // The name may itself hold blanks and brackets.
        let (name, rest) = line.split_once('(')?.1.rsplit_once(')')?;
        let fields: Vec<&str> = rest.split_ascii_whitespace().take(22).collect();
        let number = |at: usize| -> Option<u64> { fields.get(at)?.parse().ok() };
        let threads = u32::try_from(number(17)?).ok()?;
        Some(Self {
            name: name.to_owned(),
            over: matches!(*fields.first()?, "Z" | "X") && threads <= 1,
            parent: Pid::from_raw(fields.get(1)?.parse().ok()?),
            threads,
            ticks: number(11)? + number(12)?,
            ticks_of_children: number(13)? + number(14)?,
            started: number(19)?,
            pages: number(21)?,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_with_blanks_and_brackets_is_read() {
        let line =
            "77 (a (b) c) S 5 77 77 0 -1 4194560 900 0 0 0 3 4 5 6 20 0 9 0 1234 56000 78 18446";
        let stat = Stat::parse(line).unwrap();
        assert_eq!(
            stat,
            Stat {
                name: "a (b) c".to_owned(),
                over: false,
                parent: Pid::from_raw(5),
                threads: 9,
                ticks: 7,
                ticks_of_children: 11,
                started: 1234,
                pages: 78,
            }
        );
        let zombie = line.replace(" S ", " Z ");
        assert!(
            !Stat::parse(&zombie).unwrap().over,
            "only its first thread has ended"
        );
        assert!(
            Stat::parse(&zombie.replace(" 20 0 9 ", " 20 0 1 "))
                .unwrap()
                .over
        );
        for broken in ["", "77", "77 (", "77 (x) S 5 77"] {
            assert_eq!(Stat::parse(broken), None);
        }
    }

    #[test]
    fn this_process_is_read() {
        let stat = Stat::read(nix::unistd::getpid()).unwrap();
        assert_eq!(stat.parent, nix::unistd::getppid());
        assert!(!stat.over && stat.threads >= 1 && stat.pages > 0 && stat.started > 0);
    }
}
