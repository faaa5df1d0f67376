//! Reads a process's cgroup files from the host, whatever the layout.

use std::fs;
use std::path::PathBuf;

/// What cases set limits on; a file that is not there is not told.
const FILES: &[&str] = &[
    "pids.max",
    "memory.limit_in_bytes",
    "memory.soft_limit_in_bytes",
    "memory.memsw.limit_in_bytes",
    "memory.swappiness",
    "memory.oom_control",
    "memory.max",
    "memory.low",
    "memory.high",
    "memory.swap.max",
    "cpu.shares",
    "cpu.cfs_quota_us",
    "cpu.cfs_period_us",
    "cpu.cfs_burst_us",
    "cpu.weight",
    "cpu.max",
    "cpu.max.burst",
    "cpu.idle",
    "cpuset.cpus",
    "cpuset.mems",
    "blkio.weight",
    "blkio.bfq.weight",
    "io.weight",
    "io.max",
    "blkio.throttle.read_bps_device",
    "devices.list",
    "freezer.state",
    "cgroup.freeze",
    "net_cls.classid",
];

/// `file = value` for every hierarchy the process is in.
pub(crate) fn read(pid: &str) -> Vec<String> {
    let table = fs::read_to_string("/proc/self/mountinfo").unwrap_or_default();
    let memberships = fs::read_to_string(format!("/proc/{pid}/cgroup")).unwrap_or_default();
    let dirs = memberships.lines().filter_map(|line| dir(line, &table));
    let mut lines: Vec<String> = dirs.flat_map(|dir| FILES.iter().flat_map(move |file| values(&dir, file))).collect();
    lines.sort();
    lines
}

/// Does the host offer this controller, in whatever hierarchy?
pub(crate) fn has(controller: &str) -> bool {
    let unified = fs::read_to_string("/sys/fs/cgroup/cgroup.controllers").unwrap_or_default();
    let table = fs::read_to_string("/proc/self/mountinfo").unwrap_or_default();
    offers(&unified, controller) || table.lines().any(|line| point(line, controller).is_some())
}

// Controllers are asked for by their names on v1.
fn offers(unified: &str, controller: &str) -> bool {
    let name = if controller == "blkio" { "io" } else { controller };
    unified.split_whitespace().any(|one| one == name)
}

fn values(dir: &std::path::Path, file: &str) -> Vec<String> {
    let text = fs::read_to_string(dir.join(file)).unwrap_or_default();
    text.lines().map(|line| format!("{file} = {line}")).collect()
}

// `3:cpuset:/web` or `0::/web`: the hierarchy is the mount whose last options hold the same controllers.
fn dir(membership: &str, table: &str) -> Option<PathBuf> {
    let mut fields = membership.splitn(3, ':').skip(1);
    let (controllers, path) = (fields.next()?, fields.next()?);
    let point = table.lines().find_map(|line| point(line, controllers))?;
    Some(PathBuf::from(format!("{point}{path}")))
}

fn point<'a>(line: &'a str, controllers: &str) -> Option<&'a str> {
    let (left, right) = line.split_once(" - ")?;
    let (kind, data) = (right.split(' ').next()?, right.rsplit(' ').next()?);
    let fits = match controllers {
        "" => kind == "cgroup2",
        _ => kind == "cgroup" && controllers.split(',').all(|one| data.split(',').any(|option| option == one)),
    };
    if fits { left.split(' ').nth(4) } else { None }
}

#[cfg(test)]
mod tests {
    use super::offers;

    #[test]
    fn block_devices_have_another_name_on_v2() {
        for (controller, is_there) in [("memory", true), ("blkio", true), ("freezer", false)] {
            assert_eq!(offers("cpuset cpu io memory pids\n", controller), is_there, "{controller}");
        }
        assert!(!offers("cpu memory", "blkio") && !offers("", "memory"));
    }
}
