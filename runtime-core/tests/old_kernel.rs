//! Linux 5.10 has no `mount_setattr(2)`. What a container sees must not depend on which of the two ways made it.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a test that cannot go on has failed")]

mod world;

use runtime_core::{Create, ErrorKind};
use serde_json::{Value, json};
use std::path::Path;
use world::World;

const OLD: Option<(u32, u32)> = Some((5, 10));

/// What the container's mounts are, without the numbers that are new each time.
fn seen(world: &World, bundle: &Path, kernel: Option<(u32, u32)>) -> String {
    let name = if kernel.is_some() { "old" } else { "new" };
    let (code, text) = world.run_with(&world.id(name), Create { kernel, ..Create::of(bundle) }).unwrap();
    assert_eq!(code, 0, "{text}");
    text.lines().map(without_numbers).collect::<Vec<_>>().join("\n")
}

fn without_numbers(line: &str) -> String {
    let kept = line.split(' ').skip(3).map(|field| field.split_once(':').map_or(field, |(word, _)| word));
    kept.collect::<Vec<_>>().join(" ").replace(&*world_prefix(line), "")
}

/// Cgroups are named after the container, whose name differs.
fn world_prefix(line: &str) -> String {
    line.split_once("runtime-core-").map_or_else(|| "\0".into(), |(_, rest)| rest.split([' ', '/']).next().unwrap_or_default().to_owned())
}

fn check(world: &World, name: &str, change: impl FnOnce(&mut Value)) {
    let bundle = world.bundle(&world.id(name), |config| {
        config["process"]["args"] = json!(["cat", "/proc/self/mountinfo"]);
        change(config);
    });
    let plan = world.runtime.plan(name, &Create { kernel: OLD, ..Create::of(&bundle) }).unwrap();
    assert!(!plan.contains("set-attr"), "{plan}");
    let (new, old) = (seen(world, &bundle, None), seen(world, &bundle, OLD));
    assert!(new.contains("/proc"), "{new}");
    same(name, &new, &old);
}

fn same(name: &str, new: &str, old: &str) {
    let only =
        |these: &str, those: &str| these.lines().filter(|line| !those.lines().any(|other| other == *line)).collect::<Vec<_>>().join("\n");
    assert!(new == old, "{name}: only by mount_setattr:\n{}\nonly by mount:\n{}", only(new, old), only(old, new));
}

fn mounts(options: &[&[&str]], kind: &str, source: &Path) -> Vec<Value> {
    let one =
        |(at, options): (usize, &&[&str])| json!({"destination": format!("/m{at}"), "type": kind, "source": source, "options": options});
    options.iter().enumerate().map(one).collect()
}

fn add(config: &mut Value, mounts: Vec<Value>) {
    config["mounts"].as_array_mut().unwrap().extend(mounts);
}

const FLAGS: [&[&str]; 13] = [
    &["ro"],
    &["ro", "nosuid", "nodev", "noexec"],
    &["noatime"],
    &["strictatime"],
    &["relatime"],
    &["nodiratime"],
    &["nosuid", "suid"],
    &["nosymfollow"],
    &["nosymfollow", "noexec", "slave"],
    &["slave"],
    &["rprivate", "ro"],
    &["unbindable"],
    &["rshared"],
];

#[test]
fn flags_of_binds_and_of_new_mounts_are_the_same() {
    let Some(world) = World::new() else { return };
    let source = world.dir.join("source");
    std::fs::create_dir(&source).unwrap();
    let binds: Vec<Vec<&str>> = FLAGS.iter().map(|flags| [&["bind"], *flags].concat()).collect();
    let binds: Vec<&[&str]> = binds.iter().map(Vec::as_slice).collect();
    check(&world, "binds", |config| add(config, mounts(&binds, "none", &source)));
    check(&world, "tmpfs", |config| add(config, mounts(&FLAGS, "tmpfs", Path::new("tmpfs"))));
}

#[test]
fn a_file_is_bound_read_only() {
    let Some(world) = World::new() else { return };
    let source = world.dir.join("file");
    std::fs::write(&source, "").unwrap();
    check(&world, "file", |config| add(config, mounts(&[&["bind", "ro"], &["rbind", "noexec"]], "none", &source)));
}

#[test]
fn remounts_and_paths_that_are_sealed_late_are_the_same() {
    let Some(world) = World::new() else { return };
    check(&world, "late", |config| {
        config["linux"]["readonlyPaths"] = json!(["/proc/sys", "/proc/version", "/bin", "/missing"]);
        config["linux"]["maskedPaths"] = json!(["/proc/keys", "/proc/tty"]);
        add(
            config,
            vec![
                json!({"destination": "/etc", "type": "tmpfs", "source": "tmpfs", "options": ["tmpcopyup", "ro"]}),
                json!({"destination": "/etc", "options": ["remount", "bind", "nosuid"]}),
                json!({"destination": "/dev/shm", "options": ["remount", "size=1m"]}),
                json!({"destination": "/dev/mqueue", "options": ["remount", "bind", "noatime"]}),
                json!({"destination": "/dev/mqueue", "options": ["remount", "bind", "relatime"]}),
            ],
        );
    });
}

#[test]
fn a_user_namespace_gets_the_same() {
    let Some(world) = World::new() else { return };
    let map = json!([{"containerID": 0, "hostID": 100_000, "size": 65536}]);
    // Its root may not make them in an image that is another's.
    for at in ["m0", "m1"] {
        std::fs::create_dir(world.rootfs().join(at)).unwrap();
    }
    for (name, change) in [("rw", json!(false)), ("ro", json!(true))] {
        check(&world, name, |config| {
            config["root"]["readonly"] = change;
            config["linux"]["namespaces"].as_array_mut().unwrap().push(json!({"type": "user"}));
            (config["linux"]["uidMappings"], config["linux"]["gidMappings"]) = (map.clone(), map.clone());
            add(config, mounts(&[&["bind", "ro"], &["bind", "nosuid", "noexec"]], "none", Path::new("/usr")));
        });
    }
}

#[test]
fn a_root_that_shares_or_hides_its_mounts_is_the_same() {
    let Some(world) = World::new() else { return };
    for propagation in ["shared", "rslave", "private", "unbindable"] {
        check(&world, propagation, |config| config["linux"]["rootfsPropagation"] = json!(propagation));
    }
}

#[test]
fn what_only_mount_setattr_can_do_is_refused_by_name() {
    let Some(world) = World::new() else { return };
    let id = world.id("refused");
    for (option, words) in [("rro", "a recursive option"), ("idmap", "an id-mapped mount")] {
        let bundle = world.bundle(&id, |config| {
            let mut mount = json!({"destination": "/data", "source": "/usr", "options": ["rbind", option]});
            if option == "idmap" {
                let map = json!([{"containerID": 0, "hostID": 1000, "size": 1}]);
                (mount["uidMappings"], mount["gidMappings"]) = (map.clone(), map);
            }
            add(config, vec![mount]);
        });
        let error = world.runtime.create(&id, &Create { kernel: OLD, ..Create::of(&bundle) }).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Unsupported);
        assert!(error.to_string().contains(&format!("/data: {words} needs mount_setattr(2), Linux 5.14")), "{error}");
    }
}
