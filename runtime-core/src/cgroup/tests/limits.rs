//! `linux.resources`, read back from the kernel's own files.

use super::*;

#[test]
fn v1_limits_are_what_was_asked_for() {
    let Some(mut ours) = Ours::v1() else { return };
    ours.limit(
        r#"{"memory":{"limit":67108864,"reservation":33554432,"swappiness":10},"pids":{"limit":20},
            "cpu":{"shares":512,"quota":50000,"period":100000,"burst":1000,"cpus":"0","mems":"0"}}"#,
    )
    .unwrap();
    assert_eq!(ours.read("memory", "memory.limit_in_bytes"), "67108864");
    assert_eq!(ours.read("memory", "memory.soft_limit_in_bytes"), "33554432");
    assert_eq!(ours.read("memory", "memory.swappiness"), "10");
    assert_eq!(ours.read("pids", "pids.max"), "20");
    assert_eq!(ours.read("cpu", "cpu.shares"), "512");
    assert_eq!(ours.read("cpu", "cpu.cfs_quota_us"), "50000");
    assert_eq!(ours.read("cpuset", "cpuset.cpus"), "0");
    // Before Linux 5.14 there is no burst, and it is not missed.
    let burst = ours.0.dir("cpu").unwrap().join("cpu.cfs_burst_us");
    assert!(!burst.exists() || ours.read("cpu", "cpu.cfs_burst_us") == "1000");
    let update: LinuxResources =
        serde_json::from_str(r#"{"memory":{"limit":-1},"pids":{"limit":-1},"cpu":{"quota":5000,"period":10000}}"#).unwrap();
    ours.0.apply(Some(&update), Scope::Update).unwrap();
    assert_eq!(ours.read("pids", "pids.max"), "max");
    assert_eq!(ours.read("cpu", "cpu.cfs_period_us"), "10000");
    assert_ne!(ours.read("memory", "memory.limit_in_bytes"), "67108864");
}

#[test]
fn v1_memory_and_swap_grow_and_shrink_together() {
    let Some(mut ours) = Ours::v1() else { return };
    ours.create();
    if !ours.0.dir("memory").unwrap().join("memory.memsw.limit_in_bytes").exists() {
        return println!("SKIP: swap is not counted");
    }
    for (limit, swap) in [(32, 64), (128, 256), (16, 16), (16, -1), (64, 64)] {
        let swap = if swap < 0 { swap } else { swap << 20 };
        update(&ours.0, &format!(r#"{{"memory":{{"limit":{},"swap":{swap}}}}}"#, limit << 20)).unwrap();
        assert_eq!(ours.read("memory", "memory.limit_in_bytes"), (limit << 20).to_string());
        assert!(swap < 0 || ours.read("memory", "memory.memsw.limit_in_bytes") == swap.to_string());
    }
}

#[test]
fn a_v1_update_that_fails_has_changed_nothing() {
    let Some(mut ours) = Ours::v1() else { return };
    ours.limit(r#"{"memory":{"limit":67108864},"cpu":{"shares":100,"quota":50000,"period":100000,"cpus":"0"}}"#).unwrap();
    let told = |ours: &Ours| {
        let memory = ours.read("memory", "memory.limit_in_bytes");
        [memory, ours.read("cpu", "cpu.shares"), ours.read("cpu", "cpu.cfs_quota_us"), ours.read("cpuset", "cpuset.cpus")]
    };
    let before = told(&ours);
    let error = update(&ours.0, r#"{"cpu":{"cpus":"0-1","shares":300,"quota":10},"memory":{"limit":80000000}}"#).unwrap_err();
    assert!(error.to_string().starts_with("linux.resources.cpu.quota: write /sys/fs/cgroup/cpu"), "{error}");
    assert_eq!(told(&ours), before);
}

#[test]
fn a_v1_limit_below_what_is_in_use_tells_how_much_that_is() {
    let Some(mut ours) = Ours::v1() else { return };
    ours.create();
    // What was charged before stays charged to whom it was: only a program that is started inside uses anything.
    let mut shell = Shell::within(&ours.0, "exec sleep 60");
    shell.go();
    assert!(eventually(|| ours.read("memory", "memory.usage_in_bytes").parse::<u64>().unwrap() > 4 * 4096));
    let error = update(&ours.0, r#"{"memory":{"limit":4096}}"#).unwrap_err().to_string();
    assert!(error.starts_with("linux.resources.memory.limit: unable to set memory limit to 4096 (current usage: "), "{error}");
    assert!(error.contains(", peak usage: "), "{error}");
}

#[test]
fn v1_throttles_are_set_for_each_device_and_taken_away() {
    let Some(mut ours) = Ours::v1() else { return };
    let Some(device) = block_device() else { return println!("SKIP: no block device") };
    let (major, minor) = device.split_once(':').unwrap();
    let throttle = |key: &str, rate: u64| format!(r#""{key}":[{{"major":{major},"minor":{minor},"rate":{rate}}}]"#);
    let all = |rate| {
        let keys = ["throttleReadBpsDevice", "throttleWriteBpsDevice", "throttleReadIOPSDevice", "throttleWriteIOPSDevice"];
        format!(r#"{{"blockIO":{{{}}}}}"#, keys.map(|key| throttle(key, rate)).join(","))
    };
    let told = |ours: &Ours| {
        ["read_bps", "write_bps", "read_iops", "write_iops"].map(|name| ours.read("blkio", &format!("blkio.throttle.{name}_device")))
    };
    ours.limit(&all(10_485_760)).unwrap();
    assert_eq!(told(&ours), [(); 4].map(|()| format!("{device} 10485760")));
    let mut failing: LinuxResources = serde_json::from_str(&all(7)).unwrap();
    failing.set_hugepage_limits(serde_json::from_str(r#"[{"pageSize":"2MB","limit":0}]"#).unwrap());
    ours.0.apply(Some(&failing), Scope::Update).unwrap_err();
    assert_eq!(told(&ours), [(); 4].map(|()| format!("{device} 10485760")));
    update(&ours.0, &all(0)).unwrap();
    assert_eq!(told(&ours), [""; 4]);
    ours.0.apply(Some(&failing), Scope::Update).unwrap_err();
    assert_eq!(told(&ours), [""; 4]);
}

/// `major:minor` of one that can be throttled.
fn block_device() -> Option<String> {
    let devices = std::fs::read_dir("/sys/block").ok()?.flatten();
    let number = |entry: std::fs::DirEntry| std::fs::read_to_string(entry.path().join("dev")).ok();
    devices.filter_map(number).map(|number| number.trim().to_owned()).min()
}

/// cpu.cfs_burst_us is at most the quota, and is written before it.
#[test]
fn a_v1_burst_that_only_fits_the_new_quota_is_set_after_it() {
    let Some(mut ours) = Ours::v1() else { return };
    ours.limit(r#"{"cpu":{"quota":5000,"period":100000}}"#).unwrap();
    if !ours.0.dir("cpu").unwrap().join("cpu.cfs_burst_us").exists() {
        return println!("SKIP: this kernel has no burst");
    }
    update(&ours.0, r#"{"cpu":{"quota":50000,"period":100000,"burst":20000}}"#).unwrap();
    assert_eq!((ours.read("cpu", "cpu.cfs_quota_us"), ours.read("cpu", "cpu.cfs_burst_us")), ("50000".into(), "20000".into()));
    let error = update(&ours.0, r#"{"cpu":{"quota":50000,"period":100000,"burst":60000}}"#).unwrap_err().to_string();
    assert!(error.starts_with("linux.resources.cpu.burst: write /") && error.ends_with("(EINVAL)"), "{error}");
}

#[test]
fn v1_memory_has_its_other_switches() {
    let Some(mut ours) = Ours::v1() else { return };
    ours.limit(r#"{"memory":{"limit":67108864,"swappiness":0,"disableOOMKiller":true,"useHierarchy":true,"kernel":1,"kernelTCP":1}}"#)
        .unwrap();
    assert_eq!(ours.read("memory", "memory.swappiness"), "0");
    assert!(ours.read("memory", "memory.oom_control").starts_with("oom_kill_disable 1"));
    assert_eq!(ours.read("memory", "memory.use_hierarchy"), "1");
}

#[test]
fn v1_pids_and_cpu_take_their_least_and_their_none() {
    let Some(mut ours) = Ours::v1() else { return };
    for (limit, told) in [(0, "1"), (1, "1"), (-1, "max"), (7, "7")] {
        ours.limit(&format!(r#"{{"pids":{{"limit":{limit}}}}}"#)).unwrap();
        assert_eq!(ours.read("pids", "pids.max"), told);
    }
    if ours.0.dir("cpu").unwrap().join("cpu.idle").exists() {
        update(&ours.0, r#"{"cpu":{"idle":1}}"#).unwrap();
        assert_eq!(ours.read("cpu", "cpu.idle"), "1");
    }
    update(&ours.0, r#"{"cpu":{"quota":5000,"period":10000}}"#).unwrap();
    update(&ours.0, r#"{"cpu":{"quota":-1,"period":100000}}"#).unwrap();
    assert_eq!((ours.read("cpu", "cpu.cfs_quota_us"), ours.read("cpu", "cpu.cfs_period_us")), ("-1".into(), "100000".into()));
}

#[test]
fn a_v1_cpuset_and_its_new_parents_have_what_is_above_them() {
    let Some(first) = Ours::v1() else { return };
    let name = first.paths()[0].file_name().unwrap().to_str().unwrap().to_owned();
    let mut ours = Ours::at(&format!("/{name}/a/b")).unwrap();
    ours.create();
    let top = |file: &str| std::fs::read_to_string(format!("/sys/fs/cgroup/cpuset/{file}")).unwrap().trim().to_owned();
    for file in ["cpuset.cpus", "cpuset.mems"] {
        let dir = ours.0.dir("cpuset").unwrap();
        let told: Vec<_> = dir.ancestors().take(3).map(|dir| std::fs::read_to_string(dir.join(file)).unwrap()).collect();
        assert!(told.iter().all(|told| told.trim() == top(file)), "{file}: {told:?}");
    }
    drop(ours);
    first.0.remove().unwrap();
}

#[test]
fn a_v1_limit_that_fails_names_its_property_and_file() {
    let Some(mut ours) = Ours::v1() else { return };
    let error = ours.limit(r#"{"cpu":{"cpus":"4000"}}"#).unwrap_err().to_string();
    assert!(error.starts_with("linux.resources.cpu.cpus: write /sys/fs/cgroup/cpuset/rt-test-"), "{error}");
    if !ours.0.dir("blkio").unwrap().join("blkio.leaf_weight").exists() {
        let error = ours.limit(r#"{"blockIO":{"leafWeight":100}}"#).unwrap_err().to_string();
        assert!(error.starts_with("linux.resources.blockIO.leafWeight: write /sys/fs/cgroup/blkio/rt-test-"), "{error}");
    }
    let error = ours.limit(r#"{"hugepageLimits":[{"pageSize":"2MB","limit":0}]}"#).unwrap_err().to_string();
    assert!(error.contains("cannot set hugetlb limit: container could not join or create cgroup"), "{error}");
}

#[test]
fn a_v2_limit_goes_through_every_ancestor() {
    let Some(first) = Ours::v2() else { return };
    let name = first.paths()[0].file_name().unwrap().to_str().unwrap().to_owned();
    let mut ours = Ours::at(&format!("/{name}/a/b")).unwrap();
    let all = std::fs::read_to_string("/sys/fs/cgroup/cgroup.controllers").unwrap();
    ours.create();
    assert_eq!(ours.read("cgroup", "cgroup.controllers"), all.trim());
    drop(ours);
    first.0.remove().unwrap();
}

#[test]
fn a_v2_limit_is_what_was_asked_for() {
    let Some(mut ours) = Ours::v2() else { return };
    let all = std::fs::read_to_string("/sys/fs/cgroup/cgroup.controllers").unwrap();
    let cases = [
        ("memory", r#"{"memory":{"limit":67108864,"swap":67108864}}"#, "memory.max", "67108864"),
        ("pids", r#"{"pids":{"limit":0}}"#, "pids.max", "1"),
        ("cpu", r#"{"cpu":{"shares":1024,"quota":5000,"period":10000}}"#, "cpu.max", "5000 10000"),
        ("hugetlb", r#"{"hugepageLimits":[{"pageSize":"2MB","limit":4194304}]}"#, "hugetlb.2MB.max", "4194304"),
        ("hugetlb", r#"{"unified":{"hugetlb.2MB.max":"2097152"}}"#, "hugetlb.2MB.max", "2097152"),
    ];
    for (controller, resources, name, expected) in cases {
        match (all.split_whitespace().any(|one| one == controller), ours.limit(resources)) {
            (true, done) => {
                done.unwrap();
                assert_eq!(ours.read(controller, name), expected);
            }
            (false, done) => {
                let error = done.unwrap_err().to_string();
                assert!(error.contains(&format!("the {controller} controller is not available")), "{error}");
            }
        }
    }
}

#[test]
fn a_unified_file_says_which_controller_it_lacks() {
    let Some(mut ours) = Ours::v2() else { return };
    let error = ours.limit(r#"{"unified":{"rainbow.max":"1"}}"#).unwrap_err().to_string();
    assert_eq!(error, r#"unified resource "rainbow.max" can't be set: controller "rainbow" not available"#);
    let error = ours.limit(r#"{"unified":{"../x":"1"}}"#).unwrap_err().to_string();
    assert_eq!(error, r#"unified resource "../x" must be a file name (no slashes)"#);
}
