//! The lab: services up, proxies up, an experiment running through its phases.
//!
//! | file | what it is for |
//! |---|---|
//! | `start` | brings a lab up and takes it down |
//! | `proxies` | where each proxy listens, and what its caller is told of it |
//! | `vouch` | TLS: who vouches for the proxies, and whom they believe |
//! | `stubs` | the services that are played by ourselves |
//! | `order` | who has to be up before whom |
//! | `run` | one experiment in a fresh lab, from the first process to the report |
//! | `setting` | what a run needs to know beside its plan |
//! | `phases` | runs through the phases, injects and lifts, asks the judge at fixed points |
//! | `activity` | what is under way on the edges: when a call has had all its consequences |
//! | `drive` | whoever makes the calls: our engine, and goose where the suite asks for it |
//! | `scripts` | what its arrivals do, made of the same |
//! | `load` | the load, made of what the suite says and of where the services listen |
//! | `collect` | the recording, gathered from whoever saw something |
//! | `waits` | how long targets waited for a processor |
//! | `sampler` | looks at the services' processes and sockets while the experiment runs |
//! | `book` | what is kept of these looks |
//! | `stalls` | notices when the machine does not let the harness or a target run |
//!
//! **Invariant:** a lab that was started is taken down on every way out.

mod activity;
mod alone;
mod book;
mod collect;
mod drive;
mod inject;
mod load;
mod order;
mod phases;
mod proxies;
mod run;
mod sampler;
mod scripts;
mod setting;
mod stalls;
mod start;
mod stubs;

mod vouch;
mod waits;

pub use run::run;
pub use setting::Setting;
pub use start::LabError;
