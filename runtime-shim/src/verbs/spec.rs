//! `spec`: a config.json to begin with.

use crate::args::common::BUNDLE;
use crate::args::{Args, Arity, Flag, Order, Verb};
use crate::compat::exit::Code;
use crate::compat::messages;
use crate::failure::Failure;
use crate::request;
use crate::settings::Settings;
use nix::unistd::{getegid, geteuid};
use runtime_core::spec::{self, Cgroups};
use std::fs::File;
use std::io::{ErrorKind, Write};
use std::path::Path;

static ROOTLESS: Flag = Flag::switch("rootless", "for a user other than root: with a user namespace, without cgroups");

pub(crate) static VERB: Verb = Verb {
    name: "spec",
    summary: "write a config.json to begin with",
    arguments: "",
    about: "Its program is a shell in a terminal. An existing file is not touched.",
    flags: &[&BUNDLE, &ROOTLESS],
    arity: Arity::Exactly(0),
    order: Order::Anywhere,
    run,
};

fn run(_: &Settings, args: &Args) -> Result<Code, Failure> {
    let path = request::bundle(args)?.join("config.json");
    let mut file = File::create_new(&path).map_err(|error| match error.kind() {
        ErrorKind::AlreadyExists => Failure::new(messages::CONFIG_EXISTS),
        _ => Failure::io("open", &path, &error),
    })?;
    file.write_all(text(args).as_bytes()).map_err(|error| Failure::io("write", &path, &error))?;
    Ok(Code::SUCCESS)
}

fn text(args: &Args) -> String {
    match args.on(&ROOTLESS) {
        true => spec::rootless(cgroups(), geteuid().as_raw(), getegid().as_raw()),
        false => spec::default(cgroups()),
    }
}

/// The host's: the file is in the root of v2 and nowhere in v1's.
fn cgroups() -> Cgroups {
    if Path::new("/sys/fs/cgroup/cgroup.controllers").exists() { Cgroups::V2 } else { Cgroups::V1 }
}
