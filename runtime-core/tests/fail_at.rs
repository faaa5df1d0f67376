//! Every step of a plan fails once, and once is the last thing its process does: the error says which, and nothing is left.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod world;

use nix::errno::Errno;
use runtime_core::{Create, ErrorKind, FailAt, Status};
use serde_json::{Value, json};
use std::path::PathBuf;
use world::World;

/// The steps of a plan as it is rendered: what comes before them is about cgroups, the clone, and what the parent brings.
fn steps(plan: &str) -> Vec<String> {
    let parents = ["cgroup ", "limit ", "clone", "map-", "bring "];
    plan.lines()
        .filter(|line| !parents.iter().any(|word| line.starts_with(word) && *line != "clone-tree") || line.starts_with("clone-"))
        .map(str::to_owned)
        .collect()
}

struct Walk<'a> {
    world: &'a World,
    id: String,
    bundle: PathBuf,
    steps: Vec<String>,
}

impl<'a> Walk<'a> {
    fn new(world: &'a World, name: &str, change: impl FnOnce(&mut Value)) -> Self {
        let id = world.id(name);
        let bundle = world.bundle(&id, change);
        let plan = world.runtime.plan(&id, &Create::of(&bundle)).unwrap();
        let (code, _) = world.run(&id, &bundle).unwrap_or_else(|error| panic!("{error}\n{plan}"));
        assert_eq!(code, 0, "{plan}");
        Self { world, id, bundle, steps: steps(&plan) }
    }

    /// All of them, one after the other, both ways.
    fn every_step(&self) {
        let park = self.steps.iter().position(|step| step.starts_with("park")).unwrap();
        assert!(park > 50 && park + 1 < self.steps.len(), "{:?}", self.steps);
        let before = self.world.look();
        for (index, step) in self.steps.iter().enumerate() {
            let named = self.last_words(index, park);
            before.assert_unchanged(self.world, &format!("after death at {index} {step}"));
            self.complaint(index, park, &named);
            before.assert_unchanged(self.world, &format!("after failure at {index} {step}"));
        }
    }

    fn request(&self, index: usize, errno: i32) -> Create {
        Create { fail_at: Some(FailAt { step: index.try_into().unwrap(), errno }), ..self.world.silent(&self.bundle) }
    }

    /// Dies without a word: the parent knows where all the same. What the step is about and which call it makes, as it is told.
    fn last_words(&self, index: usize, park: usize) -> String {
        let created = self.world.runtime.create(&self.id, &self.request(index, 0));
        if index >= park {
            let mut container = created.unwrap();
            // A death behind the gate cannot be told from a program that ended at once.
            let started = container.start();
            assert!(started.is_ok() || started.unwrap_err().kind() == ErrorKind::WrongState);
            // The gate is closed by the death before the death is seen.
            let soon = std::time::Instant::now() + std::time::Duration::from_secs(5);
            while container.status().unwrap() != Status::Stopped {
                assert!(std::time::Instant::now() < soon, "{}", self.steps[index]);
                std::thread::yield_now();
            }
            container.delete().unwrap();
            return String::new();
        }
        let error = created.expect_err(&self.steps[index]);
        assert_eq!(error.kind(), ErrorKind::Step, "{error}");
        let begin = format!("exited with 137 at step {} of {}: ", index + 1, self.steps.len());
        let words = error.to_string();
        words.strip_prefix(&begin).unwrap_or_else(|| panic!("{words} is not {begin}, at {}", self.steps[index])).to_owned()
    }

    /// Fails as a system call does: the same is named, with the errno.
    fn complaint(&self, index: usize, park: usize, named: &str) {
        let step = &self.steps[index];
        let created = self.world.runtime.create(&self.id, &self.request(index, Errno::EIO as i32));
        if index >= park {
            let mut container = created.unwrap();
            let error = container.start().expect_err(step);
            assert!(index == park || error.to_string().contains("(EIO)"), "{error}");
            assert_eq!(container.status().unwrap(), Status::Stopped, "{step}");
            container.delete().unwrap();
            return;
        }
        let error = created.expect_err(step);
        assert_eq!(error.errno(), Some(Errno::EIO as i32), "{step}: {error}");
        match step.starts_with("find-program") {
            true => assert_eq!(error.to_string(), "exec: \"/bin/true\": input/output error (EIO)"),
            false => assert_eq!(error.to_string(), format!("{named}: input/output error (EIO)"), "{step}"),
        }
        names_call(step, named);
        names_subject(step, named);
    }
}

/// A few steps and their calls by hand, since both errors above have their words from the same place.
fn names_call(step: &str, named: &str) {
    const CALLS: [(&str, &str); 12] = [
        ("set-sid", "setsid"),
        ("attach-cgroup", "write"),
        ("attach", "move_mount"),
        ("pivot", "pivot_root"),
        ("clone-tree", "open_tree"),
        ("make-node", "mknod"),
        ("mask-path", "mount"),
        ("ids", "setresuid"),
        ("capabilities", "capset"),
        ("host-name", "sethostname"),
        ("change-directory", "chdir"),
        ("hop", "clone"),
    ];
    let name = step.split(' ').next().unwrap_or_default();
    if let Some((_, call)) = CALLS.iter().find(|(op, _)| *op == name) {
        assert_eq!(named.rsplit(": ").next(), Some(*call), "{step} is told as {named}");
    }
}

/// A step about a path of the config names that path.
fn names_subject(step: &str, named: &str) {
    if ["mask-path", "read-only-path"].iter().any(|op| step.starts_with(op)) {
        let path = step.split('"').nth(1).unwrap();
        assert!(named.contains(path) && named.starts_with("linux."), "{step} is told as {named}");
    }
}

fn hooks(config: &mut Value) {
    let hook = json!([{"path": "/bin/true"}]);
    config["hooks"] = json!({"prestart": hook, "createRuntime": hook, "createContainer": hook});
}

fn push_namespace(config: &mut Value, namespace: Value) {
    let all = config["linux"]["namespaces"].as_array_mut().unwrap();
    all.retain(|other| other["type"] != namespace["type"]);
    all.push(namespace);
}

#[test]
fn every_step_of_the_default_config_with_hooks_can_fail() {
    let Some(world) = World::new() else { return };
    Walk::new(&world, "default", hooks).every_step();
}

#[test]
fn every_step_with_a_user_namespace_can_fail() {
    let Some(world) = World::new() else { return };
    let walk = Walk::new(&world, "user", |config| {
        push_namespace(config, json!({"type": "user"}));
        let map = json!([{"containerID": 0, "hostID": 100_000, "size": 65536}]);
        config["linux"]["uidMappings"] = map.clone();
        config["linux"]["gidMappings"] = map;
    });
    walk.every_step();
}

#[test]
fn every_step_with_a_joined_pid_namespace_can_fail() {
    let Some(world) = World::new() else { return };
    let id = world.id("host");
    let bundle = world.script(&id, "exec sleep 1000");
    let mut container = world.runtime.create(&id, &world.silent(&bundle)).unwrap();
    container.start().unwrap();
    let path = format!("/proc/{}/ns/pid", container.init_pid().unwrap());
    let walk = Walk::new(&world, "hop", |config| push_namespace(config, json!({"type": "pid", "path": path})));
    assert!(walk.steps.iter().any(|step| step.starts_with("hop")), "{:?}", walk.steps);
    walk.every_step();
    world.runtime.delete_forced(&id).unwrap();
}

#[test]
fn a_failure_after_the_gate_is_named_whatever_create_was_asked_for() {
    let Some(world) = World::new() else { return };
    let id = world.id("exec");
    let bundle = world.bundle(&id, |config| config["process"]["args"] = json!(["/etc/passwd"]));
    let file = world.rootfs().join("etc/passwd");
    std::fs::set_permissions(file, std::os::unix::fs::PermissionsExt::from_mode(0o755)).unwrap();
    let notify_socket = Some(world.dir.join("notify.sock"));
    let requests = [
        world.silent(&bundle),
        Create { keyring: runtime_core::Keyring::Inherit, ..world.silent(&bundle) },
        Create { pivot: runtime_core::Pivot::Move, ..world.silent(&bundle) },
        Create { notify_socket, ..world.silent(&bundle) },
    ];
    for request in requests {
        let mut container = world.runtime.create(&id, &request).unwrap();
        let error = container.start().unwrap_err();
        assert_eq!(error.to_string(), "exec /etc/passwd: exec format error (ENOEXEC)", "{request:?}");
        container.delete().unwrap();
    }
}
