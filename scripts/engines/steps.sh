# Sourced by the engines' scripts: named steps, what each one shows to a user, and how long it took.

# step NAME: the function of that name. The first command that fails ends it; what is meant to fail is called with `fails`.
step() {
	local name=$1 code=0 begin=${EPOCHREALTIME/[.,]/}
	[[ -z ${STEPS:-} || " $STEPS " == *" $name "* ]] || return 0
	(
		set -e
		"$name"
	) >"$work/raw" 2>&1 </dev/null
	code=$?
	printf '%s %s\n' "$name" $(((${EPOCHREALTIME/[.,]/} - begin) / 1000)) >>"$results/times"
	{
		normal <"$work/raw"
		[ "$code" -eq 0 ] || echo "exit $code"
	} >"$results/$name"
	# The next step must not meet what this one could not remove.
	[ "$code" -eq 0 ] || clean >/dev/null 2>&1
}

# What differs from run to run, and is nobody's fault.
normal() {
	tr -d '\000\r' | sed -E -e 's/\^@//g; s/\^D\x08*//g; /^stty: standard input(: .*)?$/d' -e "s/\x1b\[[0-9;?]*[A-Za-z]//g" \
		-e 's/[0-9a-f]{64}/ID/g; s/\b[0-9a-f]{12}\b/ID/g' \
		-e 's/[0-9]{4}-[0-9]{2}-[0-9]{2}[T ][0-9:.]+(Z| ?[+-][0-9:]+( [A-Z]+)?)?/TIME/g' \
		-e 's/buildah[0-9]{4,}/buildahN/g' -e "s|$work|WORK|g; s/$cgroup/CGROUP/g"
}

# fails COMMAND...: shows how it ended, and that it did fail.
fails() {
	local code=0
	"$@" || code=$?
	echo "(exit $code)"
	[ "$code" -ne 0 ]
}

# Only the reason in what an engine says: the words around it are the engine's, and the runtime's own.
reason() {
	local said code=0
	said=$("$@" 2>&1) || code=$?
	printf '%s\n' "$said" | grep -oE 'exec: .*|no such file or directory|permission denied|not a directory' | head -n 1 || true
	echo "(exit $code)"
}

# terminal COMMAND: with a terminal, as a user has one.
terminal() {
	script --quiet --return --command "stty rows 33 cols 77; $1" /dev/null
}

# until_said TEXT COMMAND...: waits for what comes a little later.
until_said() {
	local text=$1 tries=$((patience * 5))
	shift
	until grep -qE -e "$text" <<<"$("$@" 2>&1)"; do
		[ $((tries -= 1)) -gt 0 ] || { "$@"; return 1; }
		sleep 0.2
	done
}

# What a process in a container can see of what the runtime did, by the container's own shell.
facts() {
	cat <<-'SH'
		grep -E '^(Uid|Gid|Groups|Cap|NoNewPrivs|Seccomp:)' /proc/self/status
		cut -d ' ' -f 4- /proc/self/mountinfo | sed -E 's/ (shared|master):[0-9]+//g; s/,(size|inode64|nr_inodes)[^, ]*//g; s|.*overlay.*|root|; s|[^ ]*/([^/ ]* /etc)|\1|' | grep -v cgroup | sort
		ls -l /dev | awk '{ print $1, $3, $4, $5, $6, $NF }' | sed -E 's/ [A-Z][a-z]{2} / /'
		cat /proc/self/limits /proc/self/oom_score_adj /proc/self/attr/current 2>/dev/null
		umask; pwd; hostname | wc -c; id; ulimit -n; sysctl -n kernel.shmmax
		for n in /proc/self/ns/*; do [ "$(readlink $n)" = "$(readlink /proc/1/ns/${n##*/})" ] && echo "as pid 1: ${n##*/}"; done
		env | sort
		SH
}
