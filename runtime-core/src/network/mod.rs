//! Interfaces that move into a container: runtime-spec, config-linux, "Network Devices".
//!
//! The move and the new name are one request on a socket of the runtime's own network namespace. Addresses and the state follow on a
//! socket of the container's, which its init has opened and lent: a netlink socket speaks for the namespace it was made in, whoever
//! uses it, so nobody has to enter anything.
//!
//! Invariant: nothing here outlives a create but the interfaces themselves. A delete does not bring them back: they are the namespace's.

mod message;
mod route;
#[cfg(test)]
mod tests;

use crate::error::{Error, Result};
use message::{Address, Link, Naming};
use nix::errno::Errno;
use route::Route;
use std::fs::File;
use std::os::fd::OwnedFd;

/// Interfaces on their way from the runtime's network namespace to another.
#[derive(Debug)]
pub(crate) struct Move {
    host: Side,
    container: Side,
    moved: Vec<Moved>,
}

/// One of the two namespaces.
#[derive(Debug)]
struct Side {
    route: Route,
    namespace: File,
}

/// An interface that has left, as it was.
#[derive(Debug)]
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
        Ok(Self { host, container, moved: Vec::new() })
    }

    /// Moves one in, under its new name; it keeps its permanent global addresses, and is up afterwards.
    pub(crate) fn take(&mut self, outside: &str, inside: &str) -> Result<()> {
        self.bring(outside, inside).map_err(|error| error.during(format_args!("linux.netDevices.{outside}")))
    }

    fn bring(&mut self, outside: &str, inside: &str) -> Result<()> {
        let before = self.host.route.link(outside)?;
        let addresses = self.host.route.addresses(before.index)?;
        let there = self.container.route.links()?;
        // The kernel moves first and renames then: a clash would leave it half way.
        if there.iter().any(|link| link.name == inside) {
            return Err(Error::call("RTM_NEWLINK", inside, Errno::EEXIST));
        }
        let index_inside = free_index(before.index, &there);
        let moved = Moved { before, addresses, index_inside };
        let naming = Naming { index: moved.before.index, name: inside, new_index: index_inside };
        let sent = self.host.route.send_away(naming, &self.container.namespace);
        let settled = sent.and_then(|()| settle(&self.container.route, &moved.addresses, (index_inside, inside)));
        // Counted, even if it came only half way: by its index it is found where it is.
        self.moved.push(moved);
        settled
    }

    /// Brings all of them back as they were, as far as they let.
    pub(crate) fn undo(self) {
        let Self { host, container, moved } = self;
        for Moved { before, addresses, index_inside } in moved.into_iter().rev() {
            // One that never left must not be taken for whatever has its number inside.
            if host.route.link(&before.name).is_ok_and(|link| link.index == before.index) {
                continue;
            }
            let naming = Naming { index: index_inside, name: &before.name, new_index: before.index };
            let _ = container.route.send_away(naming, &host.namespace);
            for address in addresses.iter().filter(|address| address.is_permanent()) {
                let _ = host.route.add(address, before.index, &before.name);
            }
            if before.is_up {
                let _ = host.route.set_up(before.index, &before.name);
            }
        }
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
