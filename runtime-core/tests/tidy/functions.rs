//! The sizes of functions.

use crate::source::{Source, closing};

/// Lines of a function, its head included.
const LINES: usize = 70;

/// Parameters of a function, `self` not included.
const PARAMETERS: usize = 4;

/// Longer for a reason: one `match` that is a table, a line an op.
const TABLES: &[(&str, &[&str])] =
    &[("runtime-core/init/src/run.rs", &["step"]), ("runtime-core/src/compile/render.rs", &["rest", "call"])];

/// Where functions may take more: what they are about has that many parts.
const WIDE: &[(&str, &str)] = &[
    ("runtime-core/init/src/sys/", "the kernel's calls take what they take"),
    ("runtime-core/src/cgroup/devices/", "the use of a device is its kind, its two numbers and the access"),
    ("conformance/src/accepted.rs", "a row of its table has five columns"),
];

/// A function in the code.
struct Function<'a> {
    name: &'a str,
    at: usize,
    parameters: usize,
    lines: usize,
}

pub(crate) fn too_long(source: &Source) -> Vec<String> {
    let is_table = |name: &str| TABLES.iter().any(|(path, tables)| source.path == *path && tables.contains(&name));
    let long = functions(source).into_iter().filter(|function| function.lines > LINES && !is_table(function.name));
    long.map(|function| format!("{}: {} has {} lines", source.at(function.at), function.name, function.lines)).collect()
}

pub(crate) fn too_many_parameters(source: &Source) -> Vec<String> {
    if WIDE.iter().any(|(path, _)| source.path.starts_with(path)) {
        return Vec::new();
    }
    let wide = functions(source).into_iter().filter(|function| function.parameters > PARAMETERS);
    wide.map(|function| format!("{}: {} has {} parameters", source.at(function.at), function.name, function.parameters)).collect()
}

fn functions(source: &Source) -> Vec<Function<'_>> {
    let code = &source.code;
    let begins = |at: usize| code[..at].is_empty() || code[..at].ends_with([' ', '\n', '(']);
    code.match_indices("fn ").filter(|&(at, _)| begins(at)).filter_map(|(at, _)| function(source, at)).collect()
}

/// The function whose `fn` is there; none where it is a type, `fn (…)`.
fn function(source: &Source, at: usize) -> Option<Function<'_>> {
    let rest = &source.code[at + 3..];
    let name = &rest[..rest.find(|c: char| !(c.is_alphanumeric() || c == '_'))?];
    if name.is_empty() {
        return None;
    }
    let open = parameters_at(&rest[name.len()..])? + name.len();
    let end = closing(&rest[open..])? + open;
    let body = rest[end..].find(['{', ';'])? + end;
    let last = if rest[body..].starts_with('{') { closing(&rest[body..])? + body } else { body };
    let parameters = count(&rest[open + 1..end]);
    Some(Function { name, at, parameters, lines: source.lines(at..at + 3 + last + 1) })
}

/// Where the parameters open, behind what is in `<…>`.
fn parameters_at(rest: &str) -> Option<usize> {
    let mut depth = 0;
    let mut before = ' ';
    for (at, c) in rest.char_indices() {
        match c {
            '<' => depth += 1,
            '>' if before != '-' => depth -= 1,
            '(' if depth == 0 => return Some(at),
            _ => {}
        }
        before = c;
    }
    None
}

/// How many parameters there are, without `self`.
fn count(parameters: &str) -> usize {
    let mut depth = 0;
    let mut before = ' ';
    let separate = |c: char| {
        match c {
            '(' | '[' | '{' | '<' => depth += 1,
            ')' | ']' | '}' => depth -= 1,
            '>' if before != '-' => depth -= 1,
            _ => {}
        }
        before = c;
        c == ',' && depth == 0
    };
    let is_self = |one: &str| one.rsplit([' ', '&']).next() == Some("self");
    parameters.split(separate).map(str::trim).filter(|one| !one.is_empty() && !is_self(one)).count()
}

#[test]
fn parameters_are_counted_without_self_and_whatever_their_types() {
    let wide = |text: &str| functions(&Source::new("x.rs", text))[0].parameters;
    assert_eq!(wide("fn a() {}"), 0);
    assert_eq!(wide("fn a(&'a mut self, b: &dyn Fn(u8, u8) -> u8, c: [u8; 3], (d, e): (u8, u8)) {}"), 3);
    assert_eq!(wide("fn a<F: Fn(u8, u8) -> u8>(b: Map<u8, u8>,\n c: u8,\n) -> u8 where F: B {}"), 2);
    let source = Source::new("x.rs", "fn a(b: u8, c: u8, d: u8, e: u8, f: u8);");
    assert_eq!(too_many_parameters(&source).len(), 1);
}

#[test]
fn a_long_function_is_seen_and_a_brace_in_a_string_is_none() {
    let of = |lines: usize| Source::new("x.rs", &format!("fn a() {{\n{}    b(\"}}\");\n}}\nfn c() {{}}\n", "    b();\n".repeat(lines)));
    assert_eq!(too_long(&of(67)).len(), 0);
    assert_eq!(too_long(&of(68)).len(), 1);
    let text = format!("fn a() {{\n b(\"{}\");\n}}", "data\n".repeat(90));
    assert_eq!(too_long(&Source::new("x.rs", &text)).len(), 0);
}
