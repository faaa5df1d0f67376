//! The project's runtime against runc on every case: no difference that is not accepted, and nothing left behind.
//!
//! `RUNTIME=/path` judges another runtime; without it the workspace's own is built and judged.

#![allow(clippy::expect_used)]

use std::path::{Path, PathBuf};
use std::process::Command;

const REFERENCE: &str = "runc";

#[test]
fn every_case_is_as_with_runc() {
    if let Some(reason) = missing() {
        println!("SKIP: {reason}");
        return;
    }
    let runtime = std::env::var_os("RUNTIME").map_or_else(own, PathBuf::from);
    let output = Command::new(env!("CARGO_BIN_EXE_conformance"))
        .args(["--reference", REFERENCE])
        .arg(&runtime)
        .output()
        .expect("the harness starts");
    let report = String::from_utf8_lossy(&output.stdout);
    let failures: Vec<&str> = report.split("\nnot ok ").skip(1).map(|rest| rest.split("\nok ").next().unwrap_or(rest)).collect();
    assert!(output.status.success(), "{}\n{}", failures.join("\n"), String::from_utf8_lossy(&output.stderr));
}

/// Why the comparison cannot be made here.
fn missing() -> Option<&'static str> {
    let root = Command::new("id").arg("-u").output().is_ok_and(|id| id.stdout == b"0\n");
    match (root, in_path(REFERENCE), in_path("busybox")) {
        (false, _, _) => Some("containers can only be made by root here"),
        (_, false, _) => Some("runc, the reference, is not in PATH"),
        (_, _, false) => Some("busybox, which bundles are made of, is not in PATH"),
        _ => None,
    }
}

fn in_path(program: &str) -> bool {
    let path = std::env::var_os("PATH").unwrap_or_default();
    std::env::split_paths(&path).any(|dir| dir.join(program).is_file())
}

/// The workspace's runtime, built with the profile of this test. Tests of one crate do not build another crate's binary.
fn own() -> PathBuf {
    let harness = Path::new(env!("CARGO_BIN_EXE_conformance"));
    let profile = harness.parent().and_then(Path::file_name).expect("a target directory");
    let mut build = Command::new(env!("CARGO"));
    build.args(["build", "--package", "runtime-shim", "--bin", "runtime-shim"]);
    if profile == "release" {
        build.arg("--release");
    }
    assert!(build.status().expect("cargo starts").success(), "the runtime does not build");
    harness.with_file_name("runtime-shim")
}
