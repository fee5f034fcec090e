//! Whom a fault hits: conditions, counts, schedules and shares.

mod decisions;
mod load;
mod schedule;
mod sent;
mod times;
mod which;
