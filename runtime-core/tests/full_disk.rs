//! Disks without room: what cannot be written down fails with the call, the file and `ENOSPC`, and leaves nothing; a delete needs no room.

#![allow(clippy::unwrap_used, clippy::panic)]

mod world;

use nix::mount::{MsFlags, mount, umount};
use runtime_core::{Create, Exec, Runtime};
use serde_json::json;
use std::fs::{self, File};
use std::io::Write;
use std::path::{Path, PathBuf};
use world::World;

/// A small file system of its own.
struct Disk(PathBuf);

impl Disk {
    fn new(path: &Path, options: &str) -> Self {
        fs::create_dir_all(path).unwrap();
        mount(Some("tmpfs"), path, Some("tmpfs"), MsFlags::empty(), Some(options)).unwrap();
        Self(path.to_owned())
    }

    fn names(&self) -> Vec<String> {
        let mut names: Vec<_> = fs::read_dir(&self.0).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
        names.retain(|name| !name.starts_with("filler"));
        names.sort();
        names
    }

    /// Leaves room for so many files.
    fn fill_files(&self, left: usize) {
        let count = (0..).find(|number| File::create(self.0.join(format!("filler{number}"))).is_err()).unwrap();
        (count - left.min(count)..count).for_each(|number| fs::remove_file(self.0.join(format!("filler{number}"))).unwrap());
    }

    /// Leaves room for so many pages.
    fn fill_bytes(&self, left: usize) {
        let mut filler = File::create(self.0.join("filler")).unwrap();
        let count = (0..).find(|_| filler.write_all(&[1; 4096]).is_err()).unwrap();
        filler.set_len(4096 * u64::try_from(count - left.min(count)).unwrap()).unwrap();
    }

    fn clear(&self) {
        let fillers = fs::read_dir(&self.0).unwrap().map(|entry| entry.unwrap().path());
        fillers
            .filter(|path| path.file_name().unwrap().to_str().unwrap().starts_with("filler"))
            .for_each(|path| fs::remove_file(path).unwrap());
    }
}

impl Drop for Disk {
    fn drop(&mut self) {
        umount(&self.0).unwrap();
    }
}

const FULL: &str = "no space left on device (ENOSPC)";

/// Creates with more and more room, until it succeeds. How often it did not?
fn until_there_is_room(world: &World, (runtime, disk): (&Runtime, &Disk), fill: fn(&Disk, usize)) -> usize {
    let id = world.id("full");
    let bundle = world.bundle(&id, |config| config["annotations"] = json!({"a": "x".repeat(6000)}));
    let before = world.look();
    for left in 0.. {
        fill(disk, left);
        let request = world.silent(&bundle);
        let created = runtime.create(&id, &request);
        drop(request);
        match created {
            Ok(container) => {
                fill(disk, 0);
                container.delete().map(drop).or_else(|_| runtime.delete_forced(&id).map(drop)).unwrap();
                assert_eq!(disk.names(), [""; 0]);
                disk.clear();
                return left;
            }
            Err(error) => {
                let text = error.to_string();
                assert!(text.ends_with(FULL) && text.contains(disk.0.to_str().unwrap()), "{left}: {text}");
                assert_eq!(disk.names(), [""; 0], "{left}: {text}");
                before.assert_unchanged(world, &text);
            }
        }
        disk.clear();
    }
    unreachable!()
}

#[test]
fn a_create_that_cannot_be_recorded_leaves_nothing() {
    let Some(world) = World::new() else { return };
    let disk = Disk::new(&world.dir.join("small"), "size=256k,nr_inodes=40");
    let runtime = Runtime::new(&disk.0);
    assert!(until_there_is_room(&world, (&runtime, &disk), Disk::fill_files) > 2);
    assert!(until_there_is_room(&world, (&runtime, &disk), Disk::fill_bytes) > 2);
}

#[test]
fn a_container_on_a_full_disk_runs_executes_and_goes() {
    let Some(world) = World::new() else { return };
    let disk = Disk::new(&world.dir.join("small"), "size=256k,nr_inodes=40");
    let runtime = Runtime::new(&disk.0);
    let id = world.id("full");
    let bundle = world.bundle(&id, |config| {
        config["process"]["args"] = json!(["/bin/sleep", "1000"]);
        config["annotations"] = json!({"a": "x".repeat(6000)});
        config["linux"]["resources"]["pids"] = json!({"limit": 50});
    });
    let before = world.look();
    let mut container = runtime.create(&id, &world.silent(&bundle)).unwrap();
    disk.fill_bytes(0);
    container.start().unwrap();
    let request = || Exec { stdio: [0; 3].map(|_| Some(world::null())), ..Exec::of(container.process().unwrap()) };
    let process = container.exec(&request()).unwrap();
    nix::sys::signal::kill(nix::unistd::Pid::from_raw(process.pid()), nix::sys::signal::SIGKILL).unwrap();
    process.wait().unwrap();
    let pid_file = disk.0.join("pid");
    let error = container.exec(&Exec { pid_file: Some(pid_file.clone()), ..request() }).unwrap_err().to_string();
    assert_eq!(error, format!("write {}: {FULL}", pid_file.display()));
    let limits = serde_json::from_value(json!({"pids": {"limit": 60}})).unwrap();
    let error = container.update(&limits).unwrap_err().to_string();
    assert!(error.starts_with("write ") && error.contains("state.json") && error.ends_with(FULL), "{error}");
    assert_eq!(container.stats().unwrap().pids.limit, 50);
    assert_eq!(disk.names(), [id.as_str()]);
    assert!(!disk.0.join(&id).join("state.json.next").exists());
    drop(process);
    drop(container);
    runtime.delete_forced(&id).unwrap();
    assert_eq!(disk.names(), [""; 0]);
    before.assert_unchanged(&world, "a full disk");
}

#[test]
fn a_pid_file_without_room_fails_the_create() {
    let Some(world) = World::new() else { return };
    let disk = Disk::new(&world.dir.join("small"), "size=256k,nr_inodes=40");
    let id = world.id("pid");
    let bundle = world.bundle(&id, |_| ());
    let before = world.look();
    let pid_file = disk.0.join("pid");
    for fill in [Disk::fill_files, Disk::fill_bytes] {
        fill(&disk, 0);
        let request = Create { pid_file: Some(pid_file.clone()), ..world.silent(&bundle) };
        assert_eq!(world.runtime.create(&id, &request).unwrap_err().to_string(), format!("write {}: {FULL}", pid_file.display()));
        drop(request);
        disk.clear();
        assert_eq!(disk.names(), [""; 0]);
        before.assert_unchanged(&world, "a pid file");
    }
}

#[test]
fn a_mount_point_without_room_fails_the_create() {
    let Some(world) = World::new() else { return };
    let disk = Disk::new(&world.dir.join("root"), "size=8m,nr_inodes=40");
    ["bin", "proc", "sys", "dev"].iter().for_each(|dir| fs::create_dir(disk.0.join(dir)).unwrap());
    fs::copy(world.rootfs().join("bin/busybox"), disk.0.join("bin/true")).unwrap();
    disk.fill_files(0);
    let id = world.id("points");
    let bundle = world.bundle(&id, |config| {
        config["root"] = json!({"path": disk.0});
        let mount = json!({"destination": "/not/there", "type": "tmpfs", "source": "tmpfs"});
        config["mounts"].as_array_mut().unwrap().push(mount);
    });
    let before = world.look();
    let error = world.runtime.create(&id, &world.silent(&bundle)).unwrap_err().to_string();
    assert!(error.starts_with("mounts[") && error.ends_with(&format!("/not/there: open: {FULL}")), "{error}");
    before.assert_unchanged(&world, "a mount point");
}
