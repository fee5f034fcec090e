//! Writes the committed JSON Schemas anew from the types that they describe. A test of the library
//! keeps them true.

use crate::steps::{StepError, root, tell};

pub(crate) fn write() -> Result<(), StepError> {
    let schemas = [
        ("suite.schema.json", shaketable::suite::schema()),
        ("report.schema.json", shaketable::report::json::schema()),
    ];
    for (name, schema) in schemas {
        let path = root().join("harness/schemas").join(name);
        let text = format!("{schema:#}\n");
        let shown = path.display().to_string();
        std::fs::write(&path, text).map_err(|source| StepError::Write {
            path: shown.clone(),
            source,
        })?;
        tell(&format!("wrote {shown}"));
    }
    Ok(())
}
