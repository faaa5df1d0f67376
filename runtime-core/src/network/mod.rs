//! Interfaces that move into a container: runtime-spec, config-linux, "Network Devices".
//!
//! The move and the new name are one request on a socket of the runtime's own network namespace. Addresses and the state follow on a
//! socket of the container's, which its init has opened and lent: a netlink socket speaks for the namespace it was made in, whoever
//! uses it, so nobody has to enter anything.
//!
//! Invariant: nothing here outlives a create but the interfaces themselves. A delete does not bring them back, they are the namespace's, but
//! for those of a create that did not come to its end: its [`Trail`] is written down before anything moves.

mod message;
mod route;
#[cfg(test)]
mod tests;

use crate::error::{Error, Result};
use message::{Address, Link, Naming};
use nix::errno::Errno;
use route::Route;
use serde::{Deserialize, Serialize};
use std::fs::File;
use std::os::fd::OwnedFd;
use std::os::unix::fs::MetadataExt;

/// Interfaces on their way from the runtime's network namespace to another.
#[derive(Debug)]
pub(crate) struct Move {
    host: Side,
    container: Side,
    trail: Trail,
}

/// Where interfaces went, or are about to go, and how they were before: all that it takes to bring them back.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Trail {
    from: Namespace,
    to: Namespace,
    moved: Vec<Moved>,
}

/// One of the two namespaces.
#[derive(Debug)]
struct Side {
    route: Route,
    namespace: File,
}

/// Which namespace: its file's device and number.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
struct Namespace(u64, u64);

/// An interface that has left, or is about to, as it was.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
struct Moved {
    before: Link,
    addresses: Vec<Address>,
    index_inside: i32,
}

impl Move {
    /// From the caller's namespace to that of a process, with a route socket of it.
    pub(crate) fn between(pid: i32, inside: OwnedFd) -> Result<Self> {
        // The main thread may be elsewhere than this one.
        let host = Side { route: Route::open()?, namespace: namespace("/proc/thread-self/ns/net")? };
        let container = Side { route: Route::of(inside), namespace: namespace(&format!("/proc/{pid}/ns/net"))? };
        let trail = Trail { from: host.which()?, to: container.which()?, moved: Vec::new() };
        Ok(Self { host, container, trail })
    }

    /// One that was begun by somebody else, between the same two namespaces; none if these are others.
    pub(crate) fn again(self, trail: &Trail) -> Option<Self> {
        let same = (&self.trail.from, &self.trail.to) == (&trail.from, &trail.to);
        same.then(|| Self { trail: trail.clone(), ..self })
    }

    /// Moves one in, under its new name; it keeps its permanent global addresses, and is up afterwards. What is about to be is noted before.
    pub(crate) fn take(&mut self, (outside, inside): (&str, &str), note: impl FnOnce(&Trail) -> Result<()>) -> Result<()> {
        self.bring((outside, inside), note).map_err(|error| error.during(format_args!("linux.netDevices.{outside}")))
    }

    fn bring(&mut self, (outside, inside): (&str, &str), note: impl FnOnce(&Trail) -> Result<()>) -> Result<()> {
        let before = self.host.route.link(outside)?;
        let addresses = self.host.route.addresses(before.index)?;
        let there = self.container.route.links()?;
        // The kernel moves first and renames then: a clash would leave it half way.
        if there.iter().any(|link| link.name == inside) {
            return Err(Error::call("RTM_NEWLINK", inside, Errno::EEXIST));
        }
        let (index, index_inside) = (before.index, free_index(before.index, &there));
        // Counted, even if it comes only half way: by its index it is found where it is.
        self.trail.moved.push(Moved { before, addresses: addresses.clone(), index_inside });
        note(&self.trail)?;
        self.host.route.send_away(Naming { index, name: inside, new_index: index_inside }, &self.container.namespace)?;
        settle(&self.container.route, &addresses, (index_inside, inside))
    }

    /// Brings all of them back as they were, as far as they let; those that stay are told.
    pub(crate) fn undo(self) -> Vec<Error> {
        self.trail.moved.iter().rev().filter_map(|moved| self.bring_back(moved).err()).collect()
    }

    fn bring_back(&self, Moved { before, addresses, index_inside }: &Moved) -> Result<()> {
        let (host, name) = (&self.host.route, before.name.as_str());
        // One that never left must not be taken for whatever has its number inside.
        let is_here = host.link(name).is_ok_and(|link| link.index == before.index);
        let is_there = |link: &Link| link.index == *index_inside && link.is_same(before);
        if is_here || !self.container.route.links()?.iter().any(is_there) {
            return Ok(());
        }
        let naming = Naming { index: *index_inside, name, new_index: before.index };
        let sent = self.container.route.send_away(naming, &self.host.namespace);
        sent.map_err(|error| error.during(format_args!("linux.netDevices.{name}")))?;
        for address in addresses.iter().filter(|address| address.is_permanent()) {
            let _ = host.add(address, before.index, name);
        }
        if before.is_up {
            let _ = host.set_up(before.index, name);
        }
        Ok(())
    }
}

impl Side {
    fn which(&self) -> Result<Namespace> {
        let file = self.namespace.metadata().map_err(|error| Error::io("stat", "network namespace", error))?;
        Ok(Namespace(file.dev(), file.ino()))
    }
}

fn settle(route: &Route, addresses: &[Address], (index, name): (i32, &str)) -> Result<()> {
    addresses.iter().filter(|address| address.is_kept()).try_for_each(|address| route.add(address, index, name))?;
    route.set_up(index, name)
}

fn namespace(path: &str) -> Result<File> {
    File::open(path).map_err(|error| Error::io("open", path, error))
}

/// The number it has, or the next after all others: said beforehand, it is known afterwards, whatever name the kernel makes of `eth%d`.
fn free_index(index: i32, taken: &[Link]) -> i32 {
    match taken.iter().any(|link| link.index == index) {
        true => taken.iter().map(|link| link.index).max().unwrap_or(0).saturating_add(1),
        false => index,
    }
}
