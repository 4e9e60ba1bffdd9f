//! Qtractor.
use super::{report::Report, stage::Stage};
use crate::steps::Failure;
pub fn install(_: &Stage) -> Result<String, Failure> {
    Err(Failure("not yet".into()))
}
pub fn run(_: &Stage, _: &mut Report) -> Result<(), Failure> {
    Ok(())
}
