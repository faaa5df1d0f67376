//! What is not the container's, as criu is told of it.

#![allow(clippy::unwrap_used)]

use super::*;
use crate::config;
use serde_json::{Value, json};
use std::fs;
use std::os::unix::fs::symlink;

/// A root with a link on the way to a mount point, and a config that is about it.
struct Scratch(PathBuf);

impl Scratch {
    fn new(name: &str) -> Self {
        let path = std::env::temp_dir().join(format!("external-{}-{name}", std::process::id()));
        let root = path.join("rootfs");
        fs::create_dir_all(root.join("real/conf")).unwrap();
        fs::create_dir_all(root.join("proc/scsi")).unwrap();
        symlink("/real/conf", root.join("conf")).unwrap();
        symlink("/../../..", root.join("up")).unwrap();
        fs::write(root.join("proc/keys"), "").unwrap();
        Self(path)
    }

    fn root(&self) -> PathBuf {
        self.0.join("rootfs")
    }

    fn config(&self, linux: Value, mounts: Value) -> Config {
        let text = json!({"ociVersion": "1.3.0", "root": {"path": "rootfs"}, "mounts": mounts, "linux": linux});
        config::from_slice(text.to_string().as_bytes(), &self.0).unwrap()
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

/// Those that are not about the nodes of `/dev`.
fn without_nodes(names: Vec<String>) -> Vec<String> {
    names.into_iter().filter(|name| !NODES.iter().any(|node| *name == external(node, node))).collect()
}

#[test]
fn a_bind_mount_is_saved_under_where_it_is_and_restored_from_its_source() {
    let scratch = Scratch::new("bind");
    let mounts = json!([
        {"destination": "/conf", "source": "/srv/conf", "options": ["bind"]},
        {"destination": "/new/deep", "source": "here", "options": ["rbind"]},
        {"destination": "/conf", "options": ["bind", "remount", "ro"]},
        {"destination": "/tmp", "type": "tmpfs"}
    ]);
    let config = scratch.config(json!({}), mounts);
    let binds = binds(&config);
    let saved = without_nodes(saved(&config, &binds, &scratch.root()).unwrap());
    assert_eq!(saved, ["mnt[/real/conf]:/real/conf", "mnt[/new/deep]:/new/deep"]);
    let restored = without_nodes(restored(&binds, &scratch.root()).unwrap());
    let here = scratch.0.join("here");
    let expected =
        ["mnt[/real/conf]:/srv/conf".to_owned(), "mnt[/conf]:/srv/conf".to_owned(), format!("mnt[/new/deep]:{}", here.display())];
    assert_eq!(restored, expected);
}

#[test]
fn no_link_leads_out_of_the_root() {
    let scratch = Scratch::new("out");
    let root = Root::open(&scratch.root()).unwrap();
    assert_eq!(root.resolve("/up/etc/passwd"), "/etc/passwd");
    assert_eq!(root.resolve("/up/conf/x"), "/real/conf/x");
}

#[test]
fn a_masked_file_is_the_null_device_and_a_masked_directory_is_criu_s_to_save() {
    let scratch = Scratch::new("masked");
    let masked = json!({"namespaces": [{"type": "mount"}], "maskedPaths": ["/proc/keys", "/proc/scsi", "/proc/none"]});
    let config = scratch.config(masked, json!([]));
    let saved = without_nodes(saved(&config, &binds(&config), &scratch.root()).unwrap());
    assert_eq!(saved, ["mnt[/proc/keys]:/dev/null"]);
    let restored = restored(&binds(&config), &scratch.root()).unwrap();
    assert!(restored.contains(&"mnt[/dev/null]:/dev/null".to_owned()));
}

#[test]
fn a_device_of_the_config_may_be_the_host_s() {
    let scratch = Scratch::new("device");
    let config = scratch.config(json!({"devices": [{"path": "/dev/fuse", "type": "c", "major": 10, "minor": 229}]}), json!([]));
    assert!(saved(&config, &binds(&config), &scratch.root()).unwrap().contains(&"mnt[/dev/fuse]:/dev/fuse".to_owned()));
}

#[test]
fn joined_networks_and_processes_are_left_alone_and_others_are_joined_again() {
    let scratch = Scratch::new("namespaces");
    let (file, path) = (scratch.0.join("ns"), scratch.0.join("ns").display().to_string());
    fs::write(&file, "").unwrap();
    let inode = fs::metadata(&file).unwrap().ino();
    let namespaces = |list: Value| scratch.config(json!({"namespaces": list}), json!([])).namespaces;
    let joined = namespaces(json!([
        {"type": "network", "path": path}, {"type": "pid", "path": path}, {"type": "ipc", "path": path}, {"type": "uts"}, {"type": "mount"}
    ]));
    assert_eq!(saved_namespaces(&joined).unwrap(), [format!("net[{inode}]:extRootNetNS"), format!("pid[{inode}]:extRootPidNS")]);
    let open = Joined::open(&joined).unwrap();
    let keys: Vec<_> = open.inherited.iter().map(|one| (one.key.as_str(), one.fd)).collect();
    assert_eq!(keys, [("extRootNetNS", open.files[0].as_raw_fd()), ("extRootPidNS", open.files[1].as_raw_fd())]);
    assert_eq!(open.joined, [JoinNamespace { kind: "ipc".into(), file: path.clone() }]);

    let own = namespaces(json!([{"type": "network"}, {"type": "pid"}, {"type": "mount"}]));
    assert!(saved_namespaces(&own).unwrap().is_empty() && Joined::open(&own).unwrap().files.is_empty());
    let cgroup = namespaces(json!([{"type": "cgroup", "path": path}, {"type": "mount"}]));
    assert_eq!(Joined::open(&cgroup).unwrap_err().kind(), ErrorKind::Unsupported);
    let gone = namespaces(json!([{"type": "network", "path": "/nonexistent/ns"}, {"type": "mount"}]));
    assert_eq!(
        Joined::open(&gone).unwrap_err().to_string(),
        "linux.namespaces net: open /nonexistent/ns: no such file or directory (ENOENT)"
    );
}
