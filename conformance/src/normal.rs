//! Takes out of a line what differs from run to run and says nothing about the runtime: names of this run, ids of kernel objects.

use serde_json::Value;
use std::collections::BTreeMap;

/// Signals 32 and 33.
const OF_LIBC: u64 = 0b11 << 31;

/// What this run's names and namespaces are called in a record.
#[derive(Default)]
pub(crate) struct Names {
    texts: Vec<(String, &'static str)>,
    namespaces: BTreeMap<String, &'static str>,
}

impl Names {
    /// From now on `text` is called `name`; longer texts have to come first.
    pub(crate) fn text(&mut self, text: &str, name: &'static str) {
        self.texts.push((text.to_owned(), name));
    }

    /// The namespace this link names (`net:[4026531840]`) is `owner`'s.
    pub(crate) fn namespace(&mut self, link: String, owner: &'static str) {
        self.namespaces.insert(link, owner);
    }

    /// The lines of a section as they are compared.
    pub(crate) fn section(&self, name: &str, lines: &[String]) -> Vec<String> {
        let lines = lines.iter().map(|line| self.line(line));
        match name.rsplit('.').next().unwrap_or(name) {
            "mountinfo" => mounts(lines),
            // What a hook reads is a document, in whatever order and layout.
            "state" => {
                serde_json::from_str(&lines.collect::<String>()).map_or_else(|_| vec!["not a document".to_owned()], |value| flat(&value))
            }
            "ns" => lines.map(|line| self.owner(&line)).collect(),
            "env" => sorted(lines),
            "status" => lines.map(|line| fact(&line)).collect(),
            "fds" => lines.filter_map(|line| descriptor(&line)).collect(),
            _ => lines.collect(),
        }
    }

    fn line(&self, line: &str) -> String {
        let mut line = line.trim_end().to_owned();
        for (text, name) in &self.texts {
            line = line.replace(text.as_str(), name);
        }
        line
    }

    fn owner(&self, link: &str) -> String {
        let kind = link.split(':').next().unwrap_or(link);
        format!("{kind} {}", self.namespaces.get(link).unwrap_or(&"own"))
    }
}

fn sorted(lines: impl Iterator<Item = String>) -> Vec<String> {
    let mut lines: Vec<String> = lines.collect();
    lines.sort();
    lines
}

// Pids differ, the depth of pid namespaces must not. A child of glibc's posix_spawn starts with the two signals glibc keeps for
// itself ignored; whether a runtime hands that on says nothing.
fn fact(line: &str) -> String {
    let words: Vec<&str> = line.split_whitespace().collect();
    match words.as_slice() {
        ["NSpid:", pids @ ..] => format!("NSpid: {} deep", pids.len()),
        [name @ "SigIgn:", mask] => format!("{name} {:016x}", u64::from_str_radix(mask, 16).unwrap_or(u64::MAX) & !OF_LIBC),
        words => words.join(" "),
    }
}

/// `lr-x------ 1 0 0 64 Nov 22 00:39 0 -> pipe:[123]` becomes `lr-x------ 0 -> pipe`.
fn descriptor(line: &str) -> Option<String> {
    let (left, target) = line.split_once(" -> ")?;
    let (mode, fd) = (left.split(' ').next()?, left.rsplit(' ').next()?);
    Some(format!("{mode} {fd} -> {}", target.split(":[").next()?))
}

/// mountinfo by mount point, without mount ids, device numbers and peer groups' numbers, options sorted.
fn mounts(lines: impl Iterator<Item = String>) -> Vec<String> {
    let mut lines: Vec<String> = lines.map(|line| mount(&line).unwrap_or(line)).collect();
    lines.sort();
    lines
}

fn mount(line: &str) -> Option<String> {
    let (left, right) = line.split_once(" - ")?;
    let fields: Vec<&str> = left.split(' ').collect();
    let [_, _, _, root, point, options, peers @ ..] = fields.as_slice() else { return None };
    let peers: Vec<&str> = peers.iter().filter_map(|peer| peer.split(':').next()).collect();
    let (kind, rest) = right.split_once(' ')?;
    let (source, data) = rest.rsplit_once(' ')?;
    Some(format!("{point} {} root={root} [{}] - {kind} {source} {}", in_order(options), peers.join(" "), in_order(data)))
}

fn in_order(options: &str) -> String {
    let mut options: Vec<&str> = options.split(',').collect();
    options.sort_unstable();
    options.join(",")
}

/// A JSON document as `path = value` lines; pids and times are only told to be there.
pub(crate) fn flat(value: &Value) -> Vec<String> {
    let mut lines = Vec::new();
    flatten("", value, &mut lines);
    lines.sort();
    lines
}

fn flatten(path: &str, value: &Value, lines: &mut Vec<String>) {
    match value {
        Value::Object(fields) => fields.iter().for_each(|(key, value)| flatten(&format!("{path}.{key}"), value, lines)),
        Value::Array(items) => items.iter().for_each(|value| flatten(&format!("{path}[]"), value, lines)),
        Value::Number(number) if number.as_i64().is_some_and(|n| n > 0) && (path.ends_with("pid") || path == "[]") => {
            lines.push(format!("{path} = PID"));
        }
        Value::String(time) if path.ends_with("created") && time.len() >= "2006-01-02T15:04:05Z".len() => {
            lines.push(format!("{path} = TIME"))
        }
        other => lines.push(format!("{path} = {other}")),
    }
}

#[cfg(test)]
mod tests {
    use super::{Names, flat};
    use serde_json::json;

    #[test]
    fn mounts_lose_their_numbers_and_keep_the_rest() {
        let mut names = Names::default();
        names.text("/tmp/x1", "DIR");
        let lines = [
            "68 67 0:42 / /dev/pts rw,nosuid,noexec,relatime shared:12 - devpts devpts rw,gid=5".to_owned(),
            "65 43 254:0 /tmp/x1/rootfs / ro,relatime - ext4 /dev/vda rw".to_owned(),
        ];
        assert_eq!(
            names.section("mountinfo", &lines),
            [
                "/ relatime,ro root=DIR/rootfs [] - ext4 /dev/vda rw",
                "/dev/pts noexec,nosuid,relatime,rw root=/ [shared] - devpts devpts gid=5,rw"
            ]
        );
    }

    #[test]
    fn namespaces_are_told_by_their_owner() {
        let mut names = Names::default();
        names.namespace("net:[1]".into(), "host");
        assert_eq!(names.section("exec.ns", &["net:[1]".into(), "pid:[2]".into()]), ["net host", "pid own"]);
    }

    #[test]
    fn a_state_is_compared_without_its_pid_and_time() {
        let state = json!({"pid": 12, "id": "a", "created": "2024-01-02T03:04:05.6Z", "annotations": {"a": "b"}});
        assert_eq!(flat(&state), [".annotations.a = \"b\"", ".created = TIME", ".id = \"a\"", ".pid = PID"]);
    }
}
