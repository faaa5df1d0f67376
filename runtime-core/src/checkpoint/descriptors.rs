//! The standard streams of a saved container: a pipe's other end is outside, and comes from whoever restores it.
//!
//! They are kept beside the images, in the form that runc and crun use: a list of where the descriptors 0, 1 and 2 led.

use super::message::InheritFd;
use crate::error::{Error, ErrorKind, Result};
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;

const FILE: &str = "descriptors.json";

/// Where a process's standard streams lead; nowhere, if they are closed or not to be seen.
pub(crate) fn of(pid: i32) -> Vec<String> {
    let link = |fd: i32| std::fs::read_link(format!("/proc/{pid}/fd/{fd}"));
    (0..3).map(|fd| link(fd).map_or_else(|_| String::new(), |path| path.to_string_lossy().into_owned())).collect()
}

/// Keeps them beside the images.
pub(super) fn write(images: &Path, streams: &[String]) -> Result<()> {
    use std::io::Write;
    let path = images.join(FILE);
    let text = serde_json::to_vec(streams).map_err(|error| Error::new(ErrorKind::Checkpoint, format!("write {FILE}: {error}")))?;
    let file = std::fs::OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).open(&path);
    file.and_then(|mut file| file.write_all(&text)).map_err(|error| Error::io("write", path, error))
}

/// What is kept beside images.
pub(super) fn read(images: &Path) -> Result<Vec<String>> {
    let path = images.join(FILE);
    let text = std::fs::read(&path).map_err(|error| Error::io("read", &path, error))?;
    serde_json::from_slice(&text).map_err(|error| Error::new(ErrorKind::Checkpoint, format!("read {}: {error}", path.display())))
}

/// The pipes among them are the restored process's own standard streams from now on.
pub(super) fn inherited(streams: &[String]) -> Vec<InheritFd> {
    let pipes = (0..3).zip(streams).filter(|(_, stream)| stream.starts_with("pipe:"));
    pipes.map(|(fd, stream)| InheritFd { key: stream.clone(), fd }).collect()
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn pipes_are_handed_over_and_nothing_else_is() {
        let streams = ["pipe:[7]", "/dev/null", "pipe:[8]", "pipe:[9]"].map(str::to_owned);
        let inherited: Vec<_> = inherited(&streams).into_iter().map(|one| (one.key, one.fd)).collect();
        assert_eq!(inherited, [("pipe:[7]".to_owned(), 0), ("pipe:[8]".to_owned(), 2)]);
    }

    /// crun restores what was saved here, and the other way round.
    #[test]
    fn the_file_is_a_list_of_links() {
        let dir = std::env::temp_dir().join(format!("descriptors-{}", std::process::id()));
        std::fs::create_dir_all(&dir).unwrap();
        let streams = ["pipe:[7]", "/dev/null", ""].map(str::to_owned);
        write(&dir, &streams).unwrap();
        assert_eq!(std::fs::read_to_string(dir.join(FILE)).unwrap(), r#"["pipe:[7]","/dev/null",""]"#);
        assert_eq!(read(&dir).unwrap(), streams);
        std::fs::write(dir.join(FILE), "{}").unwrap();
        assert!(read(&dir).unwrap_err().to_string().contains("descriptors.json: invalid type"));
        std::fs::remove_dir_all(dir).unwrap();
    }
}
