//! Files that this kernel does not have: directories with plain files of their names.
//!
//! A plain file keeps what is behind the end of a shorter value, so values here are as long as what they replace, or go into empty files.

use super::super::layout::Mount;
use super::*;

/// A host of one's own, gone when the test ends.
struct Fake {
    placement: Placement,
    root: PathBuf,
}

impl Fake {
    /// A v2 cgroup with these files in it.
    fn v2(files: &[(&str, &str)]) -> Self {
        let root = Self::root();
        fill(&root.join("c"), files);
        Self { placement: place(Layout::unified(root.clone(), "/nowhere".into())), root }
    }

    /// A cgroup of these controllers, each in a v1 hierarchy of its own, with these empty files in it.
    fn v1(hierarchies: &[(&str, &[&str])]) -> Self {
        let root = Self::root();
        let mounts = hierarchies.iter().map(|(controller, files)| {
            let point = root.join(controller);
            fill(&point.join("c"), &files.iter().map(|file| (*file, "")).collect::<Vec<_>>());
            Mount { version: Version::One, controllers: vec![(*controller).into()], point, root: "/".into() }
        });
        let layout = Layout { mounts: mounts.collect(), own: "/nowhere".into() };
        Self { placement: place(layout), root }
    }

    fn root() -> PathBuf {
        static COUNT: AtomicU32 = AtomicU32::new(0);
        std::env::temp_dir().join(format!("rt-test-fake-{}-{}", std::process::id(), COUNT.fetch_add(1, Ordering::Relaxed)))
    }

    /// What every file says that says something.
    fn told(&self) -> Vec<String> {
        let mut told = Vec::new();
        for (_, dir) in self.placement.directories() {
            for entry in std::fs::read_dir(dir).unwrap().flatten() {
                let text = std::fs::read_to_string(entry.path()).unwrap();
                told.extend((!text.is_empty()).then(|| format!("{} = {text}", entry.file_name().display())));
            }
        }
        told.sort();
        told
    }

    /// The same, after an update that must succeed.
    fn after(&self, resources: &str) -> Vec<String> {
        update(&self.placement, resources).unwrap();
        self.told()
    }

    fn refusal(&self, resources: &str) -> String {
        update(&self.placement, resources).unwrap_err().to_string()
    }
}

impl Drop for Fake {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.root);
    }
}

fn fill(dir: &std::path::Path, files: &[(&str, &str)]) {
    std::fs::create_dir_all(dir).unwrap();
    files.iter().for_each(|(file, text)| std::fs::write(dir.join(file), text).unwrap());
}

fn place(layout: Layout) -> Placement {
    let wanted = Wanted { path: Some("/c"), id: "unused", driver: CgroupDriver::Files, refusal: Refusal::Fatal };
    layout.place(&wanted).unwrap()
}

#[test]
fn a_limit_with_two_names_is_written_once_to_the_one_that_is_there() {
    let resources = r#"{"blockIO":{"weight":500,"weightDevice":[{"major":8,"minor":0,"weight":300}]}}"#;
    assert_eq!(Fake::v2(&[("io.weight", "")]).after(resources), ["io.weight = 4950"]);
    assert_eq!(Fake::v2(&[("io.weight", ""), ("io.bfq.weight", "-------")]).after(resources), ["io.bfq.weight = 8:0 300"]);
    let old = Fake::v1(&[("blkio", &["blkio.weight", "blkio.weight_device"])]);
    assert_eq!(old.after(resources), ["blkio.weight = 500", "blkio.weight_device = 8:0 300"]);
    let new = Fake::v1(&[("blkio", &["blkio.bfq.weight", "blkio.bfq.weight_device"])]);
    assert_eq!(new.after(resources), ["blkio.bfq.weight = 500", "blkio.bfq.weight_device = 8:0 300"]);
}

#[test]
fn every_limit_of_v2_has_its_file() {
    let files = ["memory.max", "memory.swap.max", "memory.low", "cpu.weight", "cpu.max", "cpu.max.burst", "cpu.idle", "cpuset.cpus"];
    let more = ["cpuset.mems", "pids.max", "io.bfq.weight", "io.max", "hugetlb.2MB.max", "hugetlb.2MB.rsvd.max", "rdma.max", "memory.high"];
    let files: Vec<_> = files.into_iter().chain(more).map(|file| (file, "")).collect();
    let told = Fake::v2(&files).after(
        r#"{"memory":{"limit":100,"swap":250,"reservation":50,"swappiness":5,"kernel":5,"disableOOMKiller":true},
            "cpu":{"shares":1024,"quota":5000,"period":10000,"burst":9,"idle":0,"cpus":"0-1","mems":"0","realtimeRuntime":5},
            "pids":{"limit":0},"blockIO":{"weight":500,"leafWeight":7,"throttleReadBpsDevice":[{"major":8,"minor":0,"rate":7}]},
            "hugepageLimits":[{"pageSize":"2MB","limit":4194304}],"rdma":{"mlx5_1":{"hcaHandles":3}},"network":{"classID":5},
            "unified":{"memory.high":"90"}}"#,
    );
    let expected =
        ["cpu.idle = 0", "cpu.max = 5000 10000", "cpu.max.burst = 9", "cpu.weight = 100", "cpuset.cpus = 0-1", "cpuset.mems = 0"];
    let more = ["hugetlb.2MB.max = 4194304", "hugetlb.2MB.rsvd.max = 4194304", "io.bfq.weight = 500", "io.max = 8:0 rbps=7"];
    let last = ["memory.high = 90", "memory.low = 50", "memory.max = 100", "memory.swap.max = 150", "pids.max = 1"];
    let rdma = ["rdma.max = mlx5_1 hca_handle=3"];
    assert_eq!(told, [&expected[..], &more, &last, &rdma].concat());
}

#[test]
fn controllers_that_only_v1_has_get_their_limits() {
    let huge = ["hugetlb.1GB.limit_in_bytes", "hugetlb.1GB.rsvd.limit_in_bytes", "hugetlb.2MB.limit_in_bytes"];
    let fake = Fake::v1(&[
        ("hugetlb", &huge),
        ("net_cls", &["net_cls.classid"]),
        ("net_prio", &["net_prio.ifpriomap"]),
        ("rdma", &["rdma.max"]),
        ("cpu", &["cpu.rt_period_us", "cpu.rt_runtime_us"]),
        ("blkio", &["blkio.leaf_weight", "blkio.leaf_weight_device"]),
    ]);
    let told = fake.after(
        r#"{"hugepageLimits":[{"pageSize":"2MB","limit":0},{"pageSize":"1GB","limit":1073741824}],
            "network":{"classID":1048577,"priorities":[{"name":"eth0","priority":5}]},"rdma":{"a":{"hcaHandles":1,"hcaObjects":2}},
            "cpu":{"realtimePeriod":1000000,"realtimeRuntime":950000},
            "blockIO":{"leafWeight":5,"weightDevice":[{"major":8,"minor":0,"leafWeight":6}]}}"#,
    );
    let expected = [
        "blkio.leaf_weight = 5",
        "blkio.leaf_weight_device = 8:0 6",
        "cpu.rt_period_us = 1000000",
        "cpu.rt_runtime_us = 950000",
        "hugetlb.1GB.limit_in_bytes = 1073741824",
        "hugetlb.1GB.rsvd.limit_in_bytes = 1073741824",
        "hugetlb.2MB.limit_in_bytes = 0",
        "net_cls.classid = 1048577",
        "net_prio.ifpriomap = eth0 5",
        "rdma.max = a hca_handle=1 hca_object=2",
    ];
    assert_eq!(told, expected);
}

#[test]
fn swap_is_off_where_memory_is_all_there_is() {
    let resources = r#"{"memory":{"limit":100,"swap":100}}"#;
    assert_eq!(Fake::v2(&[("memory.max", ""), ("memory.swap.max", "")]).after(resources), ["memory.max = 100", "memory.swap.max = 0"]);
    // A kernel that does not count swap has none to forbid.
    assert_eq!(Fake::v2(&[("memory.max", "")]).after(resources), ["memory.max = 100"]);
    let limited = Fake::v2(&[("memory.max", "")]).refusal(r#"{"memory":{"limit":100,"swap":200}}"#);
    assert!(limited.starts_with("linux.resources.memory.swap: the memory controller is not available: write "), "{limited}");
}

#[test]
fn an_update_below_the_usage_is_refused_where_it_must_be_checked() {
    let fake = Fake::v2(&[("memory.max", "max"), ("memory.current", "500\n"), ("memory.swap.max", "max")]);
    assert_eq!(fake.after(r#"{"memory":{"limit":400}}"#)[1], "memory.max = 400");
    let error = fake.refusal(r#"{"memory":{"limit":300,"checkBeforeUpdate":true}}"#);
    assert_eq!(error, "linux.resources.memory: rejecting memory limit 300 <= usage 500");
    let error = fake.refusal(r#"{"memory":{"limit":300,"swap":450,"checkBeforeUpdate":true}}"#);
    assert_eq!(error, "linux.resources.memory: rejecting memory+swap limit 450 <= usage 500");
    assert_eq!(fake.told()[1..], ["memory.max = 400", "memory.swap.max = max"]);
}

#[test]
fn an_update_that_fails_has_changed_nothing() {
    let before =
        [("pids.max", "99"), ("memory.max", "900"), ("memory.low", "90"), ("io.max", "8:0 rbps=7 wbps=max"), ("cpu.max", "500 900")];
    let fake = Fake::v2(&before);
    let told = fake.told();
    let error =
        fake.refusal(r#"{"pids":{"limit":11},"memory":{"limit":100,"reservation":11},"cpu":{"quota":111,"period":222,"cpus":"0"}}"#);
    assert!(error.starts_with("linux.resources.cpu.cpus: the cpuset controller is not available: "), "{error}");
    assert_eq!(fake.told(), told);
    let error = fake.refusal(r#"{"pids":{"limit":11},"unified":{"memory.low":"11","rainbow.max":"1"}}"#);
    assert_eq!(error, r#"unified resource "rainbow.max" can't be set: controller "rainbow" not available"#);
    assert_eq!(fake.told(), told);
}

#[test]
fn a_limit_of_a_controller_that_is_not_there_says_so() {
    let fake = Fake::v2(&[]);
    let error = update(&fake.placement, r#"{"memory":{"limit":400}}"#).unwrap_err();
    assert_eq!(error.kind(), crate::ErrorKind::Unsupported);
    let expected = format!("write {}/c/memory.max: no such file or directory (ENOENT)", fake.root.display());
    assert_eq!(error.to_string(), format!("linux.resources.memory.limit: the memory controller is not available: {expected}"));
}

#[test]
fn a_file_that_an_available_controller_does_not_have_is_all_that_is_missing() {
    let fake = Fake::v2(&[("cgroup.controllers", "cpu memory pids\n")]);
    let file = |name: &str| format!("write {}/c/{name}: no such file or directory (ENOENT)", fake.root.display());
    let error = fake.refusal(r#"{"memory":{"reservation":11}}"#);
    assert_eq!(error, format!("linux.resources.memory.reservation: {}", file("memory.low")));
    let error = fake.refusal(r#"{"unified":{"memory.rainbow":"1"}}"#);
    assert_eq!(error, format!(r#"unable to set unified resource "memory.rainbow": {}"#, file("memory.rainbow")));
    let error = fake.refusal(r#"{"unified":{"cgroup.rainbow":"1"}}"#);
    assert_eq!(error, format!(r#"unable to set unified resource "cgroup.rainbow": {}"#, file("cgroup.rainbow")));
}

#[test]
fn a_controller_that_is_not_listed_is_what_is_missing() {
    let fake = Fake::v2(&[("cgroup.controllers", "cpu pids\n")]);
    let error = fake.refusal(r#"{"memory":{"reservation":11}}"#);
    assert!(error.starts_with("linux.resources.memory.reservation: the memory controller is not available: "), "{error}");
    let error = fake.refusal(r#"{"unified":{"memory.low":"1"}}"#);
    assert_eq!(error, r#"unified resource "memory.low" can't be set: controller "memory" not available"#);
}

#[test]
fn a_unified_file_has_a_name_of_the_right_form() {
    let fake = Fake::v2(&[("cgroup.controllers", "memory\n")]);
    let refusal = |name: &str| {
        let error = update(&fake.placement, &format!(r#"{{"unified":{{"{name}":"1"}}}}"#)).unwrap_err();
        (error.kind(), error.to_string())
    };
    let what = r#"unified resource "../memory.max" must be a file name (no slashes)"#;
    assert_eq!(refusal("../memory.max"), (crate::ErrorKind::InvalidConfig, what.to_owned()));
    let what = r#"unified resource "rainbow" must be in the form CONTROLLER.PARAMETER"#;
    assert_eq!(refusal("rainbow"), (crate::ErrorKind::Unsupported, what.to_owned()));
}

#[test]
fn of_unified_files_that_fail_the_first_by_name_is_told() {
    let files = ["h.x", "c.x", "e.x", "a.x", "g.x", "b.x", "f.x", "d.x"].map(|name| format!(r#""{name}":"1""#)).join(",");
    let error = Fake::v2(&[]).refusal(&format!(r#"{{"unified":{{{files}}}}}"#));
    assert_eq!(error, r#"unified resource "a.x" can't be set: controller "a" not available"#);
}

#[test]
fn each_line_of_a_unified_file_is_written_by_itself() {
    // A plain file keeps the last.
    assert_eq!(Fake::v2(&[("io.max", "")]).after(r#"{"unified":{"io.max":"8:0 rbps=1\n8:1 rbps=2"}}"#), ["io.max = 8:1 rbps=2"]);
}

#[test]
fn a_preview_is_what_would_be_written() {
    let resources = serde_json::from_str(r#"{"pids":{"limit":0},"memory":{"limit":100,"swap":200}}"#).unwrap();
    let v1 = Fake::v1(&[("memory", &["memory.limit_in_bytes"])]);
    let lines = ["memory.limit_in_bytes = \"100\"", "memory.memsw.limit_in_bytes = \"200\"", "pids.max = \"1\""];
    assert_eq!(v1.placement.preview(&resources).unwrap(), lines);
    let lines = ["pids.max = \"1\"", "memory.swap.max = \"100\"", "memory.max = \"100\""];
    assert_eq!(Fake::v2(&[]).placement.preview(&resources).unwrap(), lines);
    assert_eq!(v1.told(), [""; 0]);
}

#[test]
fn where_cgroups_are_disabled_limits_are_not_wanted() {
    let wanted = Wanted { path: Some("/c"), id: "unused", driver: CgroupDriver::Disabled, refusal: Refusal::Fatal };
    let none = Layout::unified("/nowhere".into(), "/nowhere".into()).place(&wanted).unwrap();
    update(&none, r#"{"pids":{"limit":5},"unified":{"memory.high":"1"}}"#).unwrap();
}

/// The plan counts hierarchies: one that may not be entered must not give its number to the next.
#[test]
fn a_hierarchy_that_refuses_is_struck_before_the_others_are_counted() {
    let files: &[&str] = &["cgroup.procs"];
    let fake = Fake::v1(&[("cpu", files), ("memory", files), ("pids", files)]);
    let refused = fake.root.join("memory/c/cgroup.procs");
    std::fs::remove_file(&refused).unwrap();
    // Not even root may write to this one.
    std::os::unix::fs::symlink("/sys/kernel/uevent_seqnum", &refused).unwrap();
    let rootless = Placement { refusal: Refusal::Tolerated, asked: false, ..fake.placement.clone() };
    let error = rootless.procs_files().unwrap_err().to_string();
    assert_eq!(error, format!("open {}: permission denied (EACCES)", refused.display()));
    let entered = rootless.enterable();
    let names: Vec<_> = entered.directories().map(|(controllers, _)| controllers.concat()).collect();
    assert_eq!((names, entered.procs_files().unwrap().len()), (vec!["cpu".to_owned(), "pids".to_owned()], 2));
    assert!(fake.placement.clone().enterable().procs_files().is_err(), "who asked for a place must have it");
}

#[test]
fn an_exec_that_was_refused_memory_lacked_it_as_one_that_was_killed() {
    let table = [("oom 0\noom_kill 0\n", false), ("low 1\noom 2\noom_kill 0\n", true), ("oom 0\noom_kill 1\n", true), ("", false)];
    for (events, lacked) in table {
        assert_eq!(Fake::v2(&[("memory.events", events)]).placement.lacked_memory(), lacked, "{events}");
    }
}
