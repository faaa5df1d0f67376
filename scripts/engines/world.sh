# Sourced by the engines' scripts: a machine of its own to install an engine on, which is gone at the end.
#
# The script runs in new mount, network and (without systemd) process namespaces. /etc, /var/lib and /usr/local are this machine's, but
# what is written there goes to a memory file system; /run is empty; the network has nothing but a loopback device, so addresses, bridges and
# packet filters cannot meet anybody else's. When the script ends, however it ends, nothing has to be undone but the cgroups: see `run`.

# world WORK RUNTIME: the runtime is installed where the pages in docs/ say.
world() {
	mount --make-rprivate / && mount -t tmpfs -o mode=755 engines "$1" || unable 'cannot mount'
	cover "$1" /etc /var/lib /usr/local
	quiet_run "$1"
	own_controllers "$1"
	# Engines keep images in overlays, which cannot lie in another overlay.
	local directory
	for directory in docker containerd containers; do
		mkdir -p "$1/lib/$directory" "/var/lib/$directory" && mount --bind "$1/lib/$directory" "/var/lib/$directory"
	done
	# An engine that is configured on this machine is not what is tested.
	rm -rf /etc/docker /etc/containerd /etc/containers/containers.conf* /etc/containers/storage.conf /etc/cni/net.d/*
	mkdir -p /etc/docker /etc/containerd /etc/containers /usr/local/sbin
	install -m 755 "$2" /usr/local/sbin/runtime-shim
	watched runc crun
	# As a machine with systemd has it, and as rootless engines want it.
	mount --make-rshared /
	busybox ip link set lo up
	export HOME=$1/home PATH=/usr/local/sbin:/usr/sbin:/sbin:/usr/local/bin:/usr/bin:/bin
	unset XDG_RUNTIME_DIR DOCKER_HOST CONTAINERS_CONF
	mkdir -p "$HOME" && cd "$HOME" || exit 1
}

# cover WORK DIRECTORY...: what is written to these stays in this world.
cover() {
	local work=$1 directory
	shift
	for directory in "$@"; do
		mkdir -p "$work/upper$directory" "$work/beside$directory"
		mount -t overlay -o "lowerdir=$directory,upperdir=$work/upper$directory,workdir=$work/beside$directory" engines "$directory" 2>/dev/null ||
			unable 'no overlayfs'
	done
}

# watched RUNTIME...: a runtime that is not the one to be used, but is; `strangers` tells.
watched() {
	local name program
	printf '#!/bin/sh\ncase " $* " in *" create "* | *" run "* | *" exec "*) echo "$0 $*" >>%s/strangers ;; esac\nexit 1\n' "$work" >"$work/stranger"
	chmod 755 "$work/stranger"
	: >"$work/strangers" && chmod 666 "$work/strangers"
	for name in "$@"; do
		program=$(command -v "$name") && mount --bind "$work/stranger" "$program"
	done
}

# Other runtimes than the one on the page were asked to make containers.
strangers() {
	cat "$work/strangers"
	[ ! -s "$work/strangers" ]
}

# An empty /run, but for the way to this machine's systemd.
quiet_run() {
	local directory
	mkdir -p "$1/run/lock"
	for directory in systemd dbus user udev; do
		if [ -d "/run/$directory" ]; then mkdir -p "$1/run/$directory" && mount --rbind "/run/$directory" "$1/run/$directory"; fi
	done
	mount --rbind "$1/run" /run
}

# On cgroup v1, Podman makes directories for the controllers that are not there.
own_controllers() {
	local hierarchy
	[ "$(stat -f -c %T /sys/fs/cgroup)" = tmpfs ] || return 0
	mkdir "$1/controllers"
	for hierarchy in /sys/fs/cgroup/*; do
		if [ -L "$hierarchy" ]; then cp -P "$hierarchy" "$1/controllers/" && continue; fi
		# Such a directory, from before.
		[ -e "$hierarchy/cgroup.procs" ] || continue
		mkdir "$1/controllers/${hierarchy##*/}" && mount --bind "$hierarchy" "$1/controllers/${hierarchy##*/}"
	done
	mount --rbind "$1/controllers" /sys/fs/cgroup
	umount "$1/controllers"/*/ 2>/dev/null
}

# Does systemd make the containers' cgroups? It could on cgroup v2; DRIVER=cgroupfs says no.
by_systemd() {
	[ -d /run/systemd/system ] && [ -e /sys/fs/cgroup/cgroup.controllers ] && [ "${DRIVER:-systemd}" = systemd ]
}

# This test's own place for cgroups, as the driver calls it.
cgroup_parent() {
	if by_systemd; then echo "$cgroup.slice"; else echo "/$cgroup"; fi
}

# unable WHY: the engine cannot be run here, with whatever runtime.
unable() {
	printf '%s\n' "$*" >"$results/why"
	exit 0
}

# page FILE LANGUAGE [NUMBER]: what stands in a fenced block of a page in docs/.
page() {
	awk -v language="$2" -v number="${3:-1}" '
		/^```/ && inside { exit }
		inside { print }
		$0 == "```" language && ++seen == number { inside = 1 }' "$docs/$1"
}

# answers SECONDS COMMAND...: waits until a daemon does.
answers() {
	local tries=$(($1 * 5))
	shift
	until "$@" >/dev/null 2>&1; do
		[ $((tries -= 1)) -gt 0 ] || return 1
		sleep 0.2
	done
}
