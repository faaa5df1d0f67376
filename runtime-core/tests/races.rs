//! Several callers at once: each gets a whole answer, and one of them what it wanted.

#![allow(clippy::unwrap_used, clippy::panic)]

mod world;

use runtime_core::{Container, Error, ErrorKind, Status};
use std::sync::Barrier;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering::Relaxed};
use std::thread;
use std::time::{Duration, Instant};
use world::World;

const ROUNDS: usize = 60;

#[test]
fn of_two_who_create_the_same_id_one_wins() {
    let Some(world) = World::new() else { return };
    let id = world.id("same");
    let bundle = world.script(&id, "exit 3");
    let before = world.look();
    for round in 0..ROUNDS {
        let together = Barrier::new(2);
        let create = || {
            let request = world.silent(&bundle);
            together.wait();
            world.runtime.create(&id, &request)
        };
        let (one, other) = thread::scope(|scope| {
            let other = scope.spawn(create);
            (create(), other.join().unwrap())
        });
        let (mut winner, loser) = match (one, other) {
            (Ok(winner), Err(loser)) | (Err(loser), Ok(winner)) => (winner, loser),
            both => panic!("round {round}: {both:?}"),
        };
        assert_eq!(loser.kind(), ErrorKind::AlreadyExists, "{loser}");
        winner.start().unwrap();
        assert_eq!(winner.wait().unwrap().code(), 3);
        winner.delete().unwrap();
        before.assert_unchanged(&world, &format!("round {round}"));
    }
}

/// Reads all there is, again and again, until it is over.
fn read_until(world: &World, done: &AtomicBool, seen: &AtomicUsize) {
    while !done.load(Relaxed) {
        for container in world.runtime.list().unwrap() {
            let state = container.state().unwrap_or_else(|error| panic!("{}: {error}", container.id()));
            assert!(state.pid > 0 || matches!(state.status, Status::Stopped | Status::Creating), "{state:?}");
            seen.fetch_add(1, Relaxed);
        }
        match world.runtime.load(&world.id("read0")).map(|container| container.state().map(drop)) {
            Ok(read) => read.unwrap(),
            Err(error) => assert_eq!(error.kind(), ErrorKind::NotFound, "{error}"),
        }
    }
}

#[test]
fn whoever_reads_while_containers_come_and_go_has_no_errors() {
    let Some(world) = World::new() else { return };
    let keeper = world.id("keeper");
    let bundle = world.script(&keeper, "exit 0");
    let _keeper = world.runtime.create(&keeper, &world.silent(&bundle)).unwrap();
    let before = world.look();
    let (done, seen) = (AtomicBool::new(false), AtomicUsize::new(0));
    thread::scope(|scope| {
        let readers = [0, 1].map(|_| scope.spawn(|| read_until(&world, &done, &seen)));
        for number in 0..ROUNDS {
            let id = world.id(&format!("read{}", number % 2));
            let bundle = world.script(&id, "exec sleep 1000");
            let mut container = world.runtime.create(&id, &world.silent(&bundle)).unwrap();
            if number % 3 != 0 {
                container.start().unwrap();
            }
            if number % 3 == 1 {
                container.pause().unwrap();
            }
            world.runtime.delete_forced(&id).unwrap();
        }
        done.store(true, Relaxed);
        for reader in readers {
            reader.join().unwrap();
        }
    });
    assert!(seen.load(Relaxed) > ROUNDS, "only {seen:?} were seen");
    before.assert_unchanged(&world, "all are deleted");
}

/// What a start and a delete at the same moment may say.
fn is_consistent(started: &Result<(), Error>, deleted: &Result<Vec<Error>, Error>) -> bool {
    let kind = |error: &Error| error.kind();
    match (started, deleted) {
        // It ran first, and what runs is not deleted; or it had ended already.
        (Ok(()), Err(error)) => kind(error) == ErrorKind::WrongState,
        (Ok(()), Ok(_)) => true,
        (Err(error), Ok(_)) => matches!(kind(error), ErrorKind::NotFound | ErrorKind::WrongState),
        (Err(_), Err(_)) => false,
    }
}

/// Now one is first, and now the other.
fn wait(round: usize) {
    let pause = Duration::from_micros(100 * u64::try_from(round % 4).unwrap());
    let begun = Instant::now();
    while begun.elapsed() < pause {
        std::hint::spin_loop();
    }
}

#[test]
fn of_a_start_and_a_delete_one_has_its_way() {
    let Some(world) = World::new() else { return };
    let id = world.id("start");
    let bundle = world.script(&id, "exec sleep 1000");
    let before = world.look();
    for round in 0..ROUNDS {
        let mut container = world.runtime.create(&id, &world.silent(&bundle)).unwrap();
        let other: Container = world.runtime.load(&id).unwrap();
        let together = Barrier::new(2);
        let (started, deleted) = thread::scope(|scope| {
            let deleting = scope.spawn(|| {
                together.wait();
                wait(round / 4);
                other.delete()
            });
            together.wait();
            wait(round);
            (container.start(), deleting.join().unwrap())
        });
        assert!(is_consistent(&started, &deleted), "round {round}: {started:?} {deleted:?}");
        println!("round {round}: {}", if started.is_ok() { "started" } else { "deleted" });
        assert_eq!(started.is_ok(), container.init_pid().is_some(), "round {round}: {started:?} {deleted:?}");
        drop(container);
        world.runtime.delete_forced(&id).unwrap();
        before.assert_unchanged(&world, &format!("round {round}: {started:?} {deleted:?}"));
    }
}

#[test]
fn of_two_who_delete_by_force_both_succeed() {
    let Some(world) = World::new() else { return };
    let id = world.id("force");
    let bundle = world.script(&id, "exec sleep 1000");
    let before = world.look();
    for round in 0..ROUNDS {
        let mut container = world.runtime.create(&id, &world.silent(&bundle)).unwrap();
        container.start().unwrap();
        drop(container);
        thread::scope(|scope| {
            let other = scope.spawn(|| world.runtime.delete_forced(&id));
            world.runtime.delete_forced(&id).unwrap();
            other.join().unwrap().unwrap();
        });
        before.assert_unchanged(&world, &format!("round {round}"));
    }
}

/// Containers are looked at one by one, not all held open at once.
#[test]
fn a_list_is_whole_however_few_files_may_be_open() {
    use nix::sys::resource::{Resource, getrlimit, setrlimit};
    let Some(world) = World::new() else { return };
    let id = world.id("first");
    let bundle = world.bundle(&id, |_| ());
    world.runtime.create(&id, &world.silent(&bundle)).unwrap();
    let state = world.dir.join("state");
    let record = std::fs::read_to_string(state.join(&id).join("state.json")).unwrap();
    for number in 0..60 {
        let other = format!("{id}-{number}");
        std::fs::create_dir(state.join(&other)).unwrap();
        std::fs::write(state.join(&other).join("state.json"), record.replace(&format!("\"{id}\""), &format!("\"{other}\""))).unwrap();
    }
    let (soft, hard) = getrlimit(Resource::RLIMIT_NOFILE).unwrap();
    setrlimit(Resource::RLIMIT_NOFILE, 40, hard).unwrap();
    let ids: Vec<_> = world.runtime.list().unwrap().map(|container| container.id().to_owned()).collect();
    setrlimit(Resource::RLIMIT_NOFILE, soft, hard).unwrap();
    (0..60).for_each(|number| std::fs::remove_dir_all(state.join(format!("{id}-{number}"))).unwrap());
    world.runtime.delete_forced(&id).unwrap();
    assert_eq!(ids.len(), 61, "{ids:?}");
}
