//! What the manual says beside the tables: the program as a whole, and for each verb more of what it does, and examples.

/// What the page of one verb has beside its table.
pub(super) struct Text {
    pub(super) more: &'static [&'static str],
    /// What for, and what is typed.
    pub(super) examples: &'static [(&'static str, &'static str)],
    pub(super) related: &'static [&'static str],
}

pub(super) const PROGRAM: &[&str] = &[
    "Runs a bundle, which is a directory with a config.json and a root filesystem, in isolation: namespaces, cgroups, limits, capabilities and \
     system call filters are those that config.json asks for, in the words of the OCI runtime specification.",
    "The command line is that of runc: containerd, Docker, Podman, CRI-O and others call it where they would call runc.",
    "There is no daemon. A container is what create leaves behind: a process that waits for start, a cgroup, and a directory below --root that \
     later commands read.",
];

/// Sections of the program's page: terms and what they mean.
pub(super) const SECTIONS: &[(&str, &[(&str, &str)])] = &[
    (
        "EXIT STATUS",
        &[
            ("0", "What was asked for is done."),
            ("1", "Something went wrong; the last line of stderr says what."),
            ("3", "There is no such command."),
            ("255", "From exec: the program did not run."),
            (
                "any other",
                "From run and exec in the foreground: the program's own exit code, or 128 and the number of the signal that ended it.",
            ),
        ],
    ),
    (
        "ENVIRONMENT",
        &[
            ("XDG_RUNTIME_DIR", "Its directory runtime-shim is the default of --root for users other than root."),
            ("USER", "If it is root, the root of a user namespace has the same default of --root as the host's."),
            (
                "LISTEN_FDS, LISTEN_PID",
                "If LISTEN_PID is the runtime itself, create and run pass that many file descriptors from 3 on to the container, which finds \
                 LISTEN_FDS and a LISTEN_PID of 1.",
            ),
            (
                "NOTIFY_SOCKET",
                "If create or run find it, the container has a NOTIFY_SOCKET of its own, and start waits until the container says READY=1 there; \
                 that and the MAINPID of the container are told to the host's.",
            ),
        ],
    ),
    (
        "FILES",
        &[
            ("/run/runtime-shim", "The default of --root for root."),
            ("config.json", "In the bundle: what the container is. It is read once, by create and run."),
        ],
    ),
];

pub(super) const EXAMPLES: &[(&str, &str)] = &[
    (
        "A bundle from an image, and a shell in it:",
        "mkdir -p web1/rootfs && cd web1\ndocker export $(docker create busybox) | tar -C rootfs -x\nruntime-shim spec\nruntime-shim run web1",
    ),
    ("Containers of a root of their own:", "runtime-shim --root /run/tests list"),
];

/// The texts of a verb.
pub(super) fn of(verb: &str) -> Text {
    lifecycle(verb).or_else(|| processes(verb)).unwrap_or_else(|| documents(verb))
}

const fn text(
    more: &'static [&'static str],
    examples: &'static [(&'static str, &'static str)],
    related: &'static [&'static str],
) -> Option<Text> {
    Some(Text { more, examples, related })
}

fn lifecycle(verb: &str) -> Option<Text> {
    match verb {
        "create" => text(
            &["If anything fails, nothing is left: no process, no cgroup, no mount, no directory."],
            &[
                ("A container that waits for start:", "runtime-shim create --bundle /srv/web1 --pid-file /run/web1.pid web1"),
                ("What would be done, without doing it:", "runtime-shim create --dry-run --bundle /srv/web1 web1"),
            ],
            &["start", "run", "delete", "spec"],
        ),
        "start" => text(
            &["With a NOTIFY_SOCKET it returns when the container has said that it is ready."],
            &[("The program of web1 runs:", "runtime-shim start web1")],
            &["create", "run"],
        ),
        "run" => text(
            &["If it cannot be started, nothing is left of it."],
            &[
                ("In the foreground, from the current directory:", "runtime-shim run web1"),
                ("In the background:", "runtime-shim run --detach --bundle /srv/web1 web1 </dev/null >web1.log"),
            ],
            &["create", "start", "exec", "delete"],
        ),
        "delete" => text(
            &[
                "Also removed is what a create that was killed has left.",
                "A poststop hook that fails changes nothing: it is a warning, and the hooks after it run.",
            ],
            &[("Whatever state web1 is in:", "runtime-shim delete --force web1")],
            &["kill", "list"],
        ),
        "checkpoint" => text(&[], &[("Save web1 and delete it:", "runtime-shim checkpoint --image-path /var/lib/web1 web1")], &["restore"]),
        "restore" => text(
            &[],
            &[("Bring web1 back:", "runtime-shim restore --image-path /var/lib/web1 --bundle /srv/web1 --detach web1")],
            &["checkpoint"],
        ),
        _ => None,
    }
}

fn processes(verb: &str) -> Option<Text> {
    match verb {
        "exec" => text(
            &["Without --process, the process is the container's own with another command, and with what the options say instead."],
            &[
                ("A shell:", "runtime-shim exec --tty web1 sh"),
                ("A command of another user:", "runtime-shim exec --user 1000:1000 --cwd /srv --env LANG=C web1 ls -l"),
                (
                    "A process from a document, in the background:",
                    "runtime-shim exec --process probe.json --detach --pid-file probe.pid web1",
                ),
            ],
            &["run", "ps"],
        ),
        "kill" => text(
            &[
                "The number of the process is never mistaken for another's. KILL reaches every process of a container that has no pid namespace of \
                 its own, and one that is paused.",
            ],
            &[("Ask web1 to end:", "runtime-shim kill web1"), ("Do not ask:", "runtime-shim kill web1 KILL")],
            &["delete", "ps"],
        ),
        "ps" => text(
            &["With --format json it is the list of the numbers, as the host sees them."],
            &[("All columns:", "runtime-shim ps web1 aux"), ("The numbers:", "runtime-shim ps --format json web1")],
            &["exec", "events"],
        ),
        "pause" => text(
            &["Its processes are frozen in their cgroup; they do not notice, but for the time."],
            &[("web1 stands still:", "runtime-shim pause web1")],
            &["resume"],
        ),
        "resume" => text(&["The processes of a paused container go on."], &[("web1 goes on:", "runtime-shim resume web1")], &["pause"]),
        "update" => text(
            &["Sizes are in bytes; k, m, g, t and p are powers of 1024."],
            &[
                ("A gigabyte and half a CPU:", "runtime-shim update --memory 1g --cpu-quota 50000 --cpu-period 100000 web1"),
                ("As engines do it:", "runtime-shim update --resources - web1 <limits.json"),
            ],
            &["events"],
        ),
        _ => None,
    }
}

fn documents(verb: &str) -> Text {
    let text = match verb {
        "state" => text(
            &["The status is creating, created, running, paused or stopped. The pid is the host's, and 0 for a stopped container."],
            &[("Is it running?", "runtime-shim state web1 | grep status")],
            &["list"],
        ),
        "list" => text(
            &["A default root that does not exist has no containers; one that was given is an error."],
            &[("The ids:", "runtime-shim list --quiet"), ("For programs:", "runtime-shim list --format json")],
            &["state"],
        ),
        "events" => text(
            &["Each line is an object with type, which is stats or oom, the id, and for stats the data."],
            &[("Once:", "runtime-shim events --stats web1"), ("Every second:", "runtime-shim events --interval 1s web1")],
            &["update", "ps"],
        ),
        "features" => text(
            &["It tells what the program knows, not what the host allows."],
            &[("Mount options:", "runtime-shim features | jq .mountOptions")],
            &["spec"],
        ),
        "spec" => text(
            &["The specification of what else a config.json can have: https://github.com/opencontainers/runtime-spec"],
            &[("For a user other than root:", "runtime-shim spec --rootless")],
            &["create", "run", "features"],
        ),
        _ => None,
    };
    text.unwrap_or(Text { more: &[], examples: &[], related: &[] })
}
