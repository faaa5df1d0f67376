//! The store, with several at it at once.

#![allow(clippy::unwrap_used)]

use super::*;
use std::os::unix::fs::{MetadataExt, PermissionsExt, symlink};
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::{fs, thread};

/// A state directory that is removed in the end.
struct Scratch(Store);

impl Scratch {
    fn new(name: &str) -> Self {
        let root = std::env::temp_dir().join(format!("state-{}-{name}", std::process::id()));
        let _ = fs::remove_dir_all(&root);
        Self(Store::new(root))
    }
}

impl Deref for Scratch {
    type Target = Store;

    fn deref(&self) -> &Store {
        &self.0
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.root);
    }
}

fn kind<T>(result: Result<T>) -> ErrorKind {
    result.err().unwrap().kind()
}

#[test]
fn a_container_is_created_read_changed_and_removed() {
    let store = Scratch::new("life");
    let mut record = Record::new("web1");
    let locked = store.create(&record).unwrap();
    assert_eq!(fs::metadata(&store.root).unwrap().permissions().mode() & 0o7777, 0o1700);
    assert_eq!(fs::metadata(locked.path()).unwrap().permissions().mode() & 0o7777, 0o711);
    assert_eq!(fs::metadata(locked.path().join(RECORD)).unwrap().mode() & 0o7777, 0o600);
    assert_eq!(store.open("web1").unwrap().record().unwrap(), record);

    record.phase = Phase::Created;
    locked.write_config(b"{}").unwrap();
    locked.write(&record).unwrap();
    drop(locked);
    let entry = store.open("web1").unwrap();
    assert_eq!((entry.record().unwrap(), entry.config().unwrap()), (record, b"{}".to_vec()));

    store.lock("web1").unwrap().remove().unwrap();
    assert_eq!(kind(entry.record()), ErrorKind::NotFound, "an entry that was open");
    assert_eq!(kind(store.open("web1")), ErrorKind::NotFound);
    assert_eq!(kind(store.lock("web1")), ErrorKind::NotFound);
    assert_eq!(store.ids().unwrap(), [""; 0]);
}

#[test]
fn errors_are_the_words_that_engines_look_for() {
    let store = Scratch::new("words");
    let _web1 = store.create(&Record::new("web1")).unwrap();
    let again = store.create(&Record::new("web1")).unwrap_err();
    assert_eq!(format!("{again:?}"), "AlreadyExists: container with given ID already exists");
    let missing = store.open("web2").unwrap_err();
    assert_eq!(format!("{missing:?}"), "NotFound: container does not exist");
    let invalid = store.open("../web1").unwrap_err();
    assert_eq!(format!("{invalid:?}"), "InvalidId: invalid container ID format");
}

#[test]
fn no_way_into_the_state_leads_out_of_it() {
    let store = Scratch::new("out");
    let _web1 = store.create(&Record::new("web1")).unwrap();
    for id in ["", ".", "..", "web1/../web1", "/web1"] {
        let told = [kind(store.create(&Record::new(id))), kind(store.open(id)), kind(store.lock(id))];
        assert_eq!(told, [ErrorKind::InvalidId; 3], "{id:?}");
    }
}

#[test]
fn what_is_written_and_read_is_no_link_and_nothing_of_what_was_there() {
    let store = Scratch::new("links");
    let locked = store.create(&Record::new("web1")).unwrap();
    let (file, foreign) = (locked.path().join(CONFIG), store.root.join("foreign"));
    locked.write_config(b"{\"long\": true}").unwrap();
    locked.write_config(b"{}").unwrap();
    assert_eq!(locked.config().unwrap(), b"{}");
    fs::write(&foreign, "mine").unwrap();
    fs::remove_file(&file).unwrap();
    symlink(&foreign, &file).unwrap();
    let refused = [locked.write_config(b"{}").unwrap_err(), locked.config().unwrap_err()].map(|error| error.errno());
    assert_eq!(refused, [Some(Errno::ELOOP as i32); 2]);
    assert_eq!(fs::read(&foreign).unwrap(), b"mine");
}

#[test]
fn a_missing_root_is_not_an_empty_one() {
    let store = Scratch::new("missing");
    let error = store.ids().unwrap_err();
    assert_eq!((error.kind(), error.errno()), (ErrorKind::Call, Some(Errno::ENOENT as i32)));
    assert_eq!(kind(store.open("web1")), ErrorKind::NotFound);
}

#[test]
fn ids_are_sorted_and_foreign_files_passed_over() {
    let store = Scratch::new("ids");
    for id in ["b", "a", "c.1"] {
        drop(store.create(&Record::new(id)).unwrap());
    }
    fs::write(store.root.join("file"), "").unwrap();
    fs::create_dir(store.root.join("not an id")).unwrap();
    symlink("a", store.root.join("link")).unwrap();
    assert_eq!(store.ids().unwrap(), ["a", "b", "c.1"]);
}

#[test]
fn what_a_killed_create_left_can_be_removed() {
    let store = Scratch::new("stray");
    fs::create_dir_all(store.root.join("web1")).unwrap();
    assert_eq!(kind(store.open("web1").unwrap().record()), ErrorKind::NotFound);
    assert_eq!(kind(store.create(&Record::new("web1"))), ErrorKind::AlreadyExists);
    store.lock("web1").unwrap().remove().unwrap();
    store.create(&Record::new("web1")).unwrap();
}

#[test]
fn removing_follows_no_symbolic_link() {
    let store = Scratch::new("links");
    let locked = store.create(&Record::new("web1")).unwrap();
    let outside = store.root.join("outside");
    fs::create_dir(&outside).unwrap();
    fs::write(outside.join("kept"), "").unwrap();
    symlink(&outside, locked.path().join("link")).unwrap();
    fs::create_dir(locked.path().join("notify")).unwrap();
    symlink(&outside, locked.path().join("notify/link")).unwrap();
    locked.remove().unwrap();
    assert!(outside.join("kept").exists());
    symlink(&outside, store.root.join("web1")).unwrap();
    assert!(store.lock("web1").is_err());
}

#[test]
fn a_half_made_container_is_creating_while_somebody_is_at_it() {
    let store = Scratch::new("busy");
    let record = Record::new("web1");
    let locked = store.create(&record).unwrap();
    let status = |entry: &Entry| entry.signs(&record).unwrap().status(|| Ok(false)).unwrap().to_string();
    let entry = store.open("web1").unwrap();
    assert_eq!(status(&entry), "creating");
    drop(locked);
    assert_eq!(status(&entry), "stopped");
}

#[test]
fn a_container_with_a_gate_is_created_and_without_one_running() {
    let store = Scratch::new("gated");
    let mut record = Record::new("web1");
    record.phase = Phase::Created;
    record.init = crate::state::Identity::of(std::process::id().try_into().unwrap()).unwrap();
    let locked = store.create(&record).unwrap();
    let status = || locked.signs(&record).unwrap().status(|| Ok(false)).unwrap().to_string();
    assert_eq!(status(), "running");
    let _ends = Gate::make(&*locked).unwrap();
    assert_eq!(status(), "created");
}

#[test]
fn one_waits_for_another_and_finds_the_container_gone() {
    let store = Scratch::new("wait");
    let locked = store.create(&Record::new("web1")).unwrap();
    let waited = AtomicBool::new(false);
    thread::scope(|scope| {
        let second = scope.spawn(|| {
            let found = store.lock("web1").map(|entry| entry.record());
            waited.store(true, Relaxed);
            found
        });
        thread::sleep(std::time::Duration::from_millis(50));
        assert!(!waited.load(Relaxed));
        locked.remove().unwrap();
        assert_eq!(kind(second.join().unwrap()), ErrorKind::NotFound);
    });
}

#[test]
fn creating_deleting_and_listing_at_once_never_shows_a_broken_state() {
    let store = Scratch::new("race");
    drop(store.create(&Record::new("other")).unwrap());
    let done = AtomicBool::new(false);
    thread::scope(|scope| {
        let workers = [0, 1].map(|_| scope.spawn(|| (0..1000).filter(|_| come_and_go(&store)).count()));
        let reader = scope.spawn(|| read_until(&store, &done));
        let lives: usize = workers.map(|worker| worker.join().unwrap()).iter().sum();
        done.store(true, Relaxed);
        let seen = reader.join().unwrap();
        assert!(lives > 0 && seen > 0, "{lives} lives, seen {seen} times");
    });
    assert_eq!(store.ids().unwrap(), ["other"]);
}

/// One life of `web1`, ended by whoever gets to it, as a forced delete does.
fn come_and_go(store: &Store) -> bool {
    let made = match store.create(&Record::new("web1")) {
        Ok(locked) => locked.write_config(b"{}").is_ok(),
        Err(error) => {
            assert_eq!(error.kind(), ErrorKind::AlreadyExists, "{error}");
            false
        }
    };
    match store.lock("web1").and_then(Locked::remove) {
        Ok(()) => made,
        Err(error) => {
            assert_eq!(error.kind(), ErrorKind::NotFound, "{error}");
            false
        }
    }
}

/// Reads everything again and again: whole or not there.
fn read_until(store: &Store, done: &AtomicBool) -> usize {
    let mut seen = 0;
    while !done.load(Relaxed) {
        for id in store.ids().unwrap() {
            match store.open(&id).and_then(|entry| entry.record()) {
                Ok(record) => {
                    assert_eq!(record.id, id);
                    seen += 1;
                }
                Err(error) => assert_eq!(error.kind(), ErrorKind::NotFound, "{error}"),
            }
        }
    }
    seen
}
