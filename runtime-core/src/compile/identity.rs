//! Who the process is, and what it may do: labels, capabilities, ids.

use super::plan::{Builder, scratch};
use crate::config::{Capabilities, Config, Process};
use crate::error::{Error, Result};
use crate::host::{Groups, Host};
use runtime_init::Op;

/// The labels that the next exec takes on.
pub(crate) fn label(plan: &mut Builder, process: Option<&Process>, host: &Host) -> Result<()> {
    let Some(process) = process else { return Ok(()) };
    if let Some(profile) = &process.apparmor_profile {
        plan.about(format!("process.apparmorProfile {profile:?}"));
        let path = if host.apparmor { "self/attr/apparmor/exec" } else { "self/attr/exec" };
        write(plan, path, &format!("exec {profile}"));
    }
    if let Some(label) = &process.selinux_label {
        check_selinux("process.selinuxLabel", host)?;
        plan.about(format!("process.selinuxLabel {label:?}"));
        write(plan, "self/attr/exec", label);
    }
    Ok(())
}

/// A keyring is its maker's: the program could not use its own.
pub(crate) fn label_keyring(plan: &mut Builder, label: &str) {
    plan.about(format!("process.selinuxLabel {label:?}"));
    write(plan, "self/attr/keycreate", label);
}

/// Without SELinux the kernel would say no more than "invalid argument".
pub(crate) fn check_selinux(property: &str, host: &Host) -> Result<()> {
    const WHY: &str = "selinux label is specified in config, but selinux is disabled or not supported";
    if host.selinux { Ok(()) } else { Err(Error::config(property, WHY)) }
}

fn write(plan: &mut Builder, path: &str, value: &str) {
    let (path, value) = (plan.text(path), plan.text(value));
    plan.push(Op::WriteProc { proc: scratch::PROC, path, value });
}

/// What a process in no namespace of its own can have: what the caller has. In its own user namespace it can have all.
pub(crate) fn grantable(wanted: Capabilities, at_most: u64) -> Capabilities {
    let permitted = wanted.permitted & at_most;
    let inheritable = wanted.inheritable & at_most;
    Capabilities {
        bounding: wanted.bounding & at_most,
        effective: wanted.effective & permitted,
        permitted,
        inheritable,
        ambient: wanted.ambient & permitted & inheritable,
    }
}

/// The bounding set, while it may still be changed.
pub(crate) fn bound(plan: &mut Builder, process: &Process, at_most: u64) {
    // No property, no capability.
    let wanted = process.capabilities.unwrap_or_default();
    plan.about("process.capabilities.bounding");
    plan.push(Op::BoundingSet { keep: grantable(wanted, at_most).bounding });
}

/// Can the process have the supplementary groups it wants? A namespace whose maps an unprivileged user wrote has none, nor any way to
/// set them; one with `newgidmap(1)`'s has.
pub(crate) fn may_set_groups(config: &Config, process: &Process, host: &Host) -> Result<bool> {
    let may = host.groups == Groups::Allowed
        && match config.gid_mappings.as_slice() {
            _ if host.is_privileged() => true,
            // The maps of a namespace that is joined are known to the kernel only: it says no itself, where somebody asks.
            [] => !process.additional_gids.is_empty(),
            [only] => only.count > 1 || only.outside != host.gid,
            _ => true,
        };
    // The root of a namespace with denied groups was given its image's groups by its engine, which cannot know: others go without
    // them too, and so do we. An unprivileged caller's own words are taken at their word.
    match may || process.additional_gids.is_empty() || host.is_privileged() {
        true => Ok(may),
        false => Err(Error::config("process.user.additionalGids", "cannot set any additional groups in a rootless container")),
    }
}

/// Groups and ids, from the one that needs most rights to the one that needs least.
pub(crate) fn become_user(plan: &mut Builder, process: &Process, may_set_groups: bool) {
    plan.about("process.user");
    plan.push(Op::OwnStdio { uid: process.uid });
    if may_set_groups {
        let gids: Vec<u8> = process.additional_gids.iter().flat_map(|gid| gid.to_ne_bytes()).collect();
        let gids = plan.blob(&gids);
        plan.push(Op::Groups { gids });
    }
    plan.push(Op::Ids { uid: process.uid, gid: process.gid });
}

/// The other four sets.
pub(crate) fn lower(plan: &mut Builder, process: &Process, at_most: u64) {
    let wanted = process.capabilities.unwrap_or_default();
    let granted = grantable(wanted, at_most);
    plan.about("process.capabilities");
    plan.push(Op::Capabilities { effective: granted.effective, permitted: granted.permitted, inheritable: granted.inheritable });
    plan.about("process.capabilities.ambient");
    plan.push(Op::Ambient { raise: granted.ambient });
}
