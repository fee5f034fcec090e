//! What was seen of the processes of a service, again and again while the experiment ran.
//!
//! Only services that we started are looked at, and only where the system shows what they do (Linux).
//! All figures are of the whole tree: the process that was started and everything that it has started,
//! without the keeper over it.

use serde::{Deserialize, Serialize};

use super::Nanos;

/// Everything that was seen of one service's processes.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct ServiceSamples {
    /// The service.
    pub service: String,
    /// Its processes, in the order in which they were seen first. Those that listened for nobody and
    /// were gone within a second are only counted.
    #[serde(default)]
    pub lives: Vec<Life>,
    /// How many processes were seen and are not among `lives`.
    #[serde(default)]
    pub passing: u64,
    /// The samples, in the order of their times. How far they are apart is in these: a tenth of a
    /// second or less, unless looking would have cost more than a hundredth of a processor.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub samples: Vec<Sample>,
}

impl ServiceSamples {
    /// All but the samples.
    pub(super) fn without_bulk(&self) -> Self {
        Self {
            service: self.service.clone(),
            lives: self.lives.clone(),
            passing: self.passing,
            samples: Vec::new(),
        }
    }
}

/// One process of a service.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Life {
    /// Its id.
    pub pid: i32,
    /// The id of the process that had started it, as it was when it was seen first.
    pub parent: i32,
    /// What the system calls it: the program's name, cut off after 15 bytes.
    pub name: String,
    /// When it was started, to a hundredth of a second. With the id it tells processes apart.
    pub started: Nanos,
    /// When it was seen first.
    pub seen: Nanos,
    /// When it was first missed.
    #[serde(default)]
    pub gone: Option<Nanos>,
    /// Whether it was seen to hold the socket that listens for the service.
    #[serde(default)]
    pub listens: bool,
}

/// What was seen of a service's processes at one moment.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Sample {
    /// When.
    pub at: Nanos,
    /// How many processes there were.
    #[serde(default)]
    pub processes: u32,
    /// How many threads they had.
    #[serde(default)]
    pub threads: u32,
    /// How many open files they held, what they share counted for each; nothing where one of them
    /// does not show it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub fds: Option<u32>,
    /// How much memory they had in use, in bytes, what they share counted for each (resident set size).
    #[serde(default)]
    pub rss: u64,
    /// For how long they have kept a processor busy since they were started, with those that have
    /// ended, in steps of 10 ms.
    #[serde(default)]
    pub cpu: Nanos,
    /// The connections that wait to be accepted; nothing where the system does not tell.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub queue: Option<ListenQueue>,
    /// The TCP sockets; nothing where the system does not tell, or where they were not counted this
    /// time, because that costs more than all the rest when there are many.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sockets: Option<Sockets>,
}

/// The sockets that listen at a service's address.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct ListenQueue {
    /// How many there are: 0 when nobody listens, several when processes share the port.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub sockets: u32,
    /// How many connections wait to be accepted.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub length: u32,
    /// How many may (what the program asked for, or the system's own bound). One more is let in.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub limit: u32,
}

/// How many TCP sockets of a service are in which state (RFC 9293, section 3.3.2).
///
/// A socket is the service's when its own end is the address where the service listens, when its other
/// end is the proxy of one of the service's edges, or when one of its processes holds it. Sockets that
/// no process holds any more, such as those in `time_wait`, are known by their addresses alone; so are
/// those that still wait to be accepted. Who holds a socket is asked now and then, so one that leads to
/// no known address is counted a moment after it was opened.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Sockets {
    /// Connections that are open both ways.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub established: u32,
    /// The other side has closed, this service has not.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub close_wait: u32,
    /// Closed from this side, and remembered by the system for a minute.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub time_wait: u32,
    /// Waiting for the callee to take the connection.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub syn_sent: u32,
    /// Listening.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub listen: u32,
    /// In the midst of opening or closing: SYN-RECEIVED, FIN-WAIT, CLOSING, LAST-ACK.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub other: u32,
}

#[expect(
    clippy::trivially_copy_pass_by_ref,
    reason = "serde passes a reference"
)]
fn is_zero(count: &u32) -> bool {
    *count == 0
}
