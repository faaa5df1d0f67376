//! What changes under the runtime's hands: somebody who shares a volume with a container swaps directories for links while it is
//! made, and somebody inside looks at whoever comes in. Every loser of such a race has had a number: docs/security.md.

#![allow(clippy::unwrap_used, clippy::panic)]

mod world;

use nix::fcntl::{AT_FDCWD, FcntlArg, RenameFlags, SealFlag, fcntl, renameat2};
use nix::sys::stat::{Mode, SFlag, makedev, mknod};
use oci_spec::runtime::ProcessBuilder;
use runtime_core::{Create, Exec};
use serde_json::{Value, json};
use std::collections::BTreeSet;
use std::fs::{self, File};
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering::Relaxed};
use std::thread;
use world::{World, null, without_mount};

const ROUNDS: usize = 40;

/// A directory of the host's, outside of every root file system, and what a look at it must always be.
struct Outside(PathBuf);

impl Outside {
    fn new(world: &World) -> Self {
        let dir = world.dir.join("host");
        fs::create_dir_all(dir.join("below")).unwrap();
        fs::write(dir.join("secret"), "of the host").unwrap();
        Self(dir)
    }

    #[track_caller]
    fn assert_untouched(&self, what: &str) {
        let names: BTreeSet<_> = fs::read_dir(&self.0).unwrap().map(|entry| entry.unwrap().file_name()).collect();
        assert_eq!(names.into_iter().collect::<Vec<_>>(), ["below", "secret"], "{what}");
        assert_eq!(fs::read_dir(self.0.join("below")).unwrap().count(), 0, "{what}");
        assert_eq!(fs::read_to_string(self.0.join("secret")).unwrap(), "of the host", "{what}");
    }

    /// How it looks from a root file system: the way up, and the way that is right on the host.
    fn links(&self) -> [String; 2] {
        [format!("../../../../../../../..{}", self.0.display()), self.0.display().to_string()]
    }
}

/// Ends the other thread, however this one goes on.
struct Over<'a>(&'a AtomicBool);

impl Drop for Over<'_> {
    fn drop(&mut self) {
        self.0.store(true, Relaxed);
    }
}

/// Runs bundles while two names change places again and again. How many came to their end?
fn while_swapped(world: &World, names: [&Path; 2], outside: &Outside, bundle: &Path) -> usize {
    let done = AtomicBool::new(false);
    let swaps = AtomicUsize::new(0);
    let before = world.look();
    let swap = || {
        while !done.load(Relaxed) {
            renameat2(AT_FDCWD, names[0], AT_FDCWD, names[1], RenameFlags::RENAME_EXCHANGE).unwrap();
            swaps.fetch_add(1, Relaxed);
        }
    };
    let ended = thread::scope(|scope| {
        scope.spawn(swap);
        let _over = Over(&done);
        let id = world.id("swapped");
        (0..ROUNDS).filter(|_| world.run_with(&id, Create::of(bundle)).is_ok_and(|(code, out)| judged(code, &out))).count()
    });
    println!("{ended} of {ROUNDS} ran, {} swaps", swaps.load(Relaxed));
    outside.assert_untouched("swapped");
    before.assert_unchanged(world, "swapped");
    assert!(swaps.load(Relaxed) > ROUNDS && ended > 0, "nobody raced");
    ended
}

/// What a program says that finds itself deceived.
fn judged(code: i32, out: &str) -> bool {
    assert!(!out.contains("deceived"), "{out}");
    code == 0
}

fn mounts(config: &mut Value) -> &mut Vec<Value> {
    config["mounts"].as_array_mut().unwrap()
}

/// CVE-2021-30465, CVE-2024-45310.
#[test]
fn a_mount_point_that_turns_into_a_link_is_never_outside() {
    let Some(world) = World::new() else { return };
    let outside = Outside::new(&world);
    let [volume, link] = ["volume", "link"].map(|name| world.rootfs().join(name));
    for target in outside.links() {
        fs::create_dir(&volume).unwrap();
        symlink(&target, &link).unwrap();
        let bundle = world.bundle(&world.id("points"), |config| {
            config["process"]["args"] = json!(["/bin/true"]);
            config["root"]["readonly"] = json!(false);
            mounts(config).extend([
                json!({"destination": "/volume", "type": "tmpfs", "source": "tmpfs"}),
                json!({"destination": "/link/below/deep/er", "type": "tmpfs", "source": "tmpfs"}),
                json!({"destination": "/volume/below/file", "type": "bind", "source": "/etc/passwd", "options": ["bind", "ro"]}),
            ]);
        });
        while_swapped(&world, [&volume, &link], &outside, &bundle);
        // Whichever of them is the link now.
        [&volume, &link].iter().for_each(|path| drop(fs::remove_file(path).or_else(|_| fs::remove_dir_all(path))));
    }
}

/// CVE-2026-41579, CVE-2026-47766.
#[test]
fn a_dev_that_turns_into_a_link_makes_no_node_outside() {
    let Some(world) = World::new() else { return };
    let outside = Outside::new(&world);
    let [dev, link] = ["dev", "link"].map(|name| world.rootfs().join(name));
    for target in outside.links() {
        symlink(&target, &link).unwrap();
        let bundle = world.bundle(&world.id("nodes"), |config| {
            config["process"]["args"] = json!(["/bin/true"]);
            config["root"]["readonly"] = json!(false);
            without_mount(config, "/dev");
            config["linux"]["devices"] = json!([{"path": "/dev/fuse", "type": "c", "major": 10, "minor": 229}]);
        });
        while_swapped(&world, [&dev, &link], &outside, &bundle);
        if dev.is_symlink() {
            fs::rename(&link, world.rootfs().join("moved")).unwrap();
            fs::rename(&dev, &link).unwrap();
            fs::rename(world.rootfs().join("moved"), &dev).unwrap();
        }
        fs::remove_file(&link).unwrap();
    }
}

/// CVE-2019-19921, CVE-2023-27561, CVE-2023-28642, CVE-2025-52881.
#[test]
fn a_proc_that_turns_into_a_link_deceives_nobody() {
    let Some(world) = World::new() else { return };
    let outside = Outside::new(&world);
    let [proc, link] = ["proc", "link"].map(|name| world.rootfs().join(name));
    symlink("tmp", &link).unwrap();
    // It may be out of the way; where it is seen, it is what was mounted, and the paths in it are masked.
    let script = "for look in 1 2 3 4 5 6 7 8 9; do cd /proc && [ -d self ] && break; done; [ -d self ] || exit 0
        [ \"$(cat self/oom_score_adj)\" = 321 ] || echo deceived: not ours
        [ \"$(head -c 1 timer_list | wc -c)\" -eq 0 ] || echo deceived: not masked";
    let bundle = world.bundle(&world.id("proc"), |config| {
        config["process"]["args"] = json!(["/bin/sh", "-c", script]);
        config["process"]["oomScoreAdj"] = json!(321);
    });
    while_swapped(&world, [&proc, &link], &outside, &bundle);
}

/// CVE-2025-31133: it is bound over the paths to mask.
#[test]
fn a_null_device_that_turns_into_another_masks_nothing() {
    let Some(world) = World::new() else { return };
    let outside = Outside::new(&world);
    let script = "[ \"$(head -c 1 /proc/timer_list | wc -c)\" -eq 0 ] || echo deceived: that was not null";
    for other in ["zero", "link"] {
        let dev = world.dir.join(other);
        fs::create_dir(&dev).unwrap();
        for (name, minor) in [("null", 3), ("zero", 5)] {
            mknod(&dev.join(name), SFlag::S_IFCHR, Mode::from_bits_truncate(0o666), makedev(1, minor)).unwrap();
        }
        symlink("/proc/self/cmdline", dev.join("link")).unwrap();
        let bundle = world.bundle(&world.id("null"), |config| {
            config["process"]["args"] = json!(["/bin/sh", "-c", script]);
            without_mount(config, "/dev");
            mounts(config).push(json!({"destination": "/dev", "type": "bind", "source": dev, "options": ["rbind"]}));
        });
        while_swapped(&world, ["null", other].map(|name| dev.join(name)).each_ref().map(PathBuf::as_path), &outside, &bundle);
    }
}

/// openat2(2) gives up at a `..` when something is renamed meanwhile, wherever that is.
#[test]
fn a_path_that_goes_up_is_walked_whatever_is_renamed() {
    let Some(world) = World::new() else { return };
    let outside = Outside::new(&world);
    let names = ["one", "other"].map(|name| world.dir.join(name));
    names.iter().for_each(|name| fs::create_dir(name).unwrap());
    let bundle = world.bundle(&world.id("up"), |config| {
        config["process"]["args"] = json!(["/bin/true"]);
        config["process"]["cwd"] = json!(format!("{}/tmp", "/tmp/..".repeat(2)));
    });
    assert_eq!(while_swapped(&world, names.each_ref().map(PathBuf::as_path), &outside, &bundle), ROUNDS);
}

/// CVE-2016-9962, CVE-2019-5736: somebody inside waits for whoever comes in, and looks at its program, its files and its memory.
#[test]
fn nobody_inside_sees_anything_of_an_exec_but_its_program() {
    let Some(world) = World::new() else { return };
    let id = world.id("spied");
    let spy = "while :; do for process in /proc/[0-9]*; do [ $process = /proc/1 ] || ls -l $process/exe $process/cwd $process/fd; done; done 2>/dev/null";
    let bundle = world.script(&id, spy);
    let out = world.dir.join("spied");
    let file = File::create(&out).unwrap();
    let request = Create { stdio: [Some(null()), Some(file.into()), Some(null())], ..Create::of(&bundle) };
    let mut container = world.runtime.create(&id, &request).unwrap();
    container.start().unwrap();
    let _secret = File::open("/etc/passwd").unwrap();
    for _ in 0..4 * ROUNDS {
        let process = ProcessBuilder::default().args(["/bin/true".to_owned()]).cwd("/").build().unwrap();
        container.exec(&Exec { stdio: [0; 3].map(|_| Some(null())), ..Exec::of(process) }).unwrap().wait().unwrap();
    }
    world.runtime.delete_forced(&id).unwrap();
    let seen: BTreeSet<String> =
        fs::read_to_string(&out).unwrap().lines().filter_map(|line| Some(line.split_once(" -> ")?.1.to_owned())).collect();
    let of_the_container = |target: &str| ["/", "/bin/busybox", "/dev/null"].contains(&target) || target.starts_with("/proc");
    let own = out.display().to_string();
    let strange: Vec<_> = seen.iter().filter(|target| !of_the_container(target) && !target.starts_with(&own)).collect();
    assert_eq!(strange, [""; 0]);
    assert!(seen.contains("/bin/busybox"), "it saw nobody: {seen:?}");
}

/// CVE-2019-5736: whoever gets hold of the init's file, as the program of a container or as root of the host, cannot write to it.
#[test]
fn the_init_is_sealed() {
    let Some(world) = World::new() else { return };
    let id = world.id("sealed");
    let bundle = world.script(&id, "true");
    let container = world.runtime.create(&id, &world.silent(&bundle)).unwrap();
    let exe = PathBuf::from(format!("/proc/{}/exe", container.init_pid().unwrap()));
    let seals = SealFlag::from_bits_retain(fcntl(File::open(&exe).unwrap(), FcntlArg::F_GET_SEALS).unwrap());
    assert!(seals.contains(SealFlag::F_SEAL_SEAL | SealFlag::F_SEAL_WRITE | SealFlag::F_SEAL_GROW | SealFlag::F_SEAL_SHRINK), "{seals:?}");
    assert!(File::options().write(true).open(&exe).is_err());
    container.delete().unwrap();

    // A program that is the init itself finds no plan, and does nothing.
    let bundle = world.bundle(&id, |config| config["process"]["args"] = json!(["/proc/self/exe", "3"]));
    let before = world.look();
    let ran = world.run_with(&id, Create::of(&bundle));
    assert!(!matches!(ran, Ok((0, _))), "{ran:?}");
    before.assert_unchanged(&world, "a program that is the init");
}
