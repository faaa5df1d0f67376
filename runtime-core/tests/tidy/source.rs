//! The tree, as the rules read it.

use std::fs;
use std::ops::Range;
use std::path::{Path, PathBuf};

/// One Rust file.
pub(crate) struct Source {
    /// From the top of the tree.
    pub(crate) path: String,
    /// As it is.
    pub(crate) text: String,
    /// The same, of the same length, with comments and the insides of strings as spaces.
    pub(crate) code: String,
}

impl Source {
    pub(crate) fn new(path: &str, text: &str) -> Self {
        Self { path: path.to_owned(), text: text.to_owned(), code: blank(text) }
    }

    /// The code, with modules of tests as spaces.
    pub(crate) fn code_without_tests(&self) -> String {
        let mut code = self.code.replace("#[cfg(test)]\nextern crate std;", "                \n                ");
        for (at, _) in self.code.match_indices("#[cfg(test)]\nmod ") {
            let block = self.code[at..].find(['{', ';']).filter(|&open| self.code[at + open..].starts_with('{'));
            if let Some(len) = block.and_then(|open| Some(open + closing(&self.code[at + open..])? + 1)) {
                let blank: String = self.code[at..at + len].chars().flat_map(hide).collect();
                code.replace_range(at..at + len, &blank);
            }
        }
        code
    }

    /// How many lines a part of it has. Those inside a text in quotes are data, and do not count: a test's plan, a help page.
    pub(crate) fn lines(&self, part: Range<usize>) -> usize {
        let lines = |text: &str| text[part.clone()].lines().map(|line| line.trim().to_owned()).collect::<Vec<_>>();
        let is_data = |(code, text): &(String, String)| code.is_empty() && !text.is_empty() && !text.starts_with("//");
        lines(&self.code).into_iter().zip(lines(&self.text)).filter(|line| !is_data(line)).count()
    }

    /// `path:line` of a place in the code.
    pub(crate) fn at(&self, offset: usize) -> String {
        format!("{}:{}", self.path, self.line(offset) + 1)
    }

    /// The line of a place in the code, from 0.
    pub(crate) fn line(&self, offset: usize) -> usize {
        self.code[..offset].matches('\n').count()
    }
}

/// Every Rust file.
pub(crate) fn sources() -> Vec<Source> {
    texts().iter().filter(|(path, _)| path.ends_with(".rs")).map(|(path, text)| Source::new(path, text)).collect()
}

/// Every text: what is not one is left out.
pub(crate) fn texts() -> Vec<(String, String)> {
    let top = Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("the workspace").to_path_buf();
    let mut paths = Vec::new();
    walk(&top, &mut paths);
    paths.sort();
    let name = |path: &Path| path.strip_prefix(&top).expect("below the top").display().to_string();
    paths.iter().filter_map(|path| Some((name(path), fs::read_to_string(path).ok()?))).collect()
}

fn walk(dir: &Path, found: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(dir).expect("a readable directory").map(|entry| entry.expect("an entry")) {
        let (path, name) = (entry.path(), entry.file_name());
        let kind = entry.file_type().expect("a kind");
        let foreign = name == "target" || name == ".git";
        if kind.is_dir() && !foreign {
            walk(&path, found);
        } else if kind.is_file() && !foreign {
            found.push(path);
        }
    }
}

/// Comments and the insides of strings and characters become spaces; lines and lengths stay.
pub(crate) fn blank(text: &str) -> String {
    let mut code = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(next) = rest.chars().next() {
        let len = opaque(rest, code.chars().next_back());
        if len == 0 {
            code.push(next);
            rest = &rest[next.len_utf8()..];
        } else {
            let (hidden, after) = rest.split_at(len);
            code.extend(hidden.chars().flat_map(hide));
            rest = after;
        }
    }
    code
}

/// As many spaces as the character has bytes; lines stay.
fn hide(c: char) -> std::str::Chars<'static> {
    if c == '\n' { "\n".chars() } else { "    "[..c.len_utf8()].chars() }
}

/// Where the bracket that opens first closes.
pub(crate) fn closing(rest: &str) -> Option<usize> {
    let mut depth = 0;
    for (at, c) in rest.char_indices() {
        match c {
            '(' | '[' | '{' => depth += 1,
            ')' | ']' | '}' => depth -= 1,
            _ => {}
        }
        if depth == 0 {
            return Some(at);
        }
    }
    None
}

/// The length of the comment or literal that begins here; 0 if none does.
fn opaque(rest: &str, before: Option<char>) -> usize {
    if rest.starts_with("//") {
        return rest.find('\n').unwrap_or(rest.len());
    }
    if rest.starts_with("/*") {
        return rest.find("*/").map_or(rest.len(), |at| at + 2);
    }
    let in_word = before.is_some_and(|c| c.is_alphanumeric() || c == '_');
    if rest.starts_with('r') && !in_word {
        return raw_string(rest);
    }
    match rest.as_bytes()[0] {
        b'"' => quoted(rest, '"'),
        b'\'' => character(rest),
        _ => 0,
    }
}

fn raw_string(rest: &str) -> usize {
    let hashes = rest[1..].bytes().take_while(|&byte| byte == b'#').count();
    if !rest[1 + hashes..].starts_with('"') {
        return 0;
    }
    let end = format!("\"{}", "#".repeat(hashes));
    let begin = 2 + hashes;
    rest[begin..].find(&end).map_or(rest.len(), |at| begin + at + end.len())
}

/// Up to the closing quote that is not escaped.
fn quoted(rest: &str, quote: char) -> usize {
    let mut escaped = false;
    for (at, c) in rest.char_indices().skip(1) {
        match c {
            _ if escaped => escaped = false,
            '\\' => escaped = true,
            c if c == quote => return at + 1,
            _ => {}
        }
    }
    rest.len()
}

/// `'a'`, `'\n'`; not the lifetime `'a`.
fn character(rest: &str) -> usize {
    let inner = rest[1..].chars().next();
    let closed = inner.is_some_and(|c| c == '\\' || rest[1 + c.len_utf8()..].starts_with('\''));
    if closed { quoted(rest, '\'') } else { 0 }
}

#[test]
fn comments_and_literals_are_hidden_and_nothing_else() {
    let hidden = blank("a // {\nb \"{\\\"\" c r#\"{\"}\"# d '{' e<'f> '\\'' /* { */ g");
    assert_eq!(hidden.split_whitespace().collect::<Vec<_>>(), ["a", "b", "c", "d", "e<'f>", "g"]);
    assert_eq!(blank("\"ü\"\n").len(), "\"ü\"\n".len());
}

#[test]
fn code_behind_the_tests_is_seen() {
    let source = Source::new("x.rs", "use a;\n#[cfg(test)]\nmod tests;\nuse b;\n#[cfg(test)]\nmod more {\n use c;\n}\nuse d;\n");
    assert_eq!(source.code_without_tests().matches("use ").count(), 3);
    assert_eq!(source.code_without_tests().len(), source.code.len());
}
