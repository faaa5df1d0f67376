//! Devices, masked and read-only paths, sysctls.

use crate::case::{Case, End, Fixture};
use serde_json::{Value, json};

/// The cases.
pub(crate) fn cases() -> Vec<Case> {
    [devices(), masked(), read_only(), sysctls()].concat()
}

fn devices() -> Vec<Case> {
    let case = |name: &str, device: Value| Case::new(format!("devices/{name}"), "config-linux.md#devices").push("/linux/devices", device);
    let fuse = json!({"type": "c", "path": "/dev/fuse", "major": 10, "minor": 229, "fileMode": 0o640, "uid": 0, "gid": 10});
    let mut odd = fuse.clone();
    odd["path"] = json!("/dev/deep/below/fuse");
    vec![
        case("character", fuse.clone()).sees("dev", "/dev/fuse character special file 640 0:10 a:e5"),
        case("below-a-new-directory", odd).shell("stat -c '%n %F %a %u:%g %t:%T' /dev/deep /dev/deep/below /dev/deep/below/fuse"),
        case("fifo", json!({"type": "p", "path": "/dev/pipe", "fileMode": 0o600})),
        case("block", json!({"type": "b", "path": "/dev/disk", "major": 7, "minor": 0, "fileMode": 0o660, "gid": 6})),
        case("unbuffered", json!({"type": "u", "path": "/dev/raw", "major": 1, "minor": 3})),
        case("without-mode", json!({"type": "c", "path": "/dev/plain", "major": 1, "minor": 3})),
        case("unknown-type", json!({"type": "x", "path": "/dev/x", "major": 1, "minor": 3})).refuses(),
        case("relative-path", json!({"type": "c", "path": "dev/x", "major": 1, "minor": 3})).ends(End::Any),
        case("a-default-one", json!({"type": "c", "path": "/dev/null", "major": 1, "minor": 3, "fileMode": 0o600})).ends(End::Any),
        case("outside-of-dev", json!({"type": "c", "path": "/mnt/node", "major": 1, "minor": 3, "fileMode": 0o666}))
            .set("/root/readonly", json!(false))
            .shell("stat -c '%n %F %a %t:%T' /mnt/node"),
        case("over-a-file", json!({"type": "c", "path": "/data/file", "major": 1, "minor": 3}))
            .set("/root/readonly", json!(false))
            .shell("stat -c '%n %F %a %t:%T' /data/file")
            .ends(End::Any),
        case("in-a-user-namespace", fuse.clone())
            .fixture(Fixture::OwnedBy(100_000))
            .push("/linux/namespaces", json!({"type": "user"}))
            .set("/linux/uidMappings", json!([{"containerID": 0, "hostID": 100_000, "size": 65536}]))
            .set("/linux/gidMappings", json!([{"containerID": 0, "hostID": 100_000, "size": 65536}]))
            .ends(End::Any),
        case("that-the-host-has-not", json!({"type": "c", "path": "/dev/odd", "major": 241, "minor": 77})),
        Case::new("devices/access", "config-linux.md#allowed-device-list")
            .push("/linux/devices", fuse)
            .shell("cat /dev/null && echo null; head -c 1 /dev/zero | wc -c; : < /dev/fuse && echo fuse; mknod /dev/shm/n c 1 3 && echo made").ends(End::Any),
        Case::new("devices/access-allowed", "config-linux.md#allowed-device-list")
            .push("/linux/resources/devices", json!({"allow": true, "type": "c", "major": 10, "minor": 229, "access": "rw"}))
            .push("/linux/devices", json!({"type": "c", "path": "/dev/fuse", "major": 10, "minor": 229}))
            .shell(": < /dev/fuse && echo fuse"),
        Case::new("devices/access-made-with-mknod", "config-linux.md#allowed-device-list")
            .set("/process/capabilities/bounding", json!(["CAP_MKNOD"]))
            .set("/process/capabilities/effective", json!(["CAP_MKNOD"]))
            .set("/process/capabilities/permitted", json!(["CAP_MKNOD"]))
            .set("/process/capabilities/ambient", json!([]))
            .set("/mounts/3/options", json!(["nosuid", "mode=1777"]))
            .shell("cd /dev/shm; mknod n c 1 3 && : < n && echo null; mknod m c 1 1; : < m && echo memory; mknod b b 7 0; : < b && echo loop; ls").ends(End::Any),
    ]
}

const PATHS: &str = "exec 2>&1; PATH=/bin; echo == mountinfo; cat /proc/self/mountinfo; echo == paths; \
    for f in /data /data/file /data/secret /data/inner /mnt /to-data /to-file /private /proc/version /sys/kernel; do \
    stat -c '%n %F %a %t:%T' $f; ls $f; cat $f; (: >> $f) && echo $f is writable; (: > $f/new) && echo can make in $f; done; echo == end";

fn masked() -> Vec<Case> {
    let case = |name: &str, paths: Value| {
        Case::new(format!("masked/{name}"), "config-linux.md#masked-paths")
            .set("/linux/maskedPaths", paths)
            .set("/root/readonly", json!(false))
            .shell(PATHS)
            .ends(End::Any)
    };
    vec![
        case("file", json!(["/data/secret"])).misses("paths", "nobody may read this"),
        case("directory", json!(["/data"])),
        case("missing", json!(["/not/there", "/data/secret"])).misses("paths", "nobody may read this"),
        case("symlink-to-directory", json!(["/to-data"])),
        case("symlink-to-file", json!(["/to-file"])),
        case("absolute-symlink", json!(["/absolute"])),
        case("dangling", json!(["/dangling"])),
        case("symlink-outside", json!(["/outside"])),
        case("below-a-file", json!(["/data/file/x"])),
        case("twice", json!(["/data/secret", "/data/secret", "/mnt", "/mnt"])),
        case("inside-a-masked-one", json!(["/data", "/data/secret"])),
        case("relative", json!(["data/secret"])),
        case("empty-path", json!([""])),
        case("none", json!([])),
        case("unset", Value::Null),
        case("same-as-read-only", json!(["/data", "/proc/sys"])).set("/linux/readonlyPaths", json!(["/data", "/proc/sys"])),
        case("a-mount", json!(["/mnt"])).push("/mounts", json!({"destination": "/mnt", "source": "{dir}/source", "options": ["bind"]})),
        case("proc-itself", json!(["/proc/self"])),
        case("everything", json!(["/"])),
        case("without-mount-namespace", json!(["/data/secret"])).remove("/linux/namespaces/4"),
    ]
}

fn read_only() -> Vec<Case> {
    let case = |name: &str, paths: Value| {
        Case::new(format!("read-only/{name}"), "config-linux.md#readonly-paths")
            .set("/linux/readonlyPaths", paths)
            .set("/root/readonly", json!(false))
            .shell(PATHS)
            .ends(End::Any)
    };
    let bind = |options: Value| json!({"destination": "/mnt", "source": "{dir}/source", "options": options});
    vec![
        case("file", json!(["/data/file"])).misses("paths", "/data/file is writable"),
        case("directory", json!(["/data"])).misses("paths", "can make in /data"),
        case("missing", json!(["/not/there", "/data"])).misses("paths", "can make in /data"),
        case("symlink", json!(["/to-data"])),
        case("below-a-file", json!(["/data/file/x"])),
        case("twice", json!(["/data", "/data"])),
        case("relative", json!(["data"])),
        case("none", json!([])),
        case("unset", Value::Null),
        case("a-mount", json!(["/mnt"])).push("/mounts", bind(json!(["bind", "nosuid", "nodev", "noexec", "noatime"]))),
        case("with-submount", json!(["/mnt"])).push("/mounts", bind(json!(["rbind"]))).fixture(Fixture::Submount),
        case("root-itself", json!(["/"])),
    ]
}

fn sysctls() -> Vec<Case> {
    let case = |name: &str, sysctl: Value| {
        Case::new(format!("sysctl/{name}"), "config-linux.md#sysctl")
            .set("/linux/sysctl", sysctl)
            .shell("cd /proc/sys; for f in net/ipv4/ip_forward net/ipv4/ping_group_range kernel/msgmax kernel/shm_rmid_forced fs/mqueue/msg_max kernel/domainname; do echo $f $(cat $f); done")
    };
    vec![
        case("network", json!({"net.ipv4.ip_forward": "1"})).sees("stdout", "net/ipv4/ip_forward 1"),
        case("with-slashes", json!({"net/ipv4/ip_forward": "1"})).ends(End::Any),
        case("several", json!({"net.ipv4.ping_group_range": "0 100", "kernel.msgmax": "4096", "fs.mqueue.msg_max": "7"})),
        case("domainname", json!({"kernel.domainname": "example.org"})).ends(End::Any),
        case("hostname", json!({"kernel.hostname": "x"})).refuses(),
        case("of-the-host", json!({"vm.swappiness": "10"})).refuses(),
        case("network-of-the-host", json!({"net.ipv4.ip_forward": "0"})).remove("/linux/namespaces/1").refuses(),
        case("ipc-of-the-host", json!({"kernel.msgmax": "8192"})).remove("/linux/namespaces/2").remove("/mounts/4").refuses(),
        case("unknown", json!({"net.fantasy": "1"})).refuses(),
        case("bad-value", json!({"net.ipv4.ip_forward": "many"})).refuses(),
        case("leaves-the-tree", json!({"net/../vm/swappiness": "10"})).ends(End::Failure),
    ]
}
