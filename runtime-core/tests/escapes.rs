//! What an image, a config or a program tries against the host. Each case is an attack that some runtime has fallen for.

#![allow(clippy::unwrap_used, clippy::panic)]

mod world;

use nix::fcntl::{FcntlArg, fcntl};
use nix::unistd::dup;
use oci_spec::runtime::ProcessBuilder;
use runtime_core::{Container, Create, ErrorKind, Exec, Terminal};
use serde_json::json;
use std::collections::BTreeSet;
use std::fs::{self, File};
use std::os::fd::{AsRawFd, OwnedFd};
use std::os::unix::fs::{FileExt, symlink};
use std::path::{Path, PathBuf};
use std::process::Command;
use world::{World, null, until, without_mount};

/// A directory of the host's with a file in it, outside of every root file system.
fn host_directory(world: &World) -> PathBuf {
    let dir = world.dir.join("host");
    fs::create_dir_all(&dir).unwrap();
    fs::write(dir.join("secret"), "of the host").unwrap();
    fs::write(dir.join("null"), "not a device").unwrap();
    dir
}

fn names(dir: &Path) -> BTreeSet<String> {
    fs::read_dir(dir).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect()
}

fn replace_by_link(path: &Path, target: impl AsRef<Path>) {
    let _ = fs::remove_dir_all(path);
    symlink(target, path).unwrap();
}

fn parked(world: &World, id: &str) -> Container {
    let bundle = world.script(id, "exec sleep 1000");
    world.runtime.create(id, &world.silent(&bundle)).unwrap()
}

#[test]
fn a_dev_that_is_a_link_to_the_host_changes_nothing_there() {
    let Some(world) = World::new() else { return };
    let host = host_directory(&world);
    let before = names(&host);
    let climbing = format!("../../../../../../../..{}", host.display());
    for (case, target) in [host.display().to_string(), climbing, "/proc/self/cwd".into(), "/proc/1/root/tmp".into()].into_iter().enumerate()
    {
        for keep_mounts in [true, false] {
            replace_by_link(&world.rootfs().join("dev"), &target);
            let id = world.id(&format!("dev{case}{keep_mounts}"));
            let bundle = world.bundle(&id, |config| {
                // A root that can be written to, with and without a /dev that is mounted.
                config["root"]["readonly"] = json!(false);
                if !keep_mounts {
                    without_mount(config, "/dev");
                }
            });
            let traces = world.look();
            let _ = world.run_with(&id, Create::of(&bundle));
            assert_eq!(names(&host), before, "{target}");
            assert_eq!(fs::read_to_string(host.join("null")).unwrap(), "not a device");
            traces.assert_unchanged(&world, &target);
        }
    }
}

#[test]
fn a_proc_or_sys_that_is_a_link_is_refused() {
    let Some(world) = World::new() else { return };
    for name in ["proc", "sys"] {
        let path = world.rootfs().join(name);
        for target in ["tmp", "/tmp", ".", "/"] {
            replace_by_link(&path, target);
            let id = world.id(name);
            let bundle = world.script(&id, "true");
            let traces = world.look();
            let error = world.run(&id, &bundle).unwrap_err();
            assert!(error.to_string().contains(&format!(" /{name}: ")), "{error}");
            traces.assert_unchanged(&world, target);
        }
        fs::remove_file(&path).unwrap();
        fs::create_dir(&path).unwrap();
    }
}

/// What it is, and how it is put there.
type Forgery = (&'static str, fn(&Path));

#[test]
fn what_masks_a_path_must_be_the_null_device() {
    let Some(world) = World::new() else { return };
    let dev = world.dir.join("dev");
    let forge: [Forgery; 4] = [
        ("a file", |null| fs::write(null, "").unwrap()),
        ("a link", |null| symlink("/etc/passwd", null).unwrap()),
        ("a directory", |null| fs::create_dir(null).unwrap()),
        ("another device", |null| symlink("/dev/zero", null).unwrap()),
    ];
    for (what, make) in forge {
        let _ = fs::remove_dir_all(&dev);
        fs::create_dir(&dev).unwrap();
        let zero = nix::sys::stat::makedev(1, 5);
        let mode = nix::sys::stat::Mode::from_bits_truncate(0o666);
        nix::sys::stat::mknod(&dev.join("zero"), nix::sys::stat::SFlag::S_IFCHR, mode, zero).unwrap();
        make(&dev.join("null"));
        let id = world.id("null");
        let bundle = world.bundle(&id, |config| {
            without_mount(config, "/dev");
            let bind = json!({"destination": "/dev", "type": "bind", "source": dev, "options": ["rbind"]});
            config["mounts"].as_array_mut().unwrap().push(bind);
        });
        let traces = world.look();
        let error = world.run(&id, &bundle).expect_err(what);
        assert!(error.to_string().starts_with("/dev/null: open: "), "{what}: {error}");
        traces.assert_unchanged(&world, what);
    }
}

#[test]
fn a_terminal_must_be_of_a_devpts() {
    let Some(world) = World::new() else { return };
    let dev = world.dir.join("dev");
    let host = host_directory(&world);
    let forge: [Forgery; 3] = [
        ("a file", |multiplexer| fs::write(multiplexer, "").unwrap()),
        ("the host's", |multiplexer| symlink("/dev/pts/ptmx", multiplexer).unwrap()),
        ("another device", |multiplexer| {
            let mode = nix::sys::stat::Mode::from_bits_truncate(0o666);
            nix::sys::stat::mknod(multiplexer, nix::sys::stat::SFlag::S_IFCHR, mode, nix::sys::stat::makedev(1, 5)).unwrap();
        }),
    ];
    let socket = world.dir.join("console");
    let _holder = std::os::unix::net::UnixListener::bind(&socket).unwrap();
    for (what, make) in forge {
        let _ = fs::remove_dir_all(&dev);
        fs::create_dir_all(dev.join("pts")).unwrap();
        make(&dev.join("pts/ptmx"));
        symlink(host.join("secret"), dev.join("console")).unwrap();
        let id = world.id("terminal");
        let bundle = world.bundle(&id, |config| {
            without_mount(config, "/dev");
            config["process"]["terminal"] = json!(true);
            config["linux"]["maskedPaths"] = json!([]);
            let bind = json!({"destination": "/dev", "type": "bind", "source": dev, "options": ["rbind"]});
            config["mounts"].as_array_mut().unwrap().push(bind);
        });
        let traces = world.look();
        let request = Create { terminal: Terminal::Socket(socket.clone()), ..Create::of(&bundle) };
        let error = world.runtime.create(&id, &request).expect_err(what);
        assert!(error.to_string().contains("open a terminal"), "{what}: {error}");
        traces.assert_unchanged(&world, what);
    }
}

#[test]
fn a_mount_point_behind_a_link_that_climbs_out_is_inside() {
    let Some(world) = World::new() else { return };
    let host = host_directory(&world);
    let before = names(&host);
    let inside = host.strip_prefix("/").unwrap();
    symlink(format!("../../../../../..{}", host.display()), world.rootfs().join("climb")).unwrap();
    let mount = json!({"destination": "/climb/below", "type": "tmpfs", "source": "tmpfs"});
    let id = world.id("climb");
    let bundle = world.bundle(&id, |config| {
        config["process"]["args"] = json!(["/bin/grep", "below", "/proc/self/mountinfo"]);
        config["mounts"].as_array_mut().unwrap().push(mount);
    });
    // Where the link leads to is not there, as the container sees it.
    let traces = world.look();
    let first = world.run(&id, &bundle);
    assert_eq!(names(&host), before, "{first:?}");
    traces.assert_unchanged(&world, "a dangling link");
    // Now it is.
    fs::create_dir_all(world.rootfs().join(inside)).unwrap();
    let (code, out) = world.run(&id, &bundle).unwrap();
    assert_eq!((code, out.lines().count()), (0, 1), "{out}");
    assert!(out.contains(&format!(" {}/below ", host.display())), "{out}");
    assert_eq!(names(&host), before);
    assert!(world.rootfs().join(inside).join("below").is_dir());
    traces.assert_unchanged(&world, "a link to the inside");
}

#[test]
fn no_working_directory_is_outside() {
    let Some(world) = World::new() else { return };
    let host = host_directory(&world);
    for number in 0..24 {
        let id = world.id(&format!("cwd{number}"));
        for cwd in [format!("/proc/self/fd/{number}"), format!("/proc/self/fd/{number}/..")] {
            let bundle = world.bundle(&id, |config| {
                config["process"]["args"] = json!(["/bin/cat", "secret"]);
                config["process"]["cwd"] = json!(cwd);
            });
            let _open: OwnedFd = File::open(&host).unwrap().into();
            let stdin = [Some(OwnedFd::from(File::open(&host).unwrap())), None, None];
            if let Ok((code, out)) = world.run_with(&id, Create { stdio: stdin, ..Create::of(&bundle) }) {
                assert!(code != 0 && !out.contains("of the host"), "{cwd}: {out}");
            }
        }
    }
}

#[test]
fn no_working_directory_of_another_process_is_outside() {
    let Some(world) = World::new() else { return };
    let host = host_directory(&world);
    let id = world.id("cwd");
    let mut container = parked(&world, &id);
    container.start().unwrap();
    for number in 0..24 {
        let process = ProcessBuilder::default()
            .args(["/bin/cat".to_owned(), "secret".into()])
            .cwd(format!("/proc/self/fd/{number}"))
            .build()
            .unwrap();
        let out = world.dir.join("out");
        let file = File::create(&out).unwrap();
        let stdio = [Some(File::open(&host).unwrap().into()), Some(file.try_clone().unwrap().into()), Some(file.into())];
        if let Ok(process) = container.exec(&Exec { stdio, ..Exec::of(process) }) {
            let code = process.wait().unwrap().code();
            let said = fs::read_to_string(&out).unwrap();
            assert!(code != 0 && !said.contains("of the host"), "{number}: {said}");
        }
    }
    world.runtime.delete_forced(&id).unwrap();
}

/// Descriptors as a careless program has them: not close-on-exec, with gaps.
fn careless() -> Vec<OwnedFd> {
    let secret = File::open("/etc/passwd").unwrap();
    let mut open: Vec<OwnedFd> = (0..60).map(|_| dup(&secret).unwrap()).collect();
    open.retain(|fd| fd.as_raw_fd() % 3 != 0);
    open
}

#[test]
fn a_program_has_three_descriptors_whatever_the_caller_has_open() {
    let Some(world) = World::new() else { return };
    let open = careless();
    let far = fcntl(&open[0], FcntlArg::F_DUPFD(900)).unwrap();
    let id = world.id("three");
    let bundle = world.script(&id, "ls /proc/1/fd; true");
    let (code, out) = world.run(&id, &bundle).unwrap();
    assert_eq!((code, out.as_str()), (0, "0\n1\n2\n"));

    let mut container = parked(&world, &id);
    container.start().unwrap();
    let out = world.dir.join("out");
    let file = File::create(&out).unwrap();
    let args = ["/bin/sh", "-c", "ls /proc/$$/fd; true"].map(str::to_owned);
    let process = ProcessBuilder::default().args(args).cwd("/").build().unwrap();
    let stdio = [Some(null()), Some(file.try_clone().unwrap().into()), Some(file.into())];
    let process = container.exec(&Exec { stdio, ..Exec::of(process) }).unwrap();
    assert_eq!(process.wait().unwrap().code(), 0);
    assert_eq!(fs::read_to_string(&out).unwrap(), "0\n1\n2\n");
    world.runtime.delete_forced(&id).unwrap();
    nix::unistd::close(far).unwrap();
}

/// What [`preserved_descriptors_are_the_callers_or_an_error`] runs in a process that has 3 and 4 open, and 5 not.
#[test]
#[ignore = "a part of another test"]
fn with_two_descriptors() {
    let world = World::new().unwrap();
    for (count, expected) in [(0, Some("0\n1\n2\n")), (1, Some("0\n1\n2\n3\n")), (2, Some("0\n1\n2\n3\n4\n")), (3, None), (1000, None)] {
        let id = world.id(&format!("preserve{count}"));
        let bundle = world.script(&id, "ls /proc/1/fd; true");
        match (world.run_with(&id, Create { preserve_fds: count, ..Create::of(&bundle) }), expected) {
            (Ok((0, out)), Some(expected)) => assert_eq!(out, expected),
            (Err(error), None) => assert_eq!(error.kind(), ErrorKind::InvalidConfig, "{error}"),
            (other, _) => panic!("{count}: {other:?}"),
        }
    }
    let id = world.id("content");
    let bundle = world.script(&id, "cat <&4");
    let (_, out) = world.run_with(&id, Create { preserve_fds: 2, ..Create::of(&bundle) }).unwrap();
    assert_eq!(out, "four");
}

#[test]
fn preserved_descriptors_are_the_callers_or_an_error() {
    let Some(world) = World::new() else { return };
    fs::write(world.dir.join("three"), "three").unwrap();
    fs::write(world.dir.join("four"), "four").unwrap();
    let script = "exec 3<three 4<four; exec \"$0\" --ignored --exact with_two_descriptors";
    let this = std::env::current_exe().unwrap();
    let run = Command::new("/bin/sh").args(["-c", script]).arg(this).current_dir(&world.dir).output().unwrap();
    assert!(run.status.success(), "{}", String::from_utf8_lossy(&run.stdout));
    assert!(String::from_utf8_lossy(&run.stdout).contains("1 passed"));
}

/// What a process has open that is not on one of its own mounts.
fn of_the_host(proc: &Path) -> Vec<String> {
    let mountinfo = fs::read_to_string(proc.join("mountinfo")).unwrap();
    let own: BTreeSet<&str> = mountinfo.lines().filter_map(|line| line.split(' ').next()).collect();
    let foreign = names(&proc.join("fd")).into_iter().filter(|fd| {
        // One that was closed meanwhile is nothing it has open.
        let Ok(info) = fs::read_to_string(proc.join("fdinfo").join(fd)) else { return false };
        info.lines().find_map(|line| line.strip_prefix("mnt_id:")).is_none_or(|id| !own.contains(id.trim()))
    });
    foreign.filter_map(|fd| fs::read_link(proc.join("fd").join(fd)).ok()).map(|target| target.display().to_string()).collect()
}

#[test]
fn a_container_that_waits_is_nothing_of_the_hosts() {
    let Some(world) = World::new() else { return };
    let secret = format!("{}-secret-of-the-embedder", std::process::id());
    let id = world.id("parked");
    let container = parked(&world, &id);
    let pid = container.init_pid().unwrap();
    let proc = PathBuf::from(format!("/proc/{pid}"));

    let exe = fs::read_link(proc.join("exe")).unwrap();
    assert!(exe.to_str().unwrap().starts_with("/memfd:runtime-init"), "{exe:?}");
    assert_eq!(fs::read(proc.join("environ")).unwrap(), b"");
    let cmdline = fs::read_to_string(proc.join("cmdline")).unwrap();
    let words: Vec<_> = cmdline.split_terminator('\0').collect();
    assert!(matches!(words[..], ["runtime-init", number] if number.parse::<u32>().is_ok()), "{cmdline:?}");

    let maps = fs::read_to_string(proc.join("maps")).unwrap();
    let memory = File::open(proc.join("mem")).unwrap();
    let mut bytes = Vec::new();
    for line in maps.lines().filter(|line| !line.contains("[v")) {
        let (from, to) = line.split_once(' ').unwrap().0.split_once('-').unwrap();
        let [from, to] = [from, to].map(|text| u64::from_str_radix(text, 16).unwrap());
        let mut part = vec![0; usize::try_from(to - from).unwrap()];
        if memory.read_exact_at(&mut part, from).is_ok() {
            bytes.extend(part);
        }
    }
    assert!((4096..1 << 20).contains(&bytes.len()), "{} bytes: {maps}", bytes.len());
    let holds = |text: &str| bytes.windows(text.len()).any(|window| window == text.as_bytes());
    assert!(holds("sleep"), "its own plan is not found: nothing is proved");
    assert!(!holds(&secret) && !holds("CARGO_MANIFEST_DIR"));

    let own = world.dir.join("state").join(&id).display().to_string();
    let known = |target: &str| target == "/dev/null" || target.starts_with(&own) || target.starts_with("/memfd:");
    // It may still be on its way to the gate, where it lets go of the socket it was made with.
    until("it holds nothing else", || of_the_host(&proc).iter().all(|target| known(target)));
    container.delete().unwrap();
}

#[test]
fn a_user_that_means_nobody_is_refused() {
    let Some(world) = World::new() else { return };
    let id = world.id("uid");
    for key in ["uid", "gid"] {
        let bundle = world.bundle(&id, |config| config["process"]["user"][key] = json!(4_294_967_295_u32));
        let traces = world.look();
        let error = world.run(&id, &bundle).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::InvalidConfig, "{error}");
        traces.assert_unchanged(&world, key);
    }
}
