//! `encore convert`: checkpoints as people have them, made into a pack.

use encore::pack::checkpoint::Model;
use encore::pack::convert::{Progress, convert};
use encore::pack::{Pack, PackError};
use serde_json::json;

use crate::args::ConvertArgs;
use crate::failure::{Failure, print, print_json};
use crate::progress::BytesBar;

pub fn run(args: &ConvertArgs, as_json: bool) -> Result<(), Failure> {
    let model = Model::open(&args.source).map_err(PackError::from)?;
    {
        let bar = BytesBar::new("converting");
        convert(&model, &args.out, args.precision, |Progress { done_bytes, total_bytes }| {
            bar.set(done_bytes, total_bytes);
        })?;
    }
    let pack = Pack::open(&args.out)?;
    if as_json {
        return print_json(&json!({
            "name": pack.name(),
            "folder": pack.dir(),
            "sha256": pack.hash(),
            "parameters": pack.parameters(),
            "bytes": pack.bytes(),
            "files": pack.manifest().files,
        }));
    }
    print(&format!(
        "{}: {} with {:.1} million parameters, {:.1} MB",
        pack.dir().display(),
        pack.name(),
        pack.parameters() as f64 / 1e6,
        pack.bytes() as f64 / 1e6
    ))
}
