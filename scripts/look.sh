# Run on the host and in a container by ./try, by the same busybox: what a process sees of its world. One fact a line.

fact() {
	printf '%s\t%s\n' "$1" "$2"
}

status() {
	sed -n "s/^$1:[[:space:]]*//p" /proc/self/status
}

# How many bits of a hexadecimal number are set.
bits() {
	local rest=$((0x$1)) count=0
	while [ "$rest" -ne 0 ]; do
		count=$((count + (rest & 1)))
		rest=$((rest >> 1))
	done
	echo "$count"
}

cgroup() {
	{ grep ':memory:' /proc/self/cgroup || grep '^0::' /proc/self/cgroup; } | head -n 1 | cut -d : -f 3-
}

# Which user id of the machine's an id in here is.
outside() {
	while read -r first there count; do
		[ "$1" -ge "$first" ] && [ "$1" -lt $((first + count)) ] && echo $((there + $1 - first))
	done </proc/self/uid_map
}

fact 'host name' "$(hostname)"
fact 'my process id' "$$"
fact 'processes I see' "$(set -- /proc/[0-9]*; echo $#)"
fact 'mounts I see' "$(grep -c . /proc/self/mounts)"
fact 'network interfaces' "$(sed '1,2d; s/:.*//' /proc/net/dev | xargs)"
fact 'my user id' "$(id -u)"
fact 'that is, outside' "$(outside "$(id -u)")"
fact 'capabilities' "$(bits "$(status CapEff)") of $(($(cat /proc/sys/kernel/cap_last_cap) + 1))"
fact 'my cgroup' "$(cgroup)"
fact 'write to /proc/sys' "$([ -w /proc/sys/kernel/hostname ] && (: >>/proc/sys/kernel/hostname) 2>/dev/null && echo yes || echo no)"
fact 'write to /' "$( (: >/.write-test) 2>/dev/null && rm /.write-test && echo yes || echo no)"
fact 'files in /bin' "$(ls /bin | grep -c .)"
