//! What a container's class may use and has used, in the shape that `events --stats` prints.

use super::Group;
use crate::error::{Error, Result};
use serde_json::{Map, Value, json};
use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

/// What the kernel counts of each part of the cache, and in which list it is told.
const COUNTERS: [(&str, &[&str]); 2] = [("mbm_stats", &["mbm_total_bytes", "mbm_local_bytes"]), ("cmt_stats", &["llc_occupancy"])];

impl Group {
    /// `intel_rdt` of the stats.
    pub(crate) fn stats(&self) -> Result<BTreeMap<String, Value>> {
        let mut stats = BTreeMap::new();
        let (root, own) = (lines(&self.root)?, lines(&self.class)?);
        let resources: [(&str, &str, &[&str]); 2] = [
            ("L3", "l3_cache", &["cbm_mask", "min_cbm_bits", "num_closids"]),
            ("MB", "mem_bw", &["bandwidth_gran", "delay_linear", "min_bandwidth", "num_closids"]),
        ];
        for (resource, name, files) in resources {
            let info = self.root.join("info").join(resource);
            if !info.exists() {
                continue;
            }
            stats.insert(
                format!("{name}_info"),
                files.iter().map(|file| Ok(((*file).to_owned(), value(&info, file)?))).collect::<Result<_>>()?,
            );
            for (lines, suffix) in [(&root, "_schema_root"), (&own, "_schema")] {
                let line = lines.iter().rfind(|line| line.contains(resource));
                stats.extend(line.map(|line| (format!("{name}{suffix}"), json!(line))));
            }
        }
        stats.insert("schemata".into(), json!(own));
        stats.extend(self.monitored()?);
        Ok(stats)
    }

    fn monitored(&self) -> Result<Vec<(String, Value)>> {
        let features = fs::read_to_string(self.root.join("info/L3_MON/mon_features")).unwrap_or_default();
        let is_counted = |name: &str| features.lines().any(|feature| feature == name);
        let data = self.monitoring.as_ref().unwrap_or(&self.class).join("mon_data");
        let lists = COUNTERS.into_iter().filter(|(_, counters)| counters.iter().any(|name| is_counted(name)));
        lists.map(|(list, counters)| Ok((list.to_owned(), domains(&data, counters, is_counted)?))).collect()
    }
}

/// The counters of each domain below `mon_data`, in the order of their names; what this machine does not count is zero.
fn domains(data: &Path, counters: &[&str], is_counted: impl Fn(&str) -> bool) -> Result<Value> {
    let entries = fs::read_dir(data).map_err(|error| Error::io("open", data, error))?;
    let mut domains: Vec<_> = entries.flatten().map(|entry| entry.path()).filter(|path| path.is_dir()).collect();
    domains.sort();
    let counter = |dir: &Path, name: &str| if is_counted(name) { value(dir, name) } else { Ok(json!(0)) };
    let count = |dir: &Path| counters.iter().map(|name| Ok(((*name).to_owned(), counter(dir, name)?))).collect::<Result<Map<_, _>>>();
    domains.iter().map(|dir| count(dir).map(Value::Object)).collect::<Result<Value>>()
}

/// A file with a number, or with a word: a mask is hexadecimal, a counter may be `Unavailable`.
fn value(dir: &Path, file: &str) -> Result<Value> {
    let text = read(&dir.join(file))?;
    match text.parse::<u64>() {
        Ok(number) if file != "cbm_mask" => Ok(json!(number)),
        _ => Ok(json!(text)),
    }
}

fn lines(dir: &Path) -> Result<Vec<String>> {
    Ok(read(&dir.join("schemata"))?.lines().map(|line| line.trim().to_owned()).collect())
}

fn read(path: &Path) -> Result<String> {
    fs::read_to_string(path).map(|text| text.trim().to_owned()).map_err(|error| Error::io("read", path, error))
}
