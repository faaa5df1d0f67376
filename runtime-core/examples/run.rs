//! Runs a bundle to its end: `run STATE-DIRECTORY ID BUNDLE`.

use runtime_core::{Create, Runtime};
use std::process::ExitCode;

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().collect();
    let [_, root, id, bundle] = arguments.as_slice() else {
        eprintln!("usage: run STATE-DIRECTORY ID BUNDLE");
        return ExitCode::from(2);
    };
    match run(&Runtime::new(root), id, bundle) {
        Ok(code) => ExitCode::from(u8::try_from(code).unwrap_or(1)),
        Err(error) => {
            eprintln!("{error}");
            ExitCode::FAILURE
        }
    }
}

fn run(runtime: &Runtime, id: &str, bundle: &str) -> runtime_core::Result<i32> {
    let mut container = runtime.create(id, &Create::of(bundle))?;
    container.start()?;
    let ended = container.wait()?;
    container.delete()?;
    Ok(ended.code())
}
