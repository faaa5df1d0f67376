//! `features`: what this runtime can do, as JSON.

use crate::args::{Args, Arity, Order, Verb};
use crate::compat::exit::Code;
use crate::failure::Failure;
use crate::say;
use crate::settings::Settings;
use serde::Serialize;
use serde_json::ser::{PrettyFormatter, Serializer};

pub(crate) static VERB: Verb = Verb {
    name: "features",
    summary: "show what this runtime can do, as JSON",
    arguments: "",
    about: "The document is the features structure of runtime-spec.",
    flags: &[],
    arity: Arity::Exactly(0),
    order: Order::Anywhere,
    run,
};

fn run(_: &Settings, _: &Args) -> Result<Code, Failure> {
    let mut text = Vec::new();
    let mut out = Serializer::with_formatter(&mut text, PrettyFormatter::with_indent(b"    "));
    runtime_core::features::features().serialize(&mut out).map_err(|error| Failure::new(error.to_string()))?;
    text.push(b'\n');
    say(&String::from_utf8_lossy(&text))
}
