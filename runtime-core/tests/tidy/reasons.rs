//! `unsafe`: where it may be, and that each says why it is sound there.

use crate::source::Source;

/// The only files with `unsafe` in them, and what for.
const ALLOWED: &[(&str, &str)] = &[
    ("runtime-core/init/src/sys/", "system calls, and the memory they map"),
    ("runtime-core/init/src/elf.rs", "the entry, and what the compiler expects of a C library"),
    ("runtime-core/init/src/plan.rs", "the plan's view of its mapping"),
    ("runtime-core/init/src/run.rs", "the mappings it begins with"),
    ("runtime-core/init/src/step/console.rs", "a structure the kernel fills"),
    ("runtime-core/init/src/step/program.rs", "execve's tables of pointers"),
    ("runtime-core/src/spawn/launch.rs", "the clone"),
    ("runtime-core/src/spawn/sys.rs", "calls no crate wraps"),
    ("runtime-core/src/hooks/sys.rs", "fork and setns for hooks that run inside"),
    ("runtime-core/src/cgroup/sys.rs", "bpf(2)"),
    ("runtime-core/src/checkpoint/sys.rs", "what a child does before its exec"),
    ("runtime-core/src/console/sys.rs", "ioctl(2)"),
    ("runtime-core/src/host/seccomp.rs", "seccomp(2), to ask what it knows"),
    ("runtime-core/src/pidfd.rs", "pidfd calls no crate wraps"),
    ("runtime-core/src/socket.rs", "descriptors received from a socket"),
    ("runtime-core/src/compile/seccomp/tests/kernel.rs", "a test that loads its filter into a child"),
    ("runtime-core/tests/listener/agent.rs", "ioctl(2) of a seccomp listener"),
    ("conformance/src/console.rs", "ioctl(2)"),
];

/// Fewer words than this are a ritual.
const WORDS: usize = 3;

/// `unsafe` where it has no business.
pub(crate) fn misplaced_unsafe(source: &Source) -> Vec<String> {
    if ALLOWED.iter().any(|(path, _)| source.path.starts_with(path)) {
        return Vec::new();
    }
    places(source).map(|at| format!("{}: unsafe outside the files that may have it", source.at(at))).collect()
}

/// Entries of the list that nothing needs any more.
pub(crate) fn needless(sources: &[Source]) -> Vec<String> {
    let needed = |path: &str| sources.iter().any(|source| source.path.starts_with(path) && places(source).next().is_some());
    ALLOWED.iter().filter(|(path, _)| !needed(path)).map(|(path, _)| format!("{path}: needs no unsafe any more")).collect()
}

/// `unsafe` without a reason above it.
pub(crate) fn missing_reasons(source: &Source) -> Vec<String> {
    places(source)
        .filter(|&at| !has_reason(source, source.line(at)))
        .map(|at| format!("{}: unsafe without a SAFETY reason", source.at(at)))
        .collect()
}

/// Every `unsafe` but those of attributes, `#[unsafe(no_mangle)]`, and of types, `unsafe extern "C" fn`.
fn places(source: &Source) -> impl Iterator<Item = usize> {
    let code = &source.code;
    let is_word = |at: usize, end: usize| {
        let outside = |c: char| !(c.is_alphanumeric() || c == '_');
        code[..at].ends_with(outside) && code[end..].starts_with([' ', '\n'])
    };
    code.match_indices("unsafe").map(|(at, word)| (at, at + word.len())).filter(move |&(at, end)| is_word(at, end)).map(|(at, _)| at)
}

/// The comment that ends right above, or above the statement's first lines, gives a reason; for `unsafe fn`, its documentation may.
fn has_reason(source: &Source, line: usize) -> bool {
    let lines: Vec<&str> = source.text.lines().collect();
    if lines[line].contains("unsafe fn") || lines[line].contains("unsafe extern") {
        return true;
    }
    let above = lines[..line].iter().rev().map(|line| line.trim_start());
    let mut comment: Vec<&str> = above.skip_while(|line| !line.starts_with("//")).take_while(|line| line.starts_with("//")).collect();
    comment.reverse();
    let begin = (0..line).rev().take_while(|&at| !lines[at].trim_start().starts_with("//")).count();
    let text = comment.join(" ");
    let reason = text.split_once("SAFETY:").map_or(0, |(_, reason)| reason.split_whitespace().filter(|word| *word != "//").count());
    begin <= 3 && reason >= WORDS
}

#[test]
fn unsafe_is_seen_where_it_must_not_be() {
    assert_eq!(misplaced_unsafe(&Source::new("runtime-core/src/host/mod.rs", "fn a() { unsafe { b() } }")).len(), 1);
    assert_eq!(misplaced_unsafe(&Source::new("runtime-core/src/host/mod.rs", "// unsafe\n#![allow(unsafe_code)]")).len(), 0);
}

#[test]
fn a_reason_must_be_one() {
    let missing = |text: &str| missing_reasons(&Source::new("x.rs", text)).len();
    assert_eq!(missing("fn a() {\n unsafe { b() }\n}"), 1);
    assert_eq!(missing("// SAFETY: fine.\nunsafe { b() }"), 1);
    assert_eq!(missing("// SAFETY: `b` reads only what the caller has just mapped.\nlet x = unsafe { b() };"), 0);
    assert_eq!(
        missing("// SAFETY: `b` reads only what the caller has just mapped.\nunsafe { b() };\n\n\n\nfn c() {\n unsafe { d() } }"),
        1
    );
}
