//! A runc-compatible container runtime: the command line of `runc` in front of runtime-core.
//!
//! A call is: read the command line, resolve it, do the verb's work, say how it ended. Every decision about containers is the library's;
//! every word that another program reads is in [`compat`]. Invariant: a call that succeeds writes nothing to stderr but warnings.

mod args;
mod attach;
mod compat;
mod failure;
mod process;
mod request;
mod settings;
mod verbs;

use args::Asked;
use compat::exit::Code;
use compat::log::{Level, Log};
use failure::Failure;
use settings::Settings;
use std::io::Write;
use std::process::ExitCode;

fn main() -> ExitCode {
    let mut log = Log::default();
    let code = called(&mut log).unwrap_or_else(|failure| {
        let told = say(failure.page());
        log.record(Level::Error, failure.text());
        told.map_or(Code::ERROR, |_| failure.code())
    });
    code.into()
}

/// The whole story of a call. The log is the caller's because it also takes what goes wrong here.
fn called(log: &mut Log) -> Result<Code, Failure> {
    let (program, words) = command_line()?;
    let globals = args::globals(&program, &words)?;
    *log = Log::resolve(&globals)?;
    match args::command(&program, &globals)? {
        Asked::Tell(text) => say(&text),
        Asked::Work(verb, args) => {
            let settings = Settings::resolve(&globals, log.clone())?;
            log.record(Level::Debug, &format!("{} {:?} under {}", verb.name, args.words, settings.root.path().display()));
            (verb.run)(&settings, &args)
        }
    }
}

fn command_line() -> Result<(String, Vec<String>), Failure> {
    let words: Result<Vec<String>, _> = std::env::args_os().map(std::ffi::OsString::into_string).collect();
    let mut words = words.map_err(|word| Failure::new(format!("the argument {word:?} is not UTF-8")))?.into_iter();
    Ok((words.next().unwrap_or_else(|| "runtime-shim".to_owned()), words.collect()))
}

/// Writes to stdout, exactly.
pub(crate) fn say(text: &str) -> Result<Code, Failure> {
    let mut out = std::io::stdout().lock();
    let written = out.write_all(text.as_bytes()).and_then(|()| out.flush());
    written.map(|()| Code::SUCCESS).map_err(|error| Failure::io("write", "/dev/stdout".as_ref(), &error))
}
