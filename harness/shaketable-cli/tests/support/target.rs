//! Where the tests' own target is: an example of this package, built with the tests.

use std::path::Path;

/// The path of the target program; its first argument says what it does wrong.
pub(crate) fn target() -> String {
    let binary = Path::new(env!("CARGO_BIN_EXE_shaketable"));
    let path = binary.parent().unwrap().join("examples/target");
    assert!(path.is_file(), "{} is built with the tests", path.display());
    path.display().to_string()
}
