//! Mounts: each option, kinds of destination and source, order, propagation of the root.

use crate::case::{Case, End, Fixture};
use serde_json::{Value, json};

const SPEC: &str = "config.md#mounts";

/// The options the specification lists, tried on a tmpfs and on a bind mount.
const OPTIONS: &[&str] = &[
    "async",
    "atime",
    "defaults",
    "dev",
    "diratime",
    "dirsync",
    "exec",
    "iversion",
    "lazytime",
    "loud",
    "mand",
    "noatime",
    "nodev",
    "nodiratime",
    "noexec",
    "noiversion",
    "nolazytime",
    "nomand",
    "norelatime",
    "nostrictatime",
    "nosuid",
    "nosymfollow",
    "relatime",
    "ro",
    "rw",
    "silent",
    "strictatime",
    "suid",
    "symfollow",
    "sync",
];

/// Options that change a mount of a whole tree.
const RECURSIVE: &[&str] = &[
    "rro",
    "rrw",
    "rnosuid",
    "rsuid",
    "rnodev",
    "rdev",
    "rnoexec",
    "rexec",
    "rnodiratime",
    "rdiratime",
    "rrelatime",
    "rnorelatime",
    "rnoatime",
    "ratime",
    "rstrictatime",
    "rnostrictatime",
    "rnosymfollow",
    "rsymfollow",
];

const PROPAGATIONS: &[&str] = &["private", "rprivate", "shared", "rshared", "slave", "rslave", "unbindable", "runbindable"];

/// The cases.
pub(crate) fn cases() -> Vec<Case> {
    [options(), sources(), destinations(), filesystems(), roots()].concat()
}

fn mounted(name: impl Into<String>, mount: Value) -> Case {
    Case::new(format!("mounts/{}", name.into()), SPEC).push("/mounts", mount)
}

fn tmpfs(options: &[&str]) -> Value {
    json!({"destination": "/mnt", "type": "tmpfs", "source": "tmpfs", "options": options})
}

fn bind(options: &[&str]) -> Value {
    json!({"destination": "/mnt", "type": "bind", "source": "{dir}/source", "options": options})
}

fn overlay(layers: &str, options: &[&str]) -> Value {
    let options: Vec<_> = options.iter().copied().map(str::to_owned).chain([format!("lowerdir={layers}")]).collect();
    json!({"destination": "/mnt", "type": "overlay", "source": "overlay", "options": options})
}

fn options() -> Vec<Case> {
    let on_tmpfs = OPTIONS.iter().map(|option| looked(mounted(format!("tmpfs-{option}"), tmpfs(&[option])).ends(End::Any)));
    let on_bind = OPTIONS.iter().map(|option| looked(mounted(format!("bind-{option}"), bind(&["bind", option])).ends(End::Any)));
    let recursive = RECURSIVE
        .iter()
        .map(|option| looked(mounted(format!("rbind-{option}"), bind(&["rbind", option])).fixture(Fixture::Submount).ends(End::Any)));
    let propagation = PROPAGATIONS
        .iter()
        .map(|option| looked(mounted(format!("rbind-{option}"), bind(&["rbind", option])).fixture(Fixture::Submount).ends(End::Any)));
    on_tmpfs.chain(on_bind).chain(recursive).chain(propagation).collect()
}

/// A shorter look: the mounts, and what can be done in `/mnt`.
fn looked(case: Case) -> Case {
    case.shell(SHORT)
}

const SHORT: &str = "exec 2>&1; PATH=/bin; echo == mountinfo; cat /proc/self/mountinfo; echo == mnt; stat -c '%n %F %a %u:%g' /mnt /mnt/* /mnt/sub/*; \
    cat /mnt/file; (: > /mnt/new) && echo /mnt is writable; (: > /mnt/sub/new) && echo /mnt/sub is writable; /mnt/program; echo == end";

fn sources() -> Vec<Case> {
    let case = |name: &str, mount| looked(mounted(name, mount));
    vec![
        case("bind-directory", bind(&["bind"])).sees("mnt", "from the host").sees("mnt", "/mnt is writable"),
        case("bind-read-only", bind(&["bind", "ro"])).misses("mnt", "/mnt is writable"),
        case("rbind-with-submount", bind(&["rbind"])).fixture(Fixture::Submount).sees("mountinfo", "/mnt/sub *"),
        case("bind-with-submount", bind(&["bind"])).fixture(Fixture::Submount).misses("mountinfo", "/mnt/sub *"),
        case("rbind-ro-with-submount", bind(&["rbind", "ro"])).fixture(Fixture::Submount),
        case("rbind-all-at-once", bind(&["rbind", "ro", "nosuid", "nodev", "noexec", "rprivate"])).fixture(Fixture::Submount),
        case("bind-by-type-only", json!({"destination": "/mnt", "type": "bind", "source": "{dir}/source"})).ends(End::Any),
        case("bind-without-type", json!({"destination": "/mnt", "source": "{dir}/source", "options": ["rbind"]})),
        case("bind-type-none", json!({"destination": "/mnt", "type": "none", "source": "{dir}/source", "options": ["bind", "ro"]})),
        case("bind-relative-source", json!({"destination": "/mnt", "source": "../source", "options": ["bind"]})),
        case("bind-file", json!({"destination": "/data/file", "source": "{dir}/source/file", "options": ["bind"]}))
            .shell("cat /data/file")
            .sees("stdout", "from the host"),
        case("bind-symlink-source", json!({"destination": "/mnt", "source": "{bundle}/rootfs/to-data", "options": ["bind"]})),
        case("bind-missing-source", json!({"destination": "/mnt", "source": "{dir}/nothing", "options": ["bind"]})).refuses(),
        case("bind-directory-on-file", json!({"destination": "/data/file", "source": "{dir}/source", "options": ["bind"]})).refuses(),
        case("bind-file-on-directory", json!({"destination": "/mnt", "source": "{dir}/source/file", "options": ["bind"]})).refuses(),
        case("unknown-option", tmpfs(&["fantasy"])).refuses(),
        case("unknown-type", json!({"destination": "/mnt", "type": "fantasy", "source": "x"})).refuses(),
        case("bind-with-data", bind(&["bind", "mode=700"])).ends(End::Any),
        case("remount", bind(&["bind", "remount", "ro"])).ends(End::Any),
        case("tmpfs-options", tmpfs(&["nosuid", "noexec", "mode=1700", "size=12k", "uid=1000", "gid=10", "nr_inodes=20"])),
        case("tmpfs-without-source", json!({"destination": "/mnt", "type": "tmpfs", "options": ["mode=711"]})),
        case("tmpfs-copy-up", json!({"destination": "/data", "type": "tmpfs", "source": "tmpfs", "options": ["tmpcopyup"]}))
            .shell("ls -R /data; cat /data/file; stat -c '%n %a %u:%g' /data /data/*; sed -n '/ .data /s/.* - //p' /proc/self/mountinfo"),
        case("overlay", overlay("{dir}/source:{bundle}/rootfs/data", &["nosuid", "rprivate"])).sees("mnt", "from the host"),
        case("overlay-long", overlay(&format!("{{dir}}/source{}:{{bundle}}/rootfs/data", "/.".repeat(300)), &["noexec", "rslave"]))
            .sees("mnt", "from the host"),
        case("tmpfs-keeps-mode", json!({"destination": "/private", "type": "tmpfs", "source": "tmpfs"}))
            .shell("stat -c '%n %a %u:%g' /private /tmp; sed -n '/ .private /s/.* - //p' /proc/self/mountinfo"),
    ]
}

fn destinations() -> Vec<Case> {
    let at = |destination: &str| json!({"destination": destination, "source": "{dir}/source", "options": ["bind"]});
    let case = |name: &str, destination: &str| looked(mounted(name, at(destination)).set("/root/readonly", json!(false)));
    vec![
        case("destination-is-made", "/made/for/it").misses("mnt", "from the host"),
        looked(mounted(
            "destination-file-is-made",
            json!({"destination": "/made/file", "source": "{dir}/source/file", "options": ["bind"]}),
        )),
        case("destination-relative", "mnt").ends(End::Any),
        case("destination-with-dots", "/mnt/../mnt/./"),
        case("destination-leaves-the-root", "/../../../mnt"),
        case("destination-symlink", "/to-data"),
        case("destination-absolute-symlink", "/absolute"),
        case("destination-symlink-outside", "/outside"),
        case("destination-below-symlink", "/to-data/below"),
        case("destination-dangling", "/dangling").ends(End::Any),
        case("destination-loop", "/loop").ends(End::Failure),
        case("destination-below-file", "/data/file/x").ends(End::Failure),
        case("destination-empty", "").ends(End::Any),
        case("destination-root", "/").ends(End::Any),
        case("destination-in-proc", "/proc/acpi").ends(End::Any),
        case("destination-in-proc-allowed", "/proc/uptime").ends(End::Any),
        looked(mounted("destination-is-proc", json!({"destination": "/proc", "type": "tmpfs", "source": "tmpfs"}))).ends(End::Any),
        case("destination-dev-shm-again", "/dev/shm"),
        mounted("over-another", tmpfs(&["size=4k"])).push("/mounts", bind(&["bind"])).shell(SHORT),
        mounted("below-another", tmpfs(&["size=4k"]))
            .push("/mounts", json!({"destination": "/mnt/a/b", "source": "{dir}/source", "options": ["bind"]}))
            .shell(SHORT),
    ]
}

fn filesystems() -> Vec<Case> {
    let case = |name: &str| Case::new(format!("mounts/{name}"), SPEC);
    vec![
        case("none-but-proc").set("/mounts", json!([{"destination": "/proc", "type": "proc", "source": "proc"}])).ends(End::Any),
        case("none-at-all").set("/mounts", json!([])).shell("ls /; ls /dev; ls /proc").ends(End::Any),
        case("null-list").remove("/mounts").shell("ls /; ls /dev; ls /proc").ends(End::Any),
        case("proc-options").set("/mounts/0/options", json!(["nosuid", "noexec", "nodev"])),
        case("proc-hidepid").set("/mounts/0/options", json!(["hidepid=2"])).ends(End::Any),
        case("proc-read-only").set("/mounts/0/options", json!(["ro"])),
        case("sys-writable").set("/mounts/5/options", json!(["nosuid", "noexec", "nodev"])),
        case("cgroup-writable").set("/mounts/6/options", json!(["nosuid", "noexec", "nodev"])),
        case("cgroup-with-namespace").push("/linux/namespaces", json!({"type": "cgroup"})),
        case("cgroup-bind-of-host").set(
            "/mounts/6",
            json!({"destination": "/sys/fs/cgroup", "type": "bind", "source": "/sys/fs/cgroup", "options": ["rbind", "ro"]}),
        ),
        case("cgroup2").set("/mounts/6/type", json!("cgroup2")).ends(End::Any),
        case("without-cgroup").remove("/mounts/6"),
        case("without-devpts").remove("/mounts/2"),
        case("without-dev").remove("/mounts/4").remove("/mounts/3").remove("/mounts/2").remove("/mounts/1").ends(End::Any),
        case("dev-bind-of-host")
            .remove("/mounts/4")
            .remove("/mounts/3")
            .remove("/mounts/2")
            .set("/mounts/1", json!({"destination": "/dev", "type": "bind", "source": "/dev", "options": ["rbind"]}))
            .shell("ls /dev/null /dev/fd /dev/ptmx /dev/core; cat /proc/self/mountinfo | grep -c ' /dev'")
            .ends(End::Any),
        case("dev-read-only").set("/mounts/1/options", json!(["nosuid", "strictatime", "mode=755", "size=65536k", "ro"])),
        case("dev-noexec").set("/mounts/1/options", json!(["nosuid", "noexec", "mode=700"])),
        case("proc-is-a-symlink").fixture(Fixture::Symlink("proc", "mnt")).refuses(),
        case("sys-is-a-symlink").fixture(Fixture::Symlink("sys", "mnt")).refuses(),
        case("dev-is-a-symlink").fixture(Fixture::Symlink("dev", "mnt")).ends(End::Any),
        case("proc-is-missing").fixture(Fixture::Without("proc")).set("/root/readonly", json!(false)),
    ]
}

fn roots() -> Vec<Case> {
    let case = |name: &str| Case::new(format!("root/{name}"), "config.md#root");
    let propagation = |kind: &'static str| case(&format!("propagation-{kind}")).set("/linux/rootfsPropagation", json!(kind)).ends(End::Any);
    let mut cases: Vec<Case> = PROPAGATIONS.iter().map(|kind| propagation(kind)).collect();
    cases.extend([
        case("propagation-unknown").set("/linux/rootfsPropagation", json!("fantasy")).refuses(),
        case("host-is-private").fixture(Fixture::PrivateHost),
        case("writable").set("/root/readonly", json!(false)).sees("writable", "/ yes|/etc yes"),
        case("absolute").set("/root/path", json!("{bundle}/rootfs")),
        case("missing").set("/root/path", json!("nothing")).refuses(),
        case("a-file").set("/root/path", json!("config.json")).refuses(),
        case("empty-path").set("/root/path", json!("")).ends(End::Any),
        case("unset").remove("/root").refuses(),
        case("with-dots").set("/root/path", json!("../bundle/./rootfs")),
    ]);
    cases
}
