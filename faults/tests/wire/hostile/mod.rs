//! Input that means harm, or comes in such amounts: it ends clearly, in bounded memory, and nothing
//! is stuck behind it. The proxy runs in a process of its own, which is watched.

mod child;
mod descriptors;
mod endless;
mod floods;
