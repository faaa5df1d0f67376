//! Route messages as bytes: as much of rtnetlink(7) as moving an interface takes.
//!
//! Invariant: pure. What comes in is read with bounds, and a message that does not hold what it says is none.

use nix::errno::Errno;
use nix::libc;
use serde::{Deserialize, Serialize};

/// `IFLA_NEW_IFINDEX`: Linux 5.13; an older kernel keeps the number if it is free.
const IFLA_NEW_IFINDEX: u16 = 49;
/// `IFA_FLAGS`: all the flags, where the header has room for eight.
const IFA_FLAGS: u16 = 8;
/// `IFA_RT_PRIORITY`.
const IFA_RT_PRIORITY: u16 = 9;
/// What an address was told to be; the other flags are the kernel's findings.
const WANTED_FLAGS: u32 = libc::IFA_F_NODAD | libc::IFA_F_HOMEADDRESS | IFA_F_MANAGETEMPADDR | IFA_F_NOPREFIXROUTE;
const IFA_F_MANAGETEMPADDR: u32 = 0x100;
const IFA_F_NOPREFIXROUTE: u32 = 0x200;
const NLM_F_DUMP_INTR: u16 = 0x10;

const HEADER: usize = 16;
const LINK_HEADER: usize = 16;
const ADDRESS_HEADER: usize = 8;

/// An interface.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Link {
    pub(super) index: i32,
    pub(super) name: String,
    pub(super) is_up: bool,
    /// Its hardware address, which goes with it wherever it goes.
    hardware: Vec<u8>,
}

impl Link {
    /// Is this the same interface, under whatever name and number?
    pub(super) fn is_same(&self, other: &Self) -> bool {
        self.hardware == other.hardware
    }
}

/// An interface's new place: which, what it is called there, and its number there.
#[derive(Debug, Clone, Copy)]
pub(super) struct Naming<'a> {
    pub(super) index: i32,
    pub(super) name: &'a str,
    pub(super) new_index: i32,
}

/// An address of an interface.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Address {
    pub(super) index: i32,
    family: u8,
    prefix: u8,
    scope: u8,
    flags: u32,
    /// What else it consists of, but for a label, which is made of the interface's name.
    parts: Vec<(u16, Vec<u8>)>,
}

impl Address {
    /// Permanent, and good everywhere: one that moves along.
    pub(super) fn is_kept(&self) -> bool {
        self.is_permanent() && self.scope == libc::RT_SCOPE_UNIVERSE
    }

    /// Without an end that somebody else has to put off.
    pub(super) fn is_permanent(&self) -> bool {
        self.flags & libc::IFA_F_PERMANENT != 0
    }
}

/// A request in the making.
#[derive(Debug)]
pub(super) struct Request(Vec<u8>);

impl Request {
    fn new(kind: u16, flags: i32, header: &[u8]) -> Self {
        let mut bytes = vec![0; 4];
        bytes.extend(kind.to_ne_bytes());
        let flags = u16::try_from(libc::NLM_F_REQUEST | flags).unwrap_or(0);
        bytes.extend(flags.to_ne_bytes());
        bytes.extend([0; 8]);
        bytes.extend(header);
        Self(bytes)
    }

    fn link(kind: u16, flags: i32, (index, set): (i32, u32)) -> Self {
        let mut header = vec![0; 4];
        header.extend(index.to_ne_bytes());
        // Which flags are set, and which of them are meant.
        header.extend([set, set].iter().flat_map(|word| word.to_ne_bytes()));
        Self::new(kind, flags, &header)
    }

    fn part(mut self, kind: u16, value: &[u8]) -> Self {
        let len = u16::try_from(4 + value.len()).unwrap_or(u16::MAX);
        self.0.extend(len.to_ne_bytes());
        self.0.extend(kind.to_ne_bytes());
        self.0.extend(value);
        self.0.resize(self.0.len().next_multiple_of(4), 0);
        self
    }

    fn name(self, name: &str) -> Self {
        let text: Vec<u8> = name.bytes().chain([0]).collect();
        self.part(libc::IFLA_IFNAME, &text)
    }

    /// As it is sent: with its length.
    pub(super) fn into_bytes(mut self) -> Vec<u8> {
        let len = u32::try_from(self.0.len()).unwrap_or(0);
        self.0[..4].copy_from_slice(&len.to_ne_bytes());
        self.0
    }
}

/// One interface, by name.
pub(super) fn get_link(name: &str) -> Request {
    Request::link(libc::RTM_GETLINK, libc::NLM_F_ACK, (0, 0)).name(name)
}

/// All interfaces.
pub(super) fn get_links() -> Request {
    Request::link(libc::RTM_GETLINK, libc::NLM_F_DUMP, (0, 0))
}

/// All addresses of all interfaces.
pub(super) fn get_addresses() -> Request {
    Request::new(libc::RTM_GETADDR, libc::NLM_F_DUMP, &[0; ADDRESS_HEADER])
}

/// Into the network namespace of a descriptor, under a name, at once.
pub(super) fn send_away(naming: Naming<'_>, namespace: i32) -> Request {
    Request::link(libc::RTM_NEWLINK, libc::NLM_F_ACK, (naming.index, 0))
        .name(naming.name)
        .part(libc::IFLA_NET_NS_FD, &namespace.to_ne_bytes())
        .part(IFLA_NEW_IFINDEX, &naming.new_index.to_ne_bytes())
}

/// `IFF_UP`.
pub(super) fn set_up(index: i32) -> Request {
    Request::link(libc::RTM_NEWLINK, libc::NLM_F_ACK, (index, libc::IFF_UP.cast_unsigned()))
}

/// An address for an interface.
pub(super) fn add_address(address: &Address, index: i32) -> Request {
    let mut header = vec![address.family, address.prefix, 0, address.scope];
    header.extend(index.to_ne_bytes());
    let flags = libc::NLM_F_ACK | libc::NLM_F_CREATE | libc::NLM_F_EXCL;
    let request = Request::new(libc::RTM_NEWADDR, flags, &header).part(IFA_FLAGS, &(address.flags & WANTED_FLAGS).to_ne_bytes());
    address.parts.iter().fold(request, |request, (kind, value)| request.part(*kind, value))
}

/// What the kernel says.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Answer {
    Link(Link),
    Address(Address),
    /// The end of a list, or of an order that was carried out.
    Done,
    /// The list has changed while it was told; this comes beside the message that says so.
    Interrupted,
    Refused(Errno),
    /// Something else: not for us.
    Other,
}

/// The messages of one datagram.
pub(super) fn answers(mut bytes: &[u8]) -> Vec<Answer> {
    let mut answers = Vec::new();
    while let Some((answer, flags, len)) = answer(bytes) {
        if flags & NLM_F_DUMP_INTR != 0 {
            answers.push(Answer::Interrupted);
        }
        answers.push(answer);
        bytes = bytes.get(len.next_multiple_of(4)..).unwrap_or_default();
    }
    answers
}

/// The first message, its flags and its length.
fn answer(bytes: &[u8]) -> Option<(Answer, u16, usize)> {
    let len = usize::try_from(u32_at(bytes, 0)?).ok().filter(|len| *len >= HEADER)?;
    let (kind, flags, body) = (u16_at(bytes, 4)?, u16_at(bytes, 6)?, bytes.get(HEADER..len)?);
    let answer = match kind {
        libc::RTM_NEWLINK => Answer::Link(link(body)?),
        libc::RTM_NEWADDR => Answer::Address(address(body)?),
        kind if i32::from(kind) == libc::NLMSG_DONE => Answer::Done,
        kind if i32::from(kind) == libc::NLMSG_ERROR => match u32_at(body, 0)?.cast_signed() {
            0 => Answer::Done,
            errno => Answer::Refused(Errno::from_raw(errno.saturating_neg())),
        },
        _ => Answer::Other,
    };
    Some((answer, flags, len))
}

fn link(body: &[u8]) -> Option<Link> {
    let part = |wanted| parts(body.get(LINK_HEADER..).unwrap_or_default()).find(|(kind, _)| *kind == wanted).map(|(_, value)| value);
    let name = part(libc::IFLA_IFNAME)?;
    let name = String::from_utf8_lossy(name.strip_suffix(&[0]).unwrap_or(name)).into_owned();
    let is_up = u32_at(body, 8)? & libc::IFF_UP.cast_unsigned() != 0;
    let hardware = part(libc::IFLA_ADDRESS).unwrap_or_default().to_vec();
    Some(Link { index: u32_at(body, 4)?.cast_signed(), name, is_up, hardware })
}

fn address(body: &[u8]) -> Option<Address> {
    const KEPT: [u16; 4] = [libc::IFA_LOCAL, libc::IFA_ADDRESS, libc::IFA_BROADCAST, IFA_RT_PRIORITY];
    let [family, prefix, flags, scope] = *body.first_chunk()?;
    let all = || parts(body.get(ADDRESS_HEADER..).unwrap_or_default());
    let wide = all().find(|(kind, _)| *kind == IFA_FLAGS).and_then(|(_, value)| u32_at(value, 0));
    let kept = all().filter(|(kind, _)| KEPT.contains(kind));
    Some(Address {
        index: u32_at(body, 4)?.cast_signed(),
        family,
        prefix,
        scope,
        flags: wide.unwrap_or_else(|| flags.into()),
        parts: kept.map(|(kind, value)| (kind, value.to_vec())).collect(),
    })
}

/// The parts of a message: kind and value.
fn parts(mut bytes: &[u8]) -> impl Iterator<Item = (u16, &[u8])> {
    std::iter::from_fn(move || {
        let len = usize::from(u16_at(bytes, 0)?);
        let part = (u16_at(bytes, 2)?, bytes.get(4..len)?);
        bytes = bytes.get(len.next_multiple_of(4)..).unwrap_or_default();
        Some(part)
    })
}

fn u16_at(bytes: &[u8], at: usize) -> Option<u16> {
    Some(u16::from_ne_bytes(*bytes.get(at..)?.first_chunk()?))
}

fn u32_at(bytes: &[u8], at: usize) -> Option<u32> {
    Some(u32::from_ne_bytes(*bytes.get(at..)?.first_chunk()?))
}
