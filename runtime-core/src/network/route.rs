//! A conversation with rtnetlink(7): one request, its answers.

use super::message::{self, Address, Answer, Link, Naming, Request};
use crate::error::{Error, Result};
use nix::errno::Errno;
use nix::sys::socket::{AddressFamily, MsgFlags, SockFlag, SockProtocol, SockType, recv, send, socket};
use std::fs::File;
use std::os::fd::{AsRawFd, OwnedFd};

/// The kernel's datagrams are not larger.
const DATAGRAM: usize = 64 << 10;

/// How often a list is asked for that changes while it is told.
const TRIES: usize = 10;

/// A route socket. It speaks for the network namespace it was made in.
#[derive(Debug)]
pub(super) struct Route(OwnedFd);

impl Route {
    /// One of the caller's namespace.
    pub(super) fn open() -> Result<Self> {
        let route = socket(AddressFamily::Netlink, SockType::Raw, SockFlag::SOCK_CLOEXEC, SockProtocol::NetlinkRoute);
        route.map(Self).map_err(|errno| Error::call("socket", "NETLINK_ROUTE", errno))
    }

    /// One that somebody else has made.
    pub(super) fn of(socket: OwnedFd) -> Self {
        Self(socket)
    }

    /// The socket itself.
    #[cfg(test)]
    pub(super) fn into_socket(self) -> OwnedFd {
        self.0
    }

    /// The interface of this name.
    pub(super) fn link(&self, name: &str) -> Result<Link> {
        let answers = self.ask(message::get_link(name)).map_err(|errno| Error::call("RTM_GETLINK", name, errno))?;
        let links = answers.into_iter().filter_map(link);
        // An alternative name finds it too; it is moved by its own.
        links.into_iter().next().ok_or_else(|| Error::call("RTM_GETLINK", name, Errno::ENODEV))
    }

    /// All interfaces.
    pub(super) fn links(&self) -> Result<Vec<Link>> {
        let answers = self.ask(message::get_links()).map_err(|errno| Error::call("RTM_GETLINK", "all interfaces", errno))?;
        Ok(answers.into_iter().filter_map(link).collect())
    }

    /// The addresses of an interface.
    pub(super) fn addresses(&self, index: i32) -> Result<Vec<Address>> {
        let answers = self.ask(message::get_addresses()).map_err(|errno| Error::call("RTM_GETADDR", "all interfaces", errno))?;
        let all = answers.into_iter().filter_map(|answer| if let Answer::Address(address) = answer { Some(address) } else { None });
        Ok(all.filter(|address| address.index == index).collect())
    }

    /// Moves an interface to another namespace, under another name and number.
    pub(super) fn send_away(&self, naming: Naming<'_>, to: &File) -> Result<()> {
        self.order(message::send_away(naming, to.as_raw_fd()), "RTM_NEWLINK", naming.name)
    }

    /// Gives an interface an address.
    pub(super) fn add(&self, address: &Address, index: i32, name: &str) -> Result<()> {
        self.order(message::add_address(address, index), "RTM_NEWADDR", name)
    }

    /// Brings an interface up.
    pub(super) fn set_up(&self, index: i32, name: &str) -> Result<()> {
        self.order(message::set_up(index), "RTM_NEWLINK IFF_UP", name)
    }

    fn order(&self, request: Request, call: &str, name: &str) -> Result<()> {
        self.ask(request).map(drop).map_err(|errno| Error::call(call, name, errno))
    }

    /// Sends a request, and reads until it is answered.
    fn ask(&self, request: Request) -> nix::Result<Vec<Answer>> {
        let bytes = request.into_bytes();
        for _ in 0..TRIES {
            send(self.0.as_raw_fd(), &bytes, MsgFlags::empty())?;
            let answers = self.hear()?;
            if !answers.contains(&Answer::Interrupted) {
                return Ok(answers);
            }
        }
        Err(Errno::EBUSY)
    }

    fn hear(&self) -> nix::Result<Vec<Answer>> {
        let mut all = Vec::new();
        let mut datagram = vec![0; DATAGRAM];
        loop {
            let count = match recv(self.0.as_raw_fd(), &mut datagram, MsgFlags::empty()) {
                Err(Errno::EINTR) => continue,
                other => other?,
            };
            let answers = message::answers(datagram.get(..count).unwrap_or_default());
            let is_over = answers.contains(&Answer::Done);
            if answers.is_empty() {
                return Err(Errno::EPROTO);
            }
            for answer in answers {
                match answer {
                    Answer::Refused(errno) => return Err(errno),
                    answer => all.push(answer),
                }
            }
            if is_over {
                return Ok(all);
            }
        }
    }
}

fn link(answer: Answer) -> Option<Link> {
    if let Answer::Link(link) = answer { Some(link) } else { None }
}
