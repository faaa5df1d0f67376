//! The sealed init.
#![no_std]
