//! The suite language: from text to a checked [`Suite`], or to every error in it at once.

mod model;

pub use model::*;
