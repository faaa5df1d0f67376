//! Renumbering file descriptors: pure, in the parent, so that the child only follows a list.

use std::os::fd::RawFd;

/// One `dup3(2)`.
#[repr(C)]
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Move {
    pub(super) from: RawFd,
    pub(super) to: RawFd,
}

/// The order in which descriptors can be moved so that none is overwritten while it is still needed. `spare` is a number that
/// nobody uses: a cycle is broken over it.
pub(super) fn order(wanted: &[Move], spare: RawFd) -> Vec<Move> {
    let mut open: Vec<Move> = wanted.to_vec();
    let mut done = Vec::with_capacity(open.len());
    while !open.is_empty() {
        let free = open.iter().position(|this| !open.iter().any(|other| other.from == this.to && other.to != this.to));
        match free {
            Some(at) => done.push(open.swap_remove(at)),
            None => break_cycle(&mut open, &mut done, spare),
        }
    }
    done
}

fn break_cycle(open: &mut [Move], done: &mut Vec<Move>, spare: RawFd) {
    let Some(from) = open.first().map(|first| first.from) else { return };
    done.push(Move { from, to: spare });
    for other in open.iter_mut().filter(|other| other.from == from) {
        other.from = spare;
    }
}

#[cfg(test)]
mod tests {
    use super::{Move, order};
    use std::collections::BTreeMap;

    /// Follows the list as the kernel would.
    fn follow(moves: &[Move], table: &mut BTreeMap<i32, i32>) {
        for step in moves {
            let file = *table.get(&step.from).expect("a closed descriptor was moved");
            table.insert(step.to, file);
        }
    }

    #[test]
    fn every_descriptor_arrives_whatever_the_numbers() {
        let mut seed = 7u32;
        let mut random = move |below: u32| {
            seed = seed.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            (seed >> 8) % below
        };
        for _ in 0..5000 {
            let count = random(8);
            let wanted: Vec<Move> = (0..count).map(|at| Move { from: random(10).cast_signed(), to: 3 + at.cast_signed() }).collect();
            let mut table: BTreeMap<i32, i32> = (0..10).map(|fd| (fd, fd + 100)).collect();
            follow(&order(&wanted, 50), &mut table);
            for step in &wanted {
                assert_eq!(table[&step.to], step.from + 100, "{wanted:?}");
            }
        }
    }
}
