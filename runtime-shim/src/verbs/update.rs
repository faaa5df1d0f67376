//! `update`: other limits for a container that exists.

use crate::args::{Args, Arity, Flag, Order, Verb};
use crate::compat::exit::Code;
use crate::compat::{messages, units};
use crate::failure::Failure;
use crate::settings::Settings;
use oci_spec::runtime::{LinuxIntelRdt, LinuxResources};
use runtime_core::config;
use serde_json::{Map, Value, json};
use std::io::Read;
use std::path::Path;

static RESOURCES: Flag = Flag::text("resources", "FILE", "take the limits from a JSON FILE, or from stdin for -; other flags are ignored")
    .short("r")
    .more("The object is linux.resources of config.json: {\"memory\": {\"limit\": 1073741824}}. Its devices are ignored.");
static BLKIO_WEIGHT: Flag = Flag::number("blkio-weight", "N", "share of block I/O, 10 to 1000").more("The kernel begins with 100.");
static CPU_PERIOD: Flag = Flag::text("cpu-period", "USECS", "length of a CPU period")
    .more("In microseconds; the kernel begins with 100000, a tenth of a second.");
static CPU_QUOTA: Flag = Flag::text("cpu-quota", "USECS", "CPU time per period; -1 for no limit")
    .more("In microseconds: 50000 in a period of 100000 are half a CPU.");
static CPU_BURST: Flag =
    Flag::text("cpu-burst", "USECS", "CPU time that may be saved up from earlier periods").more("In microseconds, up to the quota.");
static CPU_SHARE: Flag = Flag::text("cpu-share", "N", "share of CPU time against other containers")
    .more("2 to 262144; the kernel begins with 1024. On cgroup v2 it is converted to a weight.");
static CPU_RT_PERIOD: Flag =
    Flag::text("cpu-rt-period", "USECS", "length of a period of real-time CPU time").more("In microseconds; cgroup v1 only.");
static CPU_RT_RUNTIME: Flag =
    Flag::text("cpu-rt-runtime", "USECS", "real-time CPU time per period").more("In microseconds; cgroup v1 only.");
static CPUSET_CPUS: Flag =
    Flag::text("cpuset-cpus", "LIST", "CPUs it may use, such as 0-2,7").more("Numbers and ranges, separated by commas.");
static CPUSET_MEMS: Flag = Flag::text("cpuset-mems", "LIST", "memory nodes it may use")
    .more("Numbers and ranges, separated by commas. Memory that is in use does not move.");
static CPU_IDLE: Flag = Flag::text("cpu-idle", "0|1", "1 runs it only when nothing else wants the CPU")
    .one_of(&["0", "1"])
    .more("With 1 its share of CPU time has no meaning.");
static MEMORY: Flag =
    Flag::text("memory", "SIZE", "memory limit, such as 512m; -1 for none").more("In bytes, or with k, m, g or t for powers of 1024.");
static MEMORY_RESERVATION: Flag =
    Flag::text("memory-reservation", "SIZE", "memory that is reclaimed last").more("In bytes, or with k, m, g or t for powers of 1024.");
static MEMORY_SWAP: Flag = Flag::text("memory-swap", "SIZE", "limit of memory and swap together; -1 for none")
    .more("In bytes, or with k, m, g or t for powers of 1024. It is at least the memory limit.");
static PIDS_LIMIT: Flag = Flag::number("pids-limit", "N", "number of processes; -1 for no limit").more("Threads count too.");
static L3_CACHE_SCHEMA: Flag = Flag::text("l3-cache-schema", "SCHEMA", "L3 cache, in the words of resctrl").more("Such as L3:0=f;1=f0.");
static MEM_BW_SCHEMA: Flag =
    Flag::text("mem-bw-schema", "SCHEMA", "memory bandwidth, in the words of resctrl").more("Such as MB:0=20;1=70.");
/// Kernels since 5.4 have no such limits; callers still pass them.
static KERNEL_MEMORY: Flag = Flag::text("kernel-memory", "SIZE", "accepted, without effect").hidden();
static KERNEL_MEMORY_TCP: Flag = Flag::text("kernel-memory-tcp", "SIZE", "accepted, without effect").hidden();

/// How a limit is typed.
#[derive(Debug, Clone, Copy)]
enum Unit {
    /// A number, negative ones too.
    Signed,
    /// A number from 0 on.
    Unsigned,
    /// A size in bytes.
    Bytes,
    /// Anything.
    Text,
}

/// Each limit: its flag, how it is typed, and its place in `linux.resources`.
static LIMITS: &[(&Flag, Unit, [&str; 2])] = &[
    (&BLKIO_WEIGHT, Unit::Unsigned, ["blockIO", "weight"]),
    (&CPU_PERIOD, Unit::Unsigned, ["cpu", "period"]),
    (&CPU_QUOTA, Unit::Signed, ["cpu", "quota"]),
    (&CPU_BURST, Unit::Unsigned, ["cpu", "burst"]),
    (&CPU_SHARE, Unit::Unsigned, ["cpu", "shares"]),
    (&CPU_RT_PERIOD, Unit::Unsigned, ["cpu", "realtimePeriod"]),
    (&CPU_RT_RUNTIME, Unit::Signed, ["cpu", "realtimeRuntime"]),
    (&CPUSET_CPUS, Unit::Text, ["cpu", "cpus"]),
    (&CPUSET_MEMS, Unit::Text, ["cpu", "mems"]),
    (&CPU_IDLE, Unit::Signed, ["cpu", "idle"]),
    (&MEMORY, Unit::Bytes, ["memory", "limit"]),
    (&MEMORY_RESERVATION, Unit::Bytes, ["memory", "reservation"]),
    (&MEMORY_SWAP, Unit::Bytes, ["memory", "swap"]),
    (&PIDS_LIMIT, Unit::Signed, ["pids", "limit"]),
    (&KERNEL_MEMORY, Unit::Bytes, ["memory", "kernel"]),
    (&KERNEL_MEMORY_TCP, Unit::Bytes, ["memory", "kernelTCP"]),
];

pub(crate) static VERB: Verb = Verb {
    name: "update",
    summary: "change the limits of a container",
    arguments: "<container-id>",
    about: "FILE holds an object like linux.resources of config.json; what it does not name stays as it is.\n\
            Rules about devices are never changed.",
    flags: &[
        &RESOURCES,
        &BLKIO_WEIGHT,
        &CPU_PERIOD,
        &CPU_QUOTA,
        &CPU_BURST,
        &CPU_SHARE,
        &CPU_RT_PERIOD,
        &CPU_RT_RUNTIME,
        &CPUSET_CPUS,
        &CPUSET_MEMS,
        &CPU_IDLE,
        &MEMORY,
        &MEMORY_RESERVATION,
        &MEMORY_SWAP,
        &PIDS_LIMIT,
        &L3_CACHE_SCHEMA,
        &MEM_BW_SCHEMA,
        &KERNEL_MEMORY,
        &KERNEL_MEMORY_TCP,
    ],
    arity: Arity::Exactly(1),
    order: Order::Anywhere,
    run,
};

fn run(settings: &Settings, args: &Args) -> Result<Code, Failure> {
    let mut container = settings.runtime().load(args.id())?;
    let (resources, warnings) = wanted(args)?;
    settings.log.warn(&warnings);
    if let Some(rdt) = schemata(args)? {
        container.update_rdt(rdt)?;
    }
    container.update(&resources)?;
    Ok(Code::SUCCESS)
}

fn wanted(args: &Args) -> Result<(LinuxResources, Vec<String>), Failure> {
    let document = match args.text(&RESOURCES).filter(|file| !file.is_empty()) {
        Some(file) => read(file)?,
        None => typed(args)?.to_string().into_bytes(),
    };
    config::parse_resources(&document).map_err(|error| Failure::from(error).during("resources"))
}

/// Intel RDT has flags of its own, whatever the file says.
fn schemata(args: &Args) -> Result<Option<LinuxIntelRdt>, Failure> {
    let flags = [(&L3_CACHE_SCHEMA, "l3CacheSchema"), (&MEM_BW_SCHEMA, "memBwSchema")];
    let typed = flags.into_iter().filter_map(|(flag, key)| Some((key.to_owned(), args.text(flag).filter(|text| !text.is_empty())?.into())));
    let typed: Map<String, Value> = typed.collect();
    if typed.is_empty() {
        return Ok(None);
    }
    serde_json::from_value(Value::Object(typed)).map(Some).map_err(|error| Failure::new(error.to_string()))
}

fn read(file: &str) -> Result<Vec<u8>, Failure> {
    let mut text = Vec::new();
    let read = match file {
        "-" => std::io::stdin().lock().read_to_end(&mut text).map(|_| text),
        _ => std::fs::read(file),
    };
    read.map_err(|error| Failure::io("read", Path::new(file), &error))
}

/// The limits typed as flags, in the shape of `linux.resources`.
fn typed(args: &Args) -> Result<Value, Failure> {
    let mut resources = Map::new();
    for (flag, unit, [section, key]) in LIMITS {
        let typed = args.text(flag).map(str::to_owned).or_else(|| args.number(flag).map(|number| number.to_string()));
        if let Some(text) = typed {
            let section = resources.entry(*section).or_insert_with(|| json!({}));
            section[key] = unit.value(&text).ok_or_else(|| Failure::new(messages::not_a(flag.long, &text, unit.name())))?;
        }
    }
    Ok(Value::Object(resources))
}

impl Unit {
    fn value(self, text: &str) -> Option<Value> {
        match self {
            Self::Signed => units::integer(text).map(Value::from),
            Self::Unsigned => text.parse::<u64>().ok().map(Value::from),
            Self::Bytes => units::bytes(text).map(Value::from),
            Self::Text => Some(text.into()),
        }
    }

    fn name(self) -> &'static str {
        match self {
            Self::Signed => "a number",
            Self::Unsigned => "a number from 0 on",
            Self::Bytes => "a size",
            Self::Text => "a text",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::args::{self, Asked};

    fn check(line: &str, expected: &str) {
        let words: Vec<String> = ["update"].into_iter().chain(line.split_whitespace()).map(str::to_owned).collect();
        let globals = args::globals("runtime-shim", &words).unwrap_or_default();
        let Ok(Asked::Work(_, args)) = args::command("runtime-shim", &globals) else { return assert_eq!(line, "a command line") };
        let said = typed(&args).map_or_else(|failure| failure.text().to_owned(), |value| value.to_string());
        assert_eq!(said, expected, "{line}");
        assert!(!said.starts_with('{') || wanted(&args).is_ok(), "{line}");
    }

    #[test]
    fn limits_land_where_the_spec_has_them() {
        check("c1", "{}");
        check("--cpu-quota -1 --cpu-period 50000 c1", r#"{"cpu":{"period":50000,"quota":-1}}"#);
        check("--cpu-share 2 --cpuset-cpus 0-1 --cpu-idle 1 c1", r#"{"cpu":{"cpus":"0-1","idle":1,"shares":2}}"#);
        check("--blkio-weight 100 --pids-limit -1 c1", r#"{"blockIO":{"weight":100},"pids":{"limit":-1}}"#);
    }

    #[test]
    fn memory_has_units() {
        check(
            "--memory 1g --memory-swap -1 --memory-reservation 512m c1",
            r#"{"memory":{"limit":1073741824,"reservation":536870912,"swap":-1}}"#,
        );
        check("--memory lots c1", r#"invalid value for memory: "lots" is not a size"#);
    }

    #[test]
    fn a_number_that_is_none_is_named_with_its_flag() {
        check("--cpu-quota much c1", r#"invalid value for cpu-quota: "much" is not a number"#);
        check("--cpu-period -5 c1", r#"invalid value for cpu-period: "-5" is not a number from 0 on"#);
    }

    #[test]
    fn kernel_memory_is_taken_with_a_warning() {
        check("--kernel-memory 5m --kernel-memory-tcp 1m c1", r#"{"memory":{"kernel":5242880,"kernelTCP":1048576}}"#);
        check("--kernel-memory lots c1", r#"invalid value for kernel-memory: "lots" is not a size"#);
    }
}
