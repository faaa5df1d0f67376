//! The library in a program with many threads: whatever they hold at the moment of a clone, no child waits for it.

#![allow(clippy::unwrap_used, clippy::panic)]

mod world;

use std::hint::black_box;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering::Relaxed};
use std::thread;
use std::time::{Duration, Instant};
use world::{Random, World};

const CONTAINERS: usize = 1000;
const WORKERS: usize = 4;
const ALLOCATORS: u64 = 16;

/// Allocates and frees all the time, of all sizes.
fn allocate_until(done: &AtomicBool, seed: u64) {
    let mut random = Random(seed);
    let mut kept: Vec<Vec<u8>> = Vec::new();
    while !done.load(Relaxed) {
        for _ in 0..200 {
            let size = 1 << random.below(18);
            kept.push(black_box(vec![1; size]));
            if kept.len() > 16 {
                kept.swap_remove(usize::try_from(random.below(16)).unwrap());
            }
        }
        thread::yield_now();
    }
}

/// Ends the whole process if the containers do not come to an end.
fn watch(done: &AtomicBool, count: &AtomicUsize) {
    let deadline = Instant::now() + Duration::from_secs(300);
    while !done.load(Relaxed) {
        if Instant::now() > deadline {
            eprintln!("deadlock: {} of {CONTAINERS} containers came and went", count.load(Relaxed));
            std::process::abort();
        }
        thread::sleep(Duration::from_millis(20));
    }
}

/// One container's whole life, by the public calls.
fn live(world: &World, number: usize) {
    let id = world.id(&number.to_string());
    let code = number % 200;
    let bundle = world.script(&id, &format!("exit {code}"));
    let mut container = world.runtime.create(&id, &world.silent(&bundle)).unwrap();
    container.start().unwrap();
    let ended = container.wait().unwrap();
    assert_eq!(ended.code(), i32::try_from(code).unwrap(), "{id}");
    container.delete().unwrap();
}

#[test]
fn a_thousand_containers_come_and_go_beside_threads_that_allocate() {
    let Some(world) = World::new() else { return };
    let before = world.look();
    let (done, count) = (AtomicBool::new(false), AtomicUsize::new(0));
    thread::scope(|scope| {
        scope.spawn(|| watch(&done, &count));
        for seed in 0..ALLOCATORS {
            let done = &done;
            scope.spawn(move || allocate_until(done, seed));
        }
        let work = || {
            loop {
                let number = count.fetch_add(1, Relaxed);
                if number >= CONTAINERS {
                    return;
                }
                live(&world, number);
            }
        };
        let workers: Vec<_> = (0..WORKERS).map(|_| scope.spawn(work)).collect();
        let ended: Vec<_> = workers.into_iter().map(|worker| worker.join()).collect();
        done.store(true, Relaxed);
        assert!(ended.iter().all(Result::is_ok));
    });
    before.assert_unchanged(&world, "after a thousand");
}
