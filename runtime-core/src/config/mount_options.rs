//! `mounts[].options`: each word, and what the kernel does with it.
//!
//! One table ([`TABLE`]) serves the parser and `features`, so that what is announced is what is understood. A word that is not in
//! it belongs to the file system and is passed on as data.

use super::{MountIdMap, MountOptions, Propagation, PropagationKind};
use nix::libc;

/// `MOUNT_ATTR_*`, as `mount_setattr(2)` names them.
pub(crate) use libc::{
    MOUNT_ATTR__ATIME, MOUNT_ATTR_NOATIME, MOUNT_ATTR_NODEV, MOUNT_ATTR_NODIRATIME, MOUNT_ATTR_NOEXEC, MOUNT_ATTR_NOSUID,
    MOUNT_ATTR_NOSYMFOLLOW, MOUNT_ATTR_RDONLY, MOUNT_ATTR_RELATIME, MOUNT_ATTR_STRICTATIME,
};

/// What one word of `options` asks for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Effect {
    /// What the kernel does anyway.
    Nothing,
    /// An attribute of this mount.
    Attr(Change),
    /// An attribute of this mount and of all below it.
    AttrBelow(Change),
    /// `MS_*` bits of the superblock.
    Superblock(u64),
    /// `MS_*` bits the superblock must not have.
    NotSuperblock(u64),
    /// Shared, slave, private or unbindable.
    Propagation(Propagation),
    /// `bind`.
    Bind,
    /// `rbind`.
    BindBelow,
    /// `remount`.
    Remount,
    /// `tmpcopyup`.
    CopyUp,
    /// `idmap`.
    IdMap,
    /// `ridmap`.
    IdMapBelow,
}

/// A change of `MOUNT_ATTR_*` bits.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Change {
    /// These bits on.
    On(u64),
    /// These bits off.
    Off(u64),
    /// The atime mode is a value of three bits, not a bit: the whole field is replaced.
    Atime(u64),
    /// Away from this atime mode, to the kernel's default, which is relatime.
    NotAtime(u64),
}

use Change::{Atime, NotAtime, Off, On};
use Effect::{Attr, AttrBelow, NotSuperblock, Nothing, Superblock};

/// Every word the runtime understands, in alphabetical order.
pub(crate) const TABLE: &[(&str, Effect)] = &[
    // Since Linux 2.6 a file system that has access control lists has them on; runc takes the word, and so do old configs.
    ("acl", Nothing),
    ("async", NotSuperblock(libc::MS_SYNCHRONOUS)),
    ("atime", Attr(NotAtime(MOUNT_ATTR_NOATIME))),
    ("bind", Effect::Bind),
    ("defaults", Nothing),
    ("dev", Attr(Off(MOUNT_ATTR_NODEV))),
    ("diratime", Attr(Off(MOUNT_ATTR_NODIRATIME))),
    ("dirsync", Superblock(libc::MS_DIRSYNC)),
    ("exec", Attr(Off(MOUNT_ATTR_NOEXEC))),
    ("idmap", Effect::IdMap),
    ("iversion", Superblock(libc::MS_I_VERSION)),
    ("lazytime", Superblock(libc::MS_LAZYTIME)),
    ("loud", NotSuperblock(libc::MS_SILENT)),
    ("mand", Superblock(libc::MS_MANDLOCK)),
    ("noacl", Nothing),
    ("noatime", Attr(Atime(MOUNT_ATTR_NOATIME))),
    ("nodev", Attr(On(MOUNT_ATTR_NODEV))),
    ("nodiratime", Attr(On(MOUNT_ATTR_NODIRATIME))),
    ("noexec", Attr(On(MOUNT_ATTR_NOEXEC))),
    ("noiversion", NotSuperblock(libc::MS_I_VERSION)),
    ("nolazytime", NotSuperblock(libc::MS_LAZYTIME)),
    ("nomand", NotSuperblock(libc::MS_MANDLOCK)),
    // Relatime is the default that is left when no other mode is asked for.
    ("norelatime", Nothing),
    ("nostrictatime", Attr(NotAtime(MOUNT_ATTR_STRICTATIME))),
    ("nosuid", Attr(On(MOUNT_ATTR_NOSUID))),
    ("nosymfollow", Attr(On(MOUNT_ATTR_NOSYMFOLLOW))),
    ("private", propagate(PropagationKind::Private, false)),
    ("ratime", AttrBelow(NotAtime(MOUNT_ATTR_NOATIME))),
    ("rbind", Effect::BindBelow),
    ("rdev", AttrBelow(Off(MOUNT_ATTR_NODEV))),
    ("rdiratime", AttrBelow(Off(MOUNT_ATTR_NODIRATIME))),
    ("relatime", Attr(Atime(MOUNT_ATTR_RELATIME))),
    ("remount", Effect::Remount),
    ("rexec", AttrBelow(Off(MOUNT_ATTR_NOEXEC))),
    ("ridmap", Effect::IdMapBelow),
    ("rnoatime", AttrBelow(Atime(MOUNT_ATTR_NOATIME))),
    ("rnodev", AttrBelow(On(MOUNT_ATTR_NODEV))),
    ("rnodiratime", AttrBelow(On(MOUNT_ATTR_NODIRATIME))),
    ("rnoexec", AttrBelow(On(MOUNT_ATTR_NOEXEC))),
    ("rnorelatime", Nothing),
    ("rnostrictatime", AttrBelow(NotAtime(MOUNT_ATTR_STRICTATIME))),
    ("rnosuid", AttrBelow(On(MOUNT_ATTR_NOSUID))),
    ("rnosymfollow", AttrBelow(On(MOUNT_ATTR_NOSYMFOLLOW))),
    ("ro", Attr(On(MOUNT_ATTR_RDONLY))),
    ("rprivate", propagate(PropagationKind::Private, true)),
    ("rrelatime", AttrBelow(Atime(MOUNT_ATTR_RELATIME))),
    ("rro", AttrBelow(On(MOUNT_ATTR_RDONLY))),
    ("rrw", AttrBelow(Off(MOUNT_ATTR_RDONLY))),
    ("rshared", propagate(PropagationKind::Shared, true)),
    ("rslave", propagate(PropagationKind::Slave, true)),
    ("rstrictatime", AttrBelow(Atime(MOUNT_ATTR_STRICTATIME))),
    ("rsuid", AttrBelow(Off(MOUNT_ATTR_NOSUID))),
    ("rsymfollow", AttrBelow(Off(MOUNT_ATTR_NOSYMFOLLOW))),
    ("runbindable", propagate(PropagationKind::Unbindable, true)),
    ("rw", Attr(Off(MOUNT_ATTR_RDONLY))),
    ("shared", propagate(PropagationKind::Shared, false)),
    ("silent", Superblock(libc::MS_SILENT)),
    ("slave", propagate(PropagationKind::Slave, false)),
    ("strictatime", Attr(Atime(MOUNT_ATTR_STRICTATIME))),
    ("suid", Attr(Off(MOUNT_ATTR_NOSUID))),
    ("symfollow", Attr(Off(MOUNT_ATTR_NOSYMFOLLOW))),
    ("sync", Superblock(libc::MS_SYNCHRONOUS)),
    ("tmpcopyup", Effect::CopyUp),
    ("unbindable", propagate(PropagationKind::Unbindable, false)),
];

const fn propagate(kind: PropagationKind, recursive: bool) -> Effect {
    Effect::Propagation(Propagation { kind, recursive })
}

/// What a word of `options` asks for; none if it is the file system's.
pub(crate) fn effect(word: &str) -> Option<Effect> {
    let at = TABLE.binary_search_by_key(&word, |(name, _)| name).ok()?;
    TABLE.get(at).map(|(_, effect)| *effect)
}

/// `options`, and whether they make the mount a bind mount.
#[derive(Debug, Default)]
pub(super) struct Parsed {
    pub(super) options: MountOptions,
    pub(super) bind: Option<Bind>,
}

/// How much a bind mount shows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Bind {
    /// The directory's own mount.
    One,
    /// The mounts below it too.
    Below,
}

/// Sorts the words of `options`; of two that contradict each other the later one holds.
pub(super) fn parse(words: Vec<String>) -> Parsed {
    let mut parsed = Parsed::default();
    for word in words {
        match effect(&word) {
            Some(effect) => parsed.apply(effect),
            // `"options": [""]` is written by hand and means nothing.
            None if word.is_empty() => {}
            None => parsed.options.data.push(word),
        }
    }
    parsed
}

impl Parsed {
    fn apply(&mut self, effect: Effect) {
        let options = &mut self.options;
        match effect {
            Nothing => {}
            Attr(change) => change.apply(&mut options.set, &mut options.clear),
            AttrBelow(change) => change.apply(&mut options.recursive_set, &mut options.recursive_clear),
            Superblock(bits) => On(bits).apply(&mut options.superblock, &mut options.superblock_clear),
            NotSuperblock(bits) => Off(bits).apply(&mut options.superblock, &mut options.superblock_clear),
            Effect::Propagation(change) => options.propagation.push(change),
            Effect::Bind => self.bind = self.bind.or(Some(Bind::One)),
            Effect::BindBelow => self.bind = Some(Bind::Below),
            Effect::Remount => options.remount = true,
            Effect::CopyUp => options.copy_up = true,
            Effect::IdMap => options.map_ids(false),
            Effect::IdMapBelow => options.map_ids(true),
        }
    }
}

impl MountOptions {
    fn map_ids(&mut self, recursive: bool) {
        self.id_map = Some(MountIdMap { recursive, uid_mappings: Vec::new(), gid_mappings: Vec::new() });
    }
}

impl Change {
    fn apply(self, set: &mut u64, clear: &mut u64) {
        match self {
            On(bits) => (*set, *clear) = (*set | bits, *clear & !bits),
            Off(bits) => (*set, *clear) = (*set & !bits, *clear | bits),
            // `mount_setattr` wants the whole field cleared when it sets a mode.
            Atime(mode) => (*set, *clear) = (*set & !MOUNT_ATTR__ATIME | mode, *clear | MOUNT_ATTR__ATIME),
            // Another mode was asked for before: it stays.
            NotAtime(mode) if ![0, mode].contains(&(*set & MOUNT_ATTR__ATIME)) => {}
            NotAtime(_) => Atime(MOUNT_ATTR_RELATIME).apply(set, clear),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(words: &[&str], expected: MountOptions) {
        let parsed = parse(words.iter().map(|word| (*word).to_owned()).collect());
        assert_eq!(parsed.options, expected, "{words:?}");
    }

    #[test]
    fn the_table_is_in_order_and_without_doubles() {
        assert!(TABLE.windows(2).all(|pair| pair[0].0 < pair[1].0));
    }

    #[test]
    fn a_recursive_word_does_below_what_the_plain_one_does() {
        for (name, effect) in TABLE {
            let Some((_, AttrBelow(below))) = TABLE.iter().find(|(other, _)| *other == format!("r{name}")) else { continue };
            assert_eq!(*effect, Attr(*below), "{name}");
        }
    }

    #[test]
    fn the_words_the_specification_demands_are_known() {
        let demanded = "async atime bind defaults dev diratime dirsync exec iversion lazytime loud noatime nodev nodiratime noexec noiversion \
            nolazytime norelatime nostrictatime nosuid private rbind relatime remount ro rprivate rshared rslave runbindable rw shared silent \
            slave strictatime suid sync unbindable nosymfollow symfollow rro rrw rsuid rnosuid rdev rnodev rexec rnoexec ratime rnoatime \
            rdiratime rnodiratime rrelatime rnorelatime rstrictatime rnostrictatime rsymfollow rnosymfollow tmpcopyup idmap ridmap mand nomand";
        for word in demanded.split_whitespace() {
            assert!(effect(word).is_some(), "{word}");
        }
    }

    #[test]
    fn of_two_words_that_contradict_each_other_the_later_one_holds() {
        check(&["ro", "rw"], MountOptions { clear: MOUNT_ATTR_RDONLY, ..Default::default() });
        check(&["suid", "nosuid"], MountOptions { set: MOUNT_ATTR_NOSUID, ..Default::default() });
        check(&["mand", "nomand"], MountOptions { superblock_clear: libc::MS_MANDLOCK, ..Default::default() });
        check(&["async", "sync"], MountOptions { superblock: libc::MS_SYNCHRONOUS, ..Default::default() });
    }

    #[test]
    fn an_atime_mode_replaces_the_one_before() {
        let mode = |set| MountOptions { set, clear: MOUNT_ATTR__ATIME, ..Default::default() };
        check(&["noatime", "strictatime"], mode(MOUNT_ATTR_STRICTATIME));
        check(&["strictatime", "relatime"], mode(MOUNT_ATTR_RELATIME));
        check(&["noatime", "atime"], mode(MOUNT_ATTR_RELATIME));
        check(&["noatime", "nostrictatime"], mode(MOUNT_ATTR_NOATIME));
        check(&["norelatime"], MountOptions::default());
    }

    #[test]
    fn unknown_words_are_the_file_systems() {
        check(&["size=1m", "", "mode=755"], MountOptions { data: vec!["size=1m".into(), "mode=755".into()], ..Default::default() });
    }

    #[test]
    fn propagation_changes_keep_their_order() {
        let change = |kind, recursive| Propagation { kind, recursive };
        let expected = vec![change(PropagationKind::Slave, true), change(PropagationKind::Shared, false)];
        check(&["rslave", "shared"], MountOptions { propagation: expected, ..Default::default() });
    }
}
