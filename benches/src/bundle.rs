//! The bundles: the default config on a root file system of busybox, in three variations.

use serde_json::{Value, json};
use std::fs;
use std::io;
use std::os::unix::fs::symlink;
use std::path::Path;

/// What the conformance harness calls the default config, so that both speak of the same one.
const DEFAULT: &str = include_str!("../../conformance/src/default.json");
/// How many bind mounts the bundle with many of them has.
pub(crate) const BINDS: usize = 40;

/// Makes `{dir}/rootfs` and the bundles `true`, `sleep` and `binds`.
pub(crate) fn make(dir: &Path) -> io::Result<()> {
    rootfs(&dir.join("rootfs"))?;
    fs::create_dir(dir.join("source"))?;
    write(dir, "true", &json!(["/bin/true"]), &[])?;
    write(dir, "sleep", &json!(["/bin/sleep", "3600"]), &[])?;
    let source = dir.join("source").display().to_string();
    let bind = |n| json!({"destination": format!("/tmp/{n}"), "source": source, "options": ["rbind", "ro"]});
    let binds: Vec<Value> = (0..BINDS).map(bind).collect();
    (0..BINDS).try_for_each(|n| fs::create_dir(dir.join("rootfs/tmp").join(n.to_string())))?;
    write(dir, "binds", &json!(["/bin/true"]), &binds)
}

fn rootfs(root: &Path) -> io::Result<()> {
    for name in ["bin", "dev", "proc", "sys", "tmp", "etc"] {
        fs::create_dir_all(root.join(name))?;
    }
    let busybox = crate::find(Path::new("busybox")).map_err(|_| io::Error::other("no busybox in PATH: bundles are made of it"))?;
    fs::copy(busybox, root.join("bin/busybox"))?;
    ["true", "sleep", "sh"].iter().try_for_each(|name| symlink("busybox", root.join("bin").join(name)))?;
    fs::write(root.join("etc/passwd"), "root:x:0:0:root:/root:/bin/sh\n")
}

fn write(dir: &Path, name: &str, args: &Value, mounts: &[Value]) -> io::Result<()> {
    let mut config: Value = serde_json::from_str(DEFAULT)?;
    config["process"]["args"] = args.clone();
    // For a device filter Debian's crun raises a limit that not everybody may raise. Without the property everyone has the default one.
    if let Some(linux) = config["linux"].as_object_mut() {
        linux.remove("resources");
    }
    config["root"]["path"] = json!(dir.join("rootfs"));
    if let Some(list) = config["mounts"].as_array_mut() {
        list.extend_from_slice(mounts);
    }
    fs::create_dir(dir.join(name))?;
    fs::write(dir.join(name).join("config.json"), config.to_string())
}
