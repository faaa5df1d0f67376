# Sourced by ./try and ./test: what this machine must have, and how it gets it.

# Where Debian puts runtimes, whatever the caller's PATH.
PATH=$PATH:/usr/local/sbin:/usr/sbin:/sbin

# need COMMAND PACKAGE: is the command there? If not, and we are root on a machine with apt, it is installed.
need() {
	command -v "$1" >/dev/null 2>&1 && return 0
	install_package "$2" && command -v "$1" >/dev/null 2>&1
}

# A busybox that needs no library: it is all there is in a bundle's root.
need_static_busybox() {
	is_static busybox && return 0
	install_package busybox-static && is_static busybox
}

is_static() {
	local program
	program=$(command -v "$1" 2>/dev/null) && ! grep -aq '/ld-linux' "$program"
}

install_package() {
	if [ "$(id -u)" -ne 0 ] || ! command -v apt-get >/dev/null 2>&1; then
		echo "missing: $1. Install it with your package manager (Debian: apt-get install $1)." >&2
		return 1
	fi
	echo "installing $1" >&2
	if [ -z "${apt_is_fresh:-}" ]; then
		quietly apt-get update -qq || echo 'trying with the lists of packages that are there' >&2
		apt_is_fresh=yes
	fi
	quietly apt-get install -qq -y --no-install-recommends "$1"
}

# What a command says is only of interest if it fails.
quietly() {
	local said
	said=$(DEBIAN_FRONTEND=noninteractive "$@" 2>&1 </dev/null) || {
		printf '%s\n' "$said" >&2
		return 1
	}
}

# Rust, a linker, and a C library to link statically.
need_rust() {
	local rustup=${CARGO_HOME:-${HOME:-/root}/.cargo}/bin
	if ! command -v cargo >/dev/null 2>&1 && [ -x "$rustup/cargo" ]; then
		PATH=$rustup:$PATH
	fi
	if ! command -v cargo >/dev/null 2>&1; then
		echo "missing: Rust 1.91 or newer. See https://rustup.rs, then run this again." >&2
		return 1
	fi
	need cc gcc && { [ -e "$(cc -print-file-name=libc.a)" ] || install_package libc6-dev; }
}

# built PROGRAM: the release build's file.
built() {
	local host
	host=$(rustc -vV | sed -n 's/^host: //p')
	echo "${CARGO_TARGET_DIR:-$PWD/target}/$host/release/$1"
}
