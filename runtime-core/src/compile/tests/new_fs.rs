//! File systems whose options `fsconfig(2)` cannot be told as they are written.

use super::super::new_fs::is_told_whole;
use super::{Value, check, create, expect, host, json, old, patched, same, text, wishes};

fn overlay(data: &str) -> Value {
    json!({"mounts": [{"destination": "/data", "type": "overlay", "source": "overlay", "options": ["nosuid", data, "rprivate"]}]})
}

fn is_whole(fstype: &str, option: &str) -> bool {
    let mount = json!({"destination": "/data", "type": fstype, "source": "none", "options": [option]});
    is_told_whole(patched(&json!({"mounts": [mount]})).mounts.last().unwrap())
}

/// mount(2): `MS_NOSUID` is 2.
#[test]
fn an_option_too_long_for_fsconfig_is_told_by_mount() {
    let layer = |length: usize| format!("lowerdir=/{}", "l".repeat(length - "lowerdir=/".len()));
    assert!(!is_whole("overlay", &layer(255)) && is_whole("overlay", &layer(256)) && is_whole("overlay", &layer(4095)));
    assert!(is_whole("overlay", "lowerdir=/a\\,b") && is_whole("nfs4", "context=\"a,b\"") && !is_whole("tmpfs", "mpol=\"x\""));
    check(
        overlay("lowerdir=/a\\:b:/c"),
        same,
        expect![[r#"
          session-keyring "_ses.web1"
        + open-proc -> proc
          attach mount -> target
        + open-target "/data" dir -> target
        + mount "overlay" "overlay" 0x2 "lowerdir=/a\\:b:/c" -> target
        + open-target "/data" existing -> target
        + set-attr target +0x0 -0x0 0x40000 rec
    "#]],
    );
    check(
        overlay("lowerdir=/a\\:b:/c"),
        old,
        expect![[r#"
          attach mount -> target
        + open-target "/data" dir -> target
        + mount "overlay" "overlay" 0x2 "lowerdir=/a\\:b:/c" -> target
        + open-target "/data" existing -> target
        + mount "" "" 0x44000 "" -> target
    "#]],
    );
}

/// With a page's worth of them, each is an option of its own.
#[test]
fn layers_beyond_a_page_are_told_one_by_one() {
    let layers: Vec<_> = (0..100).map(|number| format!("/layers/{number:0>60}")).collect();
    let plan = text(create(&patched(&overlay(&format!("lowerdir={}::/data-only", layers.join(":")))), &host(), &wishes()));
    let step = plan.lines().find(|line| line.contains("new-fs \"overlay\"")).unwrap();
    for layer in layers {
        assert!(step.contains(&format!("lowerdir+={layer}")), "{layer} in {step}");
    }
    assert!(step.contains("datadir+=/data-only") && !step.contains("lowerdir="), "{step}");
}
