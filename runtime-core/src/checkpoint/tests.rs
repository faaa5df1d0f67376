//! What criu is told, as data; what it says, in words.

#![allow(clippy::unwrap_used)]

use super::*;
use crate::config;
use serde_json::json;
use std::fs;
use std::path::PathBuf;

struct Scratch(PathBuf);

impl Scratch {
    fn new(name: &str) -> Self {
        let path = std::env::temp_dir().join(format!("checkpoint-{}-{name}", std::process::id()));
        fs::create_dir_all(&path).unwrap();
        Self(path)
    }

    fn config(&self, annotations: serde_json::Value) -> Config {
        let text = json!({"ociVersion": "1.3.0", "root": {"path": "rootfs"}, "annotations": annotations});
        config::from_slice(text.to_string().as_bytes(), &self.0).unwrap()
    }

    fn open(&self, images: &Images) -> Directories {
        Directories::open(images, DUMP_LOG, Missing::Make).unwrap()
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

#[test]
fn every_option_is_a_field_of_its_own() {
    use CriuOption::*;
    let all = [TcpEstablished, TcpSkipInFlight, TcpClose, LinkRemap, ExternalUnixSockets, ShellJob, FileLocks, AutoDedup, LazyPages];
    let on = |options: &Options| {
        [
            options.tcp_established,
            options.tcp_skip_in_flight,
            options.tcp_close,
            options.link_remap,
            options.ext_unix_sk,
            options.shell_job,
            options.file_locks,
            options.auto_dedup,
            options.lazy_pages,
        ]
    };
    for (index, option) in all.into_iter().enumerate() {
        let mut options = Options::default();
        Images { options: vec![option], ..Images::default() }.apply(&mut options);
        let expected: Vec<_> = (0..all.len()).map(|at| (at == index).then_some(true)).collect();
        assert_eq!(on(&options).to_vec(), expected, "{option:?}");
    }
}

#[test]
fn cgroups_are_managed_as_asked() {
    let mode = |cgroups| {
        let mut options = Options::default();
        Images { cgroups, ..Images::default() }.apply(&mut options);
        (options.manage_cgroups, options.manage_cgroups_mode)
    };
    let modes =
        [(CriuCgroups::Default, 6), (CriuCgroups::Soft, 3), (CriuCgroups::Full, 4), (CriuCgroups::Strict, 5), (CriuCgroups::Ignore, 0)];
    for (cgroups, number) in modes {
        assert_eq!(mode(cgroups), (Some(true), Some(number)), "{cgroups:?}");
    }
}

/// podman and cri-o let administrators overrule the runtime in one file, and users in a file that an annotation names.
#[test]
fn an_annotation_names_the_file_that_overrules() {
    let scratch = Scratch::new("config");
    let file = |annotations| config_file(&scratch.config(annotations));
    assert_eq!(file(json!({})).as_deref(), Some("/etc/criu/runc.conf"));
    assert_eq!(file(json!({"org.criu.config": "/srv/criu.conf"})).as_deref(), Some("/srv/criu.conf"));
    assert_eq!(file(json!({"org.criu.config": ""})), None);
}

#[test]
fn memory_alone_is_tracked_and_the_network_is_never_saved() {
    let scratch = Scratch::new("memory");
    let config = scratch.config(json!({}));
    let subject = Subject { config: &config, pid: 7, binds: &[], freezer: Some(Path::new("/c/web")), streams: &[] };
    let described = |request: &Checkpoint| {
        let mut options = options(&request.images, &scratch.open(&request.images), &config);
        subject.describe(&mut options, request).unwrap();
        options
    };
    let whole = Checkpoint::to(scratch.0.join("images"));
    let options = described(&whole);
    assert_eq!((options.pid, options.leave_running, options.track_mem, options.empty_ns), (Some(7), Some(false), None, Some(0x4000_0000)));
    assert_eq!((options.freeze_cgroup.as_deref(), options.work_dir_fd, options.parent_img), (Some("/c/web"), None, None));
    let memory = Checkpoint { extent: Extent::Memory, parent: Some("../before".into()), ..whole.clone() };
    let options = described(&memory);
    assert_eq!((options.leave_running, options.track_mem, options.parent_img.as_deref()), (Some(true), Some(true), Some("../before")));
    let served = Checkpoint { page_server: Some(PageServer { address: "::1".into(), port: 27 }), ..whole };
    let server = described(&served).page_server.unwrap();
    assert_eq!((server.address.as_deref(), server.port), (Some("::1"), Some(27)));
}

#[test]
fn earlier_images_are_named_from_the_new_ones() {
    let scratch = Scratch::new("parent");
    fs::create_dir(scratch.0.join("before")).unwrap();
    fs::write(scratch.0.join("file"), "").unwrap();
    let check = |parent: &str| directories::check_parent(&scratch.0.join("."), Path::new(parent)).map_err(|error| error.to_string());
    assert_eq!(check("before"), Ok(()));
    assert_eq!(check("/before"), Err("--parent-path must be relative: /before".into()));
    assert!(check("none").unwrap_err().starts_with("invalid --parent-path: stat "));
    assert!(check("file").unwrap_err().ends_with("not a directory (ENOTDIR)"));
}

#[test]
fn a_failure_is_one_line_with_criu_s_first_error_and_the_place_of_the_rest() {
    let scratch = Scratch::new("failed");
    let images = Images { work_path: Some(scratch.0.join("work")), ..Images::of(scratch.0.join("images")) };
    let directories = scratch.open(&images);
    let log = scratch.0.join("work/dump.log");
    let failed = |said: &str| directories.failed("save", said).to_string();
    assert_eq!(failed(""), format!("criu could not save the container (see {})", log.display()));
    assert_eq!(
        failed("no such process (ESRCH)"),
        format!("criu could not save the container: no such process (ESRCH) (see {})", log.display())
    );
    let text =
        "(00.01) Warn  (criu/x.c:1): never mind\n(00.02) Error (criu/tty.c:2): tty: found\u{7} dangling\n(00.03) Error (criu/y.c:3): so\n";
    fs::write(&log, text).unwrap();
    assert_eq!(
        failed("more"),
        format!("criu could not save the container: Error (criu/tty.c:2): tty: found dangling (see {})", log.display())
    );
}

#[test]
fn images_are_for_root_alone() {
    use std::os::unix::fs::PermissionsExt;
    let scratch = Scratch::new("mode");
    let images = Images::of(scratch.0.join("a/b"));
    assert!(
        Directories::open(&images, RESTORE_LOG, Missing::Refuse).unwrap_err().to_string().ends_with("no such file or directory (ENOENT)")
    );
    scratch.open(&images);
    assert_eq!(fs::metadata(scratch.0.join("a/b")).unwrap().permissions().mode() & 0o777, 0o700);
}
