//! Builds the sealed init: a freestanding ELF file, from the sources of `runtime-init`.

use std::env;
use std::error::Error;
use std::path::{Path, PathBuf};
use std::process::Command;

fn main() -> Result<(), Box<dyn Error>> {
    let source = Path::new(runtime_init::SOURCE);
    println!("cargo::rerun-if-changed={}", source.display());
    let out = PathBuf::from(env::var("OUT_DIR")?);
    let library = out.join("libruntime_init.rlib");
    rustc(&source.join("lib.rs"), &["--crate-type=rlib", "--crate-name=runtime_init", "-o", text(&library)?])?;
    let dependency = format!("runtime_init={}", library.display());
    let elf = out.join("init.elf");
    let link = ["-Clinker-flavor=gcc", "-Clink-arg=-nostdlib", "-Clink-arg=-nostartfiles", "-Clink-arg=-static", "-Clink-arg=-no-pie"];
    // One segment of everything keeps the file at its few pages; nothing of it is writable.
    let small =
        ["-Clink-arg=-Wl,-z,noseparate-code,--build-id=none,--gc-sections,-z,norelro,--no-eh-frame-hdr", "-Cstrip=symbols", "-Clto=fat"];
    let own = ["--crate-type=bin", "--crate-name=init", "--extern", &dependency, "-o", text(&elf)?];
    rustc(&source.join("elf.rs"), &[&own[..], &link, &small].concat())
}

fn rustc(source: &Path, arguments: &[&str]) -> Result<(), Box<dyn Error>> {
    let common = ["--edition=2024", "-Copt-level=s", "-Cpanic=abort", "-Crelocation-model=static", "-Ccodegen-units=1"];
    let target = env::var("TARGET")?;
    let mut command = Command::new(env::var("RUSTC")?);
    // The workspace's flags are for programs with a C library.
    command.env_remove("CARGO_ENCODED_RUSTFLAGS").env_remove("RUSTFLAGS");
    command.args(common).args(["-Ctarget-feature=-crt-static", "-Cforce-unwind-tables=no", "-Cembed-bitcode=yes", "--target", &target]);
    // Set where the configuration names one: for another machine, say.
    command.args(env::var("RUSTC_LINKER").map(|linker| format!("-Clinker={linker}")));
    command.args(arguments).arg(source);
    match command.status()? {
        status if status.success() => Ok(()),
        status => Err(format!("rustc could not build the init: {status}: {command:?}").into()),
    }
}

fn text(path: &Path) -> Result<&str, String> {
    path.to_str().ok_or_else(|| format!("{} is not UTF-8", path.display()))
}
