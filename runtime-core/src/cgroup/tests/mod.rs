//! Against the real kernel: root is needed, and whatever layout the host has is used.
//!
//! Each test has a cgroup of a name nobody else has, and takes it away again. What this kernel has no files for is tested on a [`fake`] one.

mod fake;
mod limits;

use super::layout::Roots;
use super::place::Version;
use super::*;
use nix::libc::{SIGKILL, SIGTERM};
use oci_spec::runtime::LinuxResources;
use std::os::unix::process::ExitStatusExt;
use std::path::PathBuf;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

/// A placement that is gone, with who is in it, when the test ends.
struct Ours(Placement);

impl Ours {
    fn new() -> Option<Self> {
        static COUNT: AtomicU32 = AtomicU32::new(0);
        Self::at(&format!("/rt-test-{}-{}", std::process::id(), COUNT.fetch_add(1, Ordering::Relaxed)))
    }

    fn at(path: &str) -> Option<Self> {
        if !nix::unistd::geteuid().is_root() {
            println!("SKIP: needs root");
            return None;
        }
        let wanted = Wanted { path: Some(path), id: "unused", driver: CgroupDriver::Files, refusal: Refusal::Fatal };
        Some(Self(Layout::look().unwrap().place(&wanted).unwrap()))
    }

    fn v2() -> Option<Self> {
        let ours = Self::new()?;
        if !ours.0.is_unified() {
            println!("SKIP: /sys/fs/cgroup is not cgroup2");
            return None;
        }
        Some(ours)
    }

    fn v1() -> Option<Self> {
        let ours = Self::new()?;
        if ours.0.version() != Version::One {
            println!("SKIP: no v1 hierarchies");
            return None;
        }
        Some(ours)
    }

    fn create(&mut self) -> Created {
        self.0.create(None).unwrap()
    }

    fn limit(&mut self, resources: &str) -> crate::Result<()> {
        let resources: LinuxResources = serde_json::from_str(resources).unwrap();
        let created = self.0.create(Some(&resources))?;
        self.0.apply(Some(&resources), Scope::Create(&created))
    }

    fn read(&self, controller: &str, name: &str) -> String {
        std::fs::read_to_string(self.0.dir(controller).unwrap().join(name)).unwrap().trim().to_owned()
    }

    fn paths(&self) -> Vec<PathBuf> {
        self.0.directories().map(|(_, dir)| dir.to_owned()).collect()
    }
}

impl Drop for Ours {
    fn drop(&mut self) {
        if self.paths().iter().any(|dir| dir.exists()) {
            let _ = self.0.thaw();
            let _ = self.0.kill_all(SIGKILL);
            let _ = self.0.remove();
        }
    }
}

/// A shell in the cgroup that runs its script when it is told to.
struct Shell(Child);

impl Shell {
    fn within(placement: &Placement, script: &str) -> Self {
        let script = format!("read go; {script}");
        let child = Command::new("/bin/sh").args(["-c", &script]).stdin(Stdio::piped()).stderr(Stdio::null()).spawn().unwrap();
        placement.attach(pid(&child)).unwrap();
        Self(child)
    }

    fn go(&mut self) {
        drop(self.0.stdin.take());
    }

    fn outcome(mut self) -> ExitStatus {
        self.go();
        self.0.wait().unwrap()
    }
}

impl Drop for Shell {
    fn drop(&mut self) {
        let _ = self.0.kill();
        // One that a failed test left frozen does not die yet.
        let _ = (0..100).find(|_| {
            std::thread::sleep(Duration::from_millis(1));
            !matches!(self.0.try_wait(), Ok(None))
        });
    }
}

fn pid(child: &Child) -> i32 {
    child.id().try_into().unwrap()
}

fn eventually(mut holds: impl FnMut() -> bool) -> bool {
    (0..500).any(|_| {
        std::thread::sleep(Duration::from_millis(10));
        holds()
    })
}

fn update(placement: &Placement, resources: &str) -> crate::Result<()> {
    placement.apply(Some(&serde_json::from_str(resources).unwrap()), Scope::Update)
}

#[test]
fn a_container_has_a_directory_in_every_hierarchy_and_then_none() {
    let Some(mut ours) = Ours::new() else { return };
    assert!(ours.create().fresh);
    let mut shell = Shell::within(&ours.0, "sleep 60");
    let name = ours.paths()[0].file_name().unwrap().to_str().unwrap().to_owned();
    let cgroups = std::fs::read_to_string(format!("/proc/{}/cgroup", shell.0.id())).unwrap();
    assert_eq!(cgroups.lines().filter(|line| line.ends_with(&name)).count(), ours.paths().len(), "{cgroups}");
    assert_eq!(ours.0.pids().unwrap(), [pid(&shell.0)]);
    assert!(!ours.0.is_empty().unwrap());
    ours.0.kill_all(SIGKILL).unwrap();
    assert_eq!(shell.0.wait().unwrap().signal(), Some(SIGKILL));
    ours.0.remove().unwrap();
    assert!(ours.paths().iter().all(|dir| !dir.exists()));
    assert!(ours.0.is_empty().unwrap());
    ours.0.remove().unwrap();
}

#[test]
fn a_child_can_put_itself_there() {
    let Some(mut ours) = Ours::new() else { return };
    ours.create();
    let files = ours.0.procs_files().unwrap();
    assert_eq!(files.len(), ours.paths().len());
    let child = Command::new("/bin/sleep").arg("60").spawn().unwrap();
    for file in &files {
        nix::unistd::write(file, child.id().to_string().as_bytes()).unwrap();
    }
    let child = Shell(child);
    assert_eq!(ours.0.pids().unwrap(), [pid(&child.0)]);
}

#[test]
fn an_occupied_place_is_refused_and_left_as_it_is() {
    let Some(mut ours) = Ours::new() else { return };
    ours.create();
    let mut shell = Shell::within(&ours.0, "sleep 60");
    let error = ours.0.clone().create(None).unwrap_err();
    assert_eq!(error.to_string(), "container's cgroup is not empty: 1 process(es) found");
    assert!(ours.paths().iter().all(|dir| dir.exists()));
    assert_eq!(shell.0.try_wait().unwrap(), None);
}

#[test]
fn a_refused_create_takes_back_the_directories_it_made() {
    let Some(mut ours) = Ours::v1() else { return };
    ours.create();
    let shell = Shell::within(&ours.0, "sleep 60");
    let kept = ours.0.dir("devices").unwrap().to_owned();
    for dir in ours.paths().iter().filter(|dir| **dir != kept) {
        let procs = dir.parent().unwrap().join("cgroup.procs");
        std::fs::write(procs, shell.0.id().to_string()).unwrap();
        std::fs::remove_dir(dir).unwrap();
    }
    ours.0.clone().create(None).unwrap_err();
    let left: Vec<_> = ours.paths().into_iter().filter(|dir| dir.exists()).collect();
    assert_eq!(left, [kept]);
}

#[test]
fn a_frozen_place_is_refused() {
    let Some(mut ours) = Ours::new() else { return };
    ours.create();
    ours.0.freeze().unwrap();
    let error = ours.0.clone().create(None).unwrap_err();
    assert_eq!(error.to_string(), "container's cgroup unexpectedly frozen");
    ours.0.thaw().unwrap();
    assert!(!ours.0.clone().create(None).unwrap().fresh);
}

#[test]
fn a_frozen_container_stands_still_and_goes_on() {
    let Some(mut ours) = Ours::new() else { return };
    ours.create();
    let mut shell = Shell::within(&ours.0, "exit 7");
    assert!(!ours.0.is_frozen().unwrap());
    ours.0.freeze().unwrap();
    assert!(ours.0.is_frozen().unwrap());
    shell.go();
    std::thread::sleep(Duration::from_millis(50));
    assert_eq!(shell.0.try_wait().unwrap(), None);
    ours.0.thaw().unwrap();
    assert!(!ours.0.is_frozen().unwrap());
    assert_eq!(shell.0.wait().unwrap().code(), Some(7));
}

#[test]
fn a_frozen_container_can_be_killed() {
    let Some(mut ours) = Ours::new() else { return };
    ours.create();
    let mut shell = Shell::within(&ours.0, "sleep 60");
    ours.0.freeze().unwrap();
    ours.0.kill_all(SIGKILL).unwrap();
    assert_eq!(shell.0.wait().unwrap().signal(), Some(SIGKILL));
    ours.0.remove().unwrap();
}

#[test]
fn a_signal_reaches_every_process_and_leaves_nothing_frozen() {
    let Some(mut ours) = Ours::new() else { return };
    ours.create();
    let mut shell = Shell::within(&ours.0, "for n in 1 2 3 4 5; do sleep 60 & done; wait");
    shell.go();
    assert!(eventually(|| ours.0.pids().unwrap().len() == 6));
    ours.0.kill_all(SIGTERM).unwrap();
    assert_eq!(shell.0.wait().unwrap().signal(), Some(SIGTERM));
    assert!(eventually(|| ours.0.pids().unwrap().is_empty()));
    assert!(!ours.0.is_frozen().unwrap());
}

#[test]
fn a_signal_leaves_a_paused_container_paused() {
    let Some(mut ours) = Ours::new() else { return };
    ours.create();
    let _shell = Shell::within(&ours.0, "sleep 60");
    ours.0.freeze().unwrap();
    ours.0.kill_all(nix::libc::SIGUSR1).unwrap();
    assert!(ours.0.is_frozen().unwrap());
    ours.0.thaw().unwrap();
}

#[test]
fn sub_cgroups_are_counted_and_removed() {
    let Some(mut ours) = Ours::new() else { return };
    ours.create();
    for dir in ours.paths() {
        std::fs::create_dir_all(dir.join("a/b")).unwrap();
    }
    if let Some(dir) = ours.0.dir("cpuset").filter(|_| ours.0.version() == Version::One) {
        for name in ["cpuset.cpus", "cpuset.mems"] {
            let value = std::fs::read(dir.join(name)).unwrap();
            std::fs::write(dir.join("a").join(name), &value).unwrap();
            std::fs::write(dir.join("a/b").join(name), &value).unwrap();
        }
    }
    let inside = ours.0.within(&["a/b".into()]).unwrap();
    let mut shell = Shell::within(&inside, "sleep 60");
    assert_eq!(ours.0.pids().unwrap(), [pid(&shell.0)]);
    assert_eq!(ours.0.of_process(pid(&shell.0)).unwrap().dir("devices"), inside.dir("devices"));
    ours.0.kill_all(SIGKILL).unwrap();
    shell.0.wait().unwrap();
    ours.0.remove().unwrap();
    assert!(ours.paths().iter().all(|dir| !dir.exists()));
}

#[test]
fn a_sub_cgroup_must_exist() {
    let Some(mut ours) = Ours::new() else { return };
    ours.create();
    assert_eq!(ours.0.within(&["nowhere".into()]).unwrap_err().errno(), Some(nix::libc::ENOENT));
    assert!(ours.0.within(&["rainbow:/".into()]).is_err() || ours.0.is_unified());
}

#[test]
fn each_hierarchy_has_a_sub_cgroup_of_its_own() {
    let Some(mut ours) = Ours::new() else { return };
    ours.create();
    if ours.0.version() == Version::Two {
        return;
    }
    let [own, pids] = ["memory", "pids"].map(|name| ours.0.dir(name).unwrap().to_owned());
    std::fs::create_dir(own.join("a")).unwrap();
    std::fs::create_dir(pids.join("b")).unwrap();
    let inside = ours.0.within(&["memory:a".into(), "pids:b".into()]).unwrap();
    assert_eq!((inside.dir("memory"), inside.dir("pids")), (Some(&*own.join("a")), Some(&*pids.join("b"))));
    assert_eq!(inside.dir("freezer"), ours.0.dir("freezer"));
    assert_eq!(ours.0.within(&["memory:a".into(), "memory:a".into()]).unwrap().dir("memory"), Some(&*own.join("a")));
}

#[test]
fn parents_are_made_and_stay() {
    let parent = format!("/rt-test-parent-{}", std::process::id());
    let Some(mut ours) = Ours::at(&format!("{parent}/leaf")) else { return };
    ours.create();
    let shell = Shell::within(&ours.0, "exit 3");
    assert_eq!(shell.outcome().code(), Some(3));
    ours.0.remove().unwrap();
    let parents: Vec<_> = ours.paths().iter().map(|dir| dir.parent().unwrap().to_owned()).collect();
    assert!(parents.iter().all(|dir| dir.exists()));
    parents.iter().for_each(|dir| std::fs::remove_dir(dir).unwrap());
}

#[test]
fn a_container_uses_the_devices_it_may_and_no_others() {
    let Some(mut ours) = Ours::new() else { return };
    ours.limit(r#"{"devices":[{"allow":false,"access":"rwm"}]}"#).unwrap();
    for device in ["zero", "urandom", "null", "full"] {
        assert!(Shell::within(&ours.0, &format!("exec 3</dev/{device}")).outcome().success(), "{device}");
    }
    assert!(!Shell::within(&ours.0, "exec 3</dev/kmsg").outcome().success());
}

#[test]
fn a_rule_of_the_config_opens_its_device() {
    let Some(mut ours) = Ours::new() else { return };
    ours.limit(r#"{"devices":[{"allow":false,"access":"rwm"},{"allow":true,"type":"c","major":1,"minor":11,"access":"r"}]}"#).unwrap();
    assert!(Shell::within(&ours.0, "exec 3</dev/kmsg").outcome().success());
    assert!(!Shell::within(&ours.0, "exec 3>/dev/kmsg").outcome().success());
}

#[test]
fn a_config_without_rules_still_denies_devices() {
    let Some(mut ours) = Ours::new() else { return };
    let created = ours.create();
    ours.0.apply(None, Scope::Create(&created)).unwrap();
    assert!(!Shell::within(&ours.0, "exec 3</dev/kmsg").outcome().success());
    assert!(Shell::within(&ours.0, "exec 3</dev/null").outcome().success());
}

#[test]
fn an_update_leaves_devices_alone() {
    let Some(mut ours) = Ours::new() else { return };
    ours.limit(r#"{"devices":[{"allow":true,"access":"rwm"}]}"#).unwrap();
    let update: LinuxResources = serde_json::from_str(r#"{"devices":[{"allow":false,"access":"rwm"}]}"#).unwrap();
    ours.0.apply(Some(&update), Scope::Update).unwrap();
    assert!(Shell::within(&ours.0, "exec 3</dev/kmsg").outcome().success());
}

#[test]
fn a_filter_takes_the_place_of_the_one_before() {
    use std::os::fd::AsFd;
    let Some(mut ours) = Ours::v2() else { return };
    for allow in [true, false, true] {
        ours.limit(&format!(r#"{{"devices":[{{"allow":{allow},"access":"rwm"}}]}}"#)).unwrap();
        let directory = ours.0.directory().unwrap().unwrap();
        assert_eq!(sys::device_programs(directory.as_fd()).unwrap().len(), 1);
        assert_eq!(Shell::within(&ours.0, "exec 3</dev/kmsg").outcome().success(), allow);
    }
}

#[test]
fn stats_count_the_processes() {
    let Some(mut ours) = Ours::new() else { return };
    ours.limit(r#"{}"#).unwrap();
    let _shell = Shell::within(&ours.0, "sleep 60");
    let stats = ours.0.stats().unwrap();
    assert_eq!((stats.pids.current, stats.pids.limit), (1, 0));
    if ours.0.version() == Version::One {
        assert!(!stats.cpuset.cpus.is_empty());
        assert!(!stats.cpu.usage.percpu.is_empty());
        assert!(stats.memory.raw.contains_key("cache"));
        assert!(stats.memory.usage.limit > 0);
    }
}

#[test]
fn a_watch_ends_with_the_container() {
    let Some(mut ours) = Ours::new() else { return };
    ours.create();
    let mut shell = Shell::within(&ours.0, "sleep 60");
    let mut watch = match ours.0.watch_oom() {
        Ok(watch) => watch,
        Err(error) => return println!("SKIP: {error}"),
    };
    assert_eq!(watch.next(Some(Duration::from_millis(20))).unwrap(), OomEvent::Nothing);
    ours.0.kill_all(SIGKILL).unwrap();
    shell.0.wait().unwrap();
    ours.0.remove().unwrap();
    assert_eq!(watch.next(Some(Duration::from_secs(5))).unwrap(), OomEvent::Gone);
}

#[test]
fn a_watch_sees_the_kernel_kill_for_memory() {
    let Some(mut ours) = Ours::new() else { return };
    match ours.limit(r#"{"memory":{"limit":16777216,"swap":16777216}}"#) {
        Ok(()) => {}
        Err(_) if ours.0.is_unified() => return println!("SKIP: no memory controller here"),
        // Swap is not counted here.
        Err(_) => ours.0.apply(serde_json::from_str(r#"{"memory":{"limit":16777216}}"#).ok().as_ref(), Scope::Update).unwrap(),
    }
    let mut watch = ours.0.watch_oom().unwrap();
    let mut shell = Shell::within(&ours.0, "exec tail /dev/zero");
    shell.go();
    assert_eq!(watch.next(Some(Duration::from_secs(20))).unwrap(), OomEvent::Oom);
    assert_eq!(shell.0.wait().unwrap().signal(), Some(SIGKILL));
}

#[test]
fn a_delegated_cgroup_belongs_to_the_containers_root() {
    use std::os::unix::fs::MetadataExt;
    let Some(mut ours) = Ours::v2() else { return };
    ours.create();
    ours.0.delegate(4711, None).unwrap();
    let dir = &ours.paths()[0];
    let owner = |name: &str| std::fs::metadata(dir.join(name)).unwrap().uid();
    assert_eq!([owner(""), owner("cgroup.procs"), owner("cgroup.subtree_control")], [4711; 3]);
    assert_eq!(owner("cgroup.freeze"), 0);
}

/// No cgroup can be made in sysfs, not even by root: a host that refuses.
fn refusing(refusal: Refusal, path: Option<&str>) -> Placement {
    let wanted = Wanted { path, id: "rt-test", driver: CgroupDriver::Files, refusal };
    Layout::unified("/sys/kernel".into(), "/proc/self/cgroup".into()).place(&wanted).unwrap()
}

#[test]
fn a_rootless_container_without_limits_goes_without_cgroups() {
    let mut placement = refusing(Refusal::Tolerated, None);
    let created = placement.create(None).unwrap();
    assert!(placement.is_none());
    placement.apply(None, Scope::Create(&created)).unwrap();
    placement.apply(Some(&LinuxResources::default()), Scope::Create(&created)).unwrap();
    let limits: LinuxResources = serde_json::from_str(r#"{"pids":{"limit":5}}"#).unwrap();
    let error = placement.apply(Some(&limits), Scope::Create(&created)).unwrap_err().to_string();
    assert_eq!(error, "linux.resources.pids.limit: cannot set pids limit: container could not join or create cgroup");
}

#[test]
fn a_place_that_was_asked_for_is_not_gone_without() {
    assert!(refusing(Refusal::Tolerated, Some("/rt-test")).create(None).is_err());
    assert!(refusing(Refusal::Fatal, None).create(None).is_err());
}

#[test]
fn this_host_has_a_layout() {
    let layout = Layout::under(Roots::default()).unwrap();
    assert!(!layout.mounts.is_empty());
}
