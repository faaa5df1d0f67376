//! What a case is: how it differs from the default bundle, what is done with a runtime, and what must be seen.
//!
//! A case is data. It never looks at which runtime plays it.
//!
//! ```ignore
//! Case::new("mounts/bind", "config.md#mounts")
//!     .push("/mounts", json!({"destination": "/mnt", "source": "{dir}/source", "options": ["bind", "ro"]}))
//!     .sees("mountinfo", "* /mnt ro,* - *")
//! ```

use serde_json::Value;

/// One thing to do to the default config, in the order given.
#[derive(Clone)]
pub(crate) enum Edit {
    /// The value at this JSON pointer becomes this; objects on the way are made.
    Set(&'static str, Value),
    /// The array at this JSON pointer gets one more entry.
    Push(&'static str, Value),
    /// The value at this JSON pointer becomes a string of this length; made only when it is played.
    Long(&'static str, usize),
    /// The array at this JSON pointer gets so many copies of one entry.
    Copies(&'static str, usize, Value),
    /// What this JSON pointer names goes away.
    Remove(&'static str),
    /// The file's text is this, whatever the value was.
    Text(&'static str),
    /// Only this many bytes of the text are written.
    Cut(usize),
    /// There is no file.
    Missing,
}

/// What the bundle has besides the usual.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Fixture {
    /// The root file system belongs to this user and group.
    OwnedBy(u32),
    /// The host's mount tree is private instead of shared.
    PrivateHost,
    /// `{dir}/source/sub` is a mount of its own.
    Submount,
    /// A process that holds new namespaces of these types, found as `{ns:pid}` …
    Holder(&'static str),
    /// The host has this cgroup controller; elsewhere the case is not played.
    Controller(&'static str),
    /// This path of the root file system is taken away.
    Without(&'static str),
    /// This path of the root file system becomes a symlink to that.
    Symlink(&'static str, &'static str),
}

/// What is done in a step.
#[derive(Clone)]
pub(crate) enum Act {
    /// The runtime is called with these words.
    Runtime(Vec<String>),
    /// A shell of the host runs this; its output is a section called `host`.
    Host(String),
    /// The container's first process is awaited, as a shim does.
    Wait,
    /// `state` is asked until it answers with this status.
    Until(&'static str),
    /// The container's cgroup files are read from the host.
    Cgroup,
    /// A second bundle is written to `{dir}/second`: the default config with these edits.
    Second(Vec<Edit>),
    /// A terminal is awaited on `{dir}/console.sock`.
    Console,
}

/// How a step has to end.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum End {
    /// With this exit code.
    Code(i32),
    /// Not with 0, and with one clear line on standard error.
    Refusal,
    /// Not with 0; the words may come from the container too.
    Failure,
    /// Only the comparison with the reference judges it.
    Any,
}

/// One step of a case.
#[derive(Clone)]
pub(crate) struct Step {
    /// What sections and results of this step are called.
    pub(crate) label: &'static str,
    /// What is done.
    pub(crate) act: Act,
    /// How it has to end.
    pub(crate) end: End,
    /// Additions to the environment of the runtime.
    pub(crate) env: Vec<(&'static str, &'static str)>,
    /// Standard input; `/dev/null` when empty.
    pub(crate) stdin: &'static str,
}

impl Step {
    fn new(label: &'static str, act: Act) -> Self {
        Self { label, act, end: End::Code(0), env: Vec::new(), stdin: "" }
    }

    pub(crate) fn ends(mut self, end: End) -> Self {
        self.end = end;
        self
    }

    pub(crate) fn exits(self, code: i32) -> Self {
        self.ends(End::Code(code))
    }

    pub(crate) fn refuses(self) -> Self {
        self.ends(End::Refusal)
    }

    pub(crate) fn any(self) -> Self {
        self.ends(End::Any)
    }

    pub(crate) fn label(mut self, label: &'static str) -> Self {
        self.label = label;
        self
    }

    pub(crate) fn env(mut self, name: &'static str, value: &'static str) -> Self {
        self.env.push((name, value));
        self
    }

    pub(crate) fn stdin(mut self, text: &'static str) -> Self {
        self.stdin = text;
        self
    }
}

/// The runtime with these words; the first one names the step.
pub(crate) fn call(words: &[&'static str]) -> Step {
    let label = words.iter().find(|word| !word.starts_with('-')).copied().unwrap_or("nothing");
    Step::new(label, Act::Runtime(words.iter().map(ToString::to_string).collect()))
}

/// `exec` of a shell line in the container.
pub(crate) fn exec(options: &[&'static str], line: &'static str) -> Step {
    let words = [&["exec"], options, &["{id}", "/bin/sh", "-c", line]].concat();
    call(&words)
}

/// A shell line on the host.
pub(crate) fn host(line: &'static str) -> Step {
    Step::new("host", Act::Host(line.to_owned()))
}

/// Wait for the container's first process to end.
pub(crate) fn wait(end: End) -> Step {
    Step::new("wait", Act::Wait).ends(end)
}

/// Wait for this status.
pub(crate) fn until(status: &'static str) -> Step {
    Step::new("until", Act::Until(status))
}

/// Read the container's cgroup files.
pub(crate) fn cgroup() -> Step {
    Step::new("cgroup", Act::Cgroup)
}

/// Write a second bundle.
pub(crate) fn second(edits: Vec<Edit>) -> Step {
    Step::new("second", Act::Second(edits))
}

/// Listen for a terminal.
pub(crate) fn console() -> Step {
    Step::new("console", Act::Console)
}

/// `create`, the way engines call it.
pub(crate) fn create() -> Step {
    call(&["create", "--pid-file", "{dir}/pid", "{id}"])
}

/// `start`.
pub(crate) fn start() -> Step {
    call(&["start", "{id}"])
}

/// `delete`.
pub(crate) fn delete() -> Step {
    call(&["delete", "{id}"])
}

/// `delete --force`.
pub(crate) fn delete_force() -> Step {
    call(&["delete", "--force", "{id}"])
}

/// `kill` with this signal.
pub(crate) fn kill(signal: &'static str) -> Step {
    call(&["kill", "{id}", signal])
}

/// `state`.
pub(crate) fn state() -> Step {
    call(&["state", "{id}"])
}

/// A line that must be, or must not be, in a section.
#[derive(Clone)]
pub(crate) struct Sight {
    /// The section's name.
    pub(crate) section: &'static str,
    /// A pattern for a line.
    pub(crate) line: &'static str,
    /// Must it be there?
    pub(crate) wanted: Wanted,
}

/// Whether a line has to be there.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Wanted {
    /// At least one line matches.
    Present,
    /// No line matches.
    Absent,
}

/// One case.
#[derive(Clone)]
pub(crate) struct Case {
    /// `topic/what`.
    pub(crate) name: String,
    /// Where the rule is written: a file and anchor of the runtime specification, or the runtime's command line.
    pub(crate) spec: &'static str,
    /// How the config differs from the default one.
    pub(crate) edits: Vec<Edit>,
    /// How the bundle differs.
    pub(crate) fixtures: Vec<Fixture>,
    /// What is done.
    pub(crate) steps: Vec<Step>,
    /// What must be seen.
    pub(crate) sights: Vec<Sight>,
}

impl Case {
    /// A case that runs the look in the default container, and changes nothing yet.
    pub(crate) fn new(name: impl Into<String>, spec: &'static str) -> Self {
        let steps = vec![call(&["run", "{id}"])];
        Self { name: name.into(), spec, edits: Vec::new(), fixtures: Vec::new(), steps, sights: Vec::new() }
    }

    pub(crate) fn edit(mut self, edit: Edit) -> Self {
        self.edits.push(edit);
        self
    }

    pub(crate) fn set(self, pointer: &'static str, value: Value) -> Self {
        self.edit(Edit::Set(pointer, value))
    }

    pub(crate) fn push(self, pointer: &'static str, value: Value) -> Self {
        self.edit(Edit::Push(pointer, value))
    }

    pub(crate) fn remove(self, pointer: &'static str) -> Self {
        self.edit(Edit::Remove(pointer))
    }

    pub(crate) fn fixture(mut self, fixture: Fixture) -> Self {
        self.fixtures.push(fixture);
        self
    }

    /// The program is this shell line instead of the look.
    pub(crate) fn shell(self, line: &'static str) -> Self {
        self.set("/process/args", serde_json::json!(["/bin/sh", "-c", line]))
    }

    /// The program sleeps until it is killed.
    pub(crate) fn sleeps(self) -> Self {
        self.set("/process/args", serde_json::json!(["/bin/sleep", "60"]))
    }

    pub(crate) fn steps(mut self, steps: Vec<Step>) -> Self {
        self.steps = steps;
        self
    }

    /// The single `run` ends so.
    pub(crate) fn ends(mut self, end: End) -> Self {
        if let Some(last) = self.steps.last_mut() {
            last.end = end;
        }
        self
    }

    /// The single `run` is refused.
    pub(crate) fn refuses(self) -> Self {
        self.ends(End::Refusal)
    }

    pub(crate) fn sees(self, section: &'static str, line: &'static str) -> Self {
        self.sight(section, line, Wanted::Present)
    }

    pub(crate) fn misses(self, section: &'static str, line: &'static str) -> Self {
        self.sight(section, line, Wanted::Absent)
    }

    fn sight(mut self, section: &'static str, line: &'static str, wanted: Wanted) -> Self {
        self.sights.push(Sight { section, line, wanted });
        self
    }
}
