//! `checkpoint`: a container that runs is saved by criu.

use crate::args::{Args, Arity, Flag, Order, Verb};
use crate::compat::exit::Code;
use crate::failure::Failure;
use crate::settings::Settings;

pub(super) static IMAGE_PATH: Flag =
    Flag::text("image-path", "DIR", "where the images are").more("The default is the directory checkpoint in the current one.");
pub(super) static WORK_PATH: Flag =
    Flag::text("work-path", "DIR", "where logs and other work files go").more("The default is the directory of the images.");
pub(super) static TCP_ESTABLISHED: Flag = Flag::switch("tcp-established", "keep open TCP connections");
pub(super) static EXT_UNIX_SK: Flag = Flag::switch("ext-unix-sk", "allow unix sockets whose other end is outside");
pub(super) static SHELL_JOB: Flag = Flag::switch("shell-job", "allow a process that belongs to a shell's session");
pub(super) static FILE_LOCKS: Flag = Flag::switch("file-locks", "keep file locks");
pub(super) static MANAGE_CGROUPS_MODE: Flag =
    Flag::text("manage-cgroups-mode", "MODE", "what is done to cgroups: soft, full, strict or ignore")
        .one_of(&["soft", "full", "strict", "ignore"])
        .more("The default is soft: the properties of cgroups are restored where restore has made them.");
pub(super) static EMPTY_NS: Flag = Flag::texts("empty-ns", "TYPE", "make a namespace, without its contents")
    .one_of(&["network"])
    .more("network is the one that is known: whoever restores the container brings its network.");
pub(super) static AUTO_DEDUP: Flag = Flag::switch("auto-dedup", "drop memory images that newer ones replace");
pub(super) static LAZY_PAGES: Flag = Flag::switch("lazy-pages", "bring memory back when it is touched");
pub(super) static TCP_SKIP_IN_FLIGHT: Flag = Flag::switch("tcp-skip-in-flight", "leave out TCP connections that are not yet open");
pub(super) static LINK_REMAP: Flag = Flag::switch("link-remap", "allow open files that have no name any more");
static PARENT_PATH: Flag = Flag::text("parent-path", "DIR", "earlier images, relative to the new ones")
    .more("Only what has changed since is saved. The path starts at --image-path, such as ../before.");
static LEAVE_RUNNING: Flag = Flag::switch("leave-running", "let the container go on");
static STATUS_FD: Flag = Flag::number("status-fd", "FD", "where to tell that lazy pages are ready")
    .more("A file descriptor of the caller's; one NUL byte is written to it.");
static PAGE_SERVER: Flag =
    Flag::text("page-server", "ADDRESS:PORT", "a server that takes the memory pages").more("criu page-server listens there.");
static PRE_DUMP: Flag = Flag::switch("pre-dump", "save memory only and let the container go on");

pub(crate) static VERB: Verb = Verb {
    name: "checkpoint",
    summary: "save a running container",
    arguments: "<container-id>",
    about: "criu saves the processes, and the container is deleted, unless --leave-running or --pre-dump say otherwise;\n\
            restore brings it back. Its log is dump.log, beside the images or in --work-path.",
    flags: &[
        &IMAGE_PATH,
        &WORK_PATH,
        &PARENT_PATH,
        &LEAVE_RUNNING,
        &TCP_ESTABLISHED,
        &TCP_SKIP_IN_FLIGHT,
        &LINK_REMAP,
        &EXT_UNIX_SK,
        &SHELL_JOB,
        &LAZY_PAGES,
        &STATUS_FD,
        &PAGE_SERVER,
        &FILE_LOCKS,
        &PRE_DUMP,
        &MANAGE_CGROUPS_MODE,
        &EMPTY_NS,
        &AUTO_DEDUP,
    ],
    arity: Arity::Exactly(1),
    order: Order::Anywhere,
    run,
};

#[cfg(not(feature = "checkpoint"))]
fn run(_: &Settings, _: &Args) -> Result<Code, Failure> {
    Err(Failure::new(crate::compat::messages::not_available("checkpoint")))
}

#[cfg(feature = "checkpoint")]
fn run(settings: &Settings, args: &Args) -> Result<Code, Failure> {
    use super::delete;
    use runtime_core::Extent;
    let container = settings.runtime().load(args.id())?;
    let request = asked::checkpoint(args)?;
    container.checkpoint(&request)?;
    match request.extent {
        Extent::Whole => Ok(delete::warn(settings, &container.delete()?)),
        Extent::WholeAndGoOn | Extent::Memory => Ok(Code::SUCCESS),
    }
}

/// What the flags ask of the library, `restore`'s too.
#[cfg(feature = "checkpoint")]
pub(super) mod asked {
    use super::*;
    use crate::compat::messages;
    use runtime_core::{Checkpoint, CriuCgroups, CriuOption, Extent, Images, PageServer};
    use std::path::PathBuf;

    static SWITCHES: [(&Flag, CriuOption); 8] = [
        (&TCP_ESTABLISHED, CriuOption::TcpEstablished),
        (&TCP_SKIP_IN_FLIGHT, CriuOption::TcpSkipInFlight),
        (&LINK_REMAP, CriuOption::LinkRemap),
        (&EXT_UNIX_SK, CriuOption::ExternalUnixSockets),
        (&SHELL_JOB, CriuOption::ShellJob),
        (&FILE_LOCKS, CriuOption::FileLocks),
        (&AUTO_DEDUP, CriuOption::AutoDedup),
        (&LAZY_PAGES, CriuOption::LazyPages),
    ];

    pub(super) fn checkpoint(args: &Args) -> Result<Checkpoint, Failure> {
        let extent = match (args.on(&PRE_DUMP), args.on(&LEAVE_RUNNING)) {
            (true, _) => Extent::Memory,
            (false, true) => Extent::WholeAndGoOn,
            (false, false) => Extent::Whole,
        };
        Ok(Checkpoint {
            images: images(args)?,
            parent: args.text(&PARENT_PATH).filter(|path| !path.is_empty()).map(PathBuf::from),
            extent,
            page_server: args.text(&PAGE_SERVER).filter(|server| !server.is_empty()).map(page_server).transpose()?,
            status_fd: status_fd(args)?,
        })
    }

    pub(crate) fn images(args: &Args) -> Result<Images, Failure> {
        if let Some(other) = args.texts(&EMPTY_NS).find(|kind| *kind != "network") {
            return Err(Failure::new(messages::not_one_of("empty-ns", other, "network")));
        }
        let options = SWITCHES.iter().filter(|(flag, _)| args.on(flag)).map(|(_, option)| *option);
        Ok(Images {
            path: image_path(args)?,
            work_path: args.path(&WORK_PATH),
            options: options.collect(),
            cgroups: cgroups(args.text(&MANAGE_CGROUPS_MODE))?,
        })
    }

    fn image_path(args: &Args) -> Result<PathBuf, Failure> {
        match args.path(&IMAGE_PATH) {
            Some(path) => Ok(path),
            None => std::path::absolute("checkpoint").map_err(|error| Failure::io("getcwd", ".".as_ref(), &error)),
        }
    }

    fn cgroups(mode: Option<&str>) -> Result<CriuCgroups, Failure> {
        match mode {
            None | Some("") => Ok(CriuCgroups::Default),
            Some("soft") => Ok(CriuCgroups::Soft),
            Some("full") => Ok(CriuCgroups::Full),
            Some("strict") => Ok(CriuCgroups::Strict),
            Some("ignore") => Ok(CriuCgroups::Ignore),
            Some(text) => Err(Failure::new(messages::not_one_of("manage-cgroups-mode", text, "soft, full, strict, ignore"))),
        }
    }

    fn page_server(text: &str) -> Result<PageServer, Failure> {
        let refused = || Failure::new(messages::not_a("page-server", text, "ADDRESS:PORT"));
        let (address, port) = text.rsplit_once(':').ok_or_else(refused)?;
        let address = address.strip_prefix('[').and_then(|inner| inner.strip_suffix(']')).unwrap_or(address);
        match port.parse() {
            Ok(port) if !address.is_empty() && port != 0 => Ok(PageServer { address: address.to_owned(), port }),
            _ => Err(refused()),
        }
    }

    /// -1, go-runc's "none", is none.
    fn status_fd(args: &Args) -> Result<Option<i32>, Failure> {
        let Some(number) = args.number(&STATUS_FD).filter(|number| *number != -1) else { return Ok(None) };
        let number = i32::try_from(number).ok().filter(|number| *number >= 0);
        let refused =
            || Failure::new(messages::not_a("status-fd", args.number(&STATUS_FD).unwrap_or(0).to_string().as_str(), "a descriptor"));
        number.map(Some).ok_or_else(refused)
    }

    #[cfg(test)]
    mod tests {
        use super::*;
        use crate::args::{self, Asked};

        fn check(line: &str, look: fn(&Checkpoint) -> String, expected: &str) {
            let words: Vec<String> = ["checkpoint"].into_iter().chain(line.split_whitespace()).chain(["c1"]).map(str::to_owned).collect();
            let asked = args::globals("runtime-shim", &words).and_then(|globals| args::command("runtime-shim", &globals));
            let said = asked.and_then(|asked| match asked {
                Asked::Work(_, args) => checkpoint(&args),
                Asked::Tell(text) => Err(Failure::new(text)),
            });
            assert_eq!(said.map_or_else(|failure| failure.text().to_owned(), |request| look(&request)), expected, "{line}");
        }

        #[test]
        fn what_becomes_of_the_container_is_one_of_three() {
            let extent = |request: &Checkpoint| format!("{:?}", request.extent);
            check("", extent, "Whole");
            check("--leave-running", extent, "WholeAndGoOn");
            check("--pre-dump", extent, "Memory");
            check("--pre-dump --leave-running", extent, "Memory");
        }

        #[test]
        fn the_images_are_below_the_current_directory_by_default() {
            let path = |request: &Checkpoint| {
                request
                    .images
                    .path
                    .strip_prefix(std::env::current_dir().unwrap_or_default())
                    .map_or_else(|_| String::new(), |path| path.display().to_string())
            };
            check("", path, "checkpoint");
            check("--image-path there", path, "there");
        }

        #[test]
        fn every_switch_is_passed_on() {
            let options = |request: &Checkpoint| format!("{:?}", request.images.options);
            check("--file-locks --tcp-established", options, "[TcpEstablished, FileLocks]");
            check("--tcp-established=false", options, "[]");
            for (flag, option) in &SWITCHES {
                let words: Vec<String> = ["checkpoint", &format!("--{}", flag.long), "c1"].map(str::to_owned).to_vec();
                let asked = args::globals("runtime-shim", &words).and_then(|globals| args::command("runtime-shim", &globals));
                let Ok(Asked::Work(_, args)) = asked else { continue };
                assert_eq!(images(&args).map(|images| images.options), Ok(vec![*option]), "{flag:?}");
            }
        }

        /// go-runc: `--page-server ADDR`, `--status-fd 3`, `--manage-cgroups-mode M`, `--empty-ns NS`.
        #[test]
        fn containerds_values_are_read() {
            let server =
                |request: &Checkpoint| format!("{:?}", request.page_server.as_ref().map(|server| (server.address.clone(), server.port)));
            check("--page-server 10.0.0.1:27", server, r#"Some(("10.0.0.1", 27))"#);
            check("--page-server [::1]:27", server, r#"Some(("::1", 27))"#);
            for wrong in ["x", ":1", "x:", "x:0", "x:70000"] {
                check(&format!("--page-server {wrong}"), server, &format!("invalid value for page-server: {wrong:?} is not ADDRESS:PORT"));
            }
            check("--status-fd 3", |request| format!("{:?}", request.status_fd), "Some(3)");
            check("--status-fd -1", |request| format!("{:?}", request.status_fd), "None");
            check(
                "--status-fd -2",
                |request| format!("{:?}", request.status_fd),
                "invalid value for status-fd: \"-2\" is not a descriptor",
            );
            let mode = |request: &Checkpoint| format!("{:?}", request.images.cgroups);
            check("", mode, "Default");
            check("--manage-cgroups-mode ignore", mode, "Ignore");
            check("--manage-cgroups-mode all", mode, "invalid manage-cgroups-mode: all (it is one of soft, full, strict, ignore)");
            check("--empty-ns network", mode, "Default");
            check("--empty-ns network --empty-ns pid", mode, "invalid empty-ns: pid (it is one of network)");
        }
    }
}
