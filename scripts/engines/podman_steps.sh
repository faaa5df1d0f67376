# Sourced by `podman` and `rootless`: what a user of Podman does, whoever that is.

podman() {
	timeout --foreground --kill-after=3 $((patience * 3)) podman "$@"
}

# Containers that are made for long or short, in this test's cgroup.
run() {
	podman run ${parent:+--cgroup-parent "$parent"} "$@"
}

# Root's configuration: the page's.
configure() {
	page podman.md toml >/etc/containers/containers.conf
	by_systemd || sed -i '/^\[engine\]/a cgroup_manager = "cgroupfs"' /etc/containers/containers.conf
}

info() {
	podman info --format '{{.Host.OCIRuntime.Name}} {{.Host.OCIRuntime.Path}} {{.Host.Security.Rootless}} {{.Host.CgroupManager}} {{.Host.CgroupsVersion}}'
}

load() {
	podman load -q -i "$work/image.tar"
	podman images --format '{{.Repository}}:{{.Tag}}' | sort
	run --rm busybox ls -l /www /old
}

first_contact() {
	page podman.md sh 2 >"$HOME/contact"
	cat "$HOME/contact"
	. "$HOME/contact"
}

plain() {
	run --rm busybox sh -c "$(facts)"
	echo piped | run --rm -i busybox cat
	fails run --rm busybox sh -c 'echo out; sleep 0.5; echo err >&2; exit 9'
	run --rm -e NAME=value -w /www --hostname box --add-host there:10.1.2.3 busybox sh -c 'echo $NAME; pwd; hostname; grep there /etc/hosts'
}

on_a_terminal() {
	terminal "podman run -it --rm busybox sh -c 'until stty size | grep -q \"33 77\"; do sleep 0.1; done; tty; stty size; ls -l /dev/console | cut -c 1-10'"
	fails terminal 'podman run -it --rm busybox sh -c "exit 5"'
	run -dt --name term busybox sleep 100
	terminal 'podman exec -it term sh -c "tty; test -t 0 && test -t 1 && echo is one"'
	podman rm -f -t 0 term
}

detached() {
	run -d --name web busybox sh -c 'trap "echo told to stop; exit 4" TERM; echo started; while :; do sleep 0.1; done'
	until_said started podman logs web
	podman ps --format '{{.Names}} {{.State}} {{.Image}}' | sed -E 's/Up (Less than a|[0-9]+) seconds?/Up/'
	podman stop web
	podman logs web
	podman inspect -f '{{.State.ExitCode}} {{.State.OOMKilled}} {{.OCIRuntime}}' web
	podman start web
	podman restart -t 5 web
	podman kill -s KILL web
	podman wait web
	podman rm web
}

boxed() {
	run -d --name box busybox sleep 1000
	podman ps --format '{{.Names}}'
}

execs() {
	podman exec box sh -c "$(facts)"
	podman exec -e A=b -w /tmp -u app box sh -c 'echo $A; pwd; id'
	echo typed | podman exec -i box cat
	podman exec -d box sh -c 'echo later >/tmp/later'
	until_said later podman exec box cat /tmp/later
	fails podman exec box sh -c 'exit 7'
	reason podman exec box /nope
	podman top box comm args
	podman cp box:/www/index.html "$HOME/copied"
	cat "$HOME/copied"
	podman rm -f -t 0 box
}

paused() {
	run -d --name sleeper busybox sleep 1000
	podman pause sleeper
	podman ps --format '{{.Names}} {{.State}}'
	fails podman exec sleeper true 2>/dev/null
	podman unpause sleeper
	podman exec sleeper echo awake
	podman rm -f -t 0 sleeper
}

volumes() {
	mkdir -p "$HOME/volume"
	run --rm -v "$HOME/volume:/data" busybox sh -c 'echo kept >/data/file'
	cat "$HOME/volume/file"
	run --rm -v "$HOME/volume:/data:ro" busybox sh -c '{ cat /data/file; echo no >/data/file || true; } 2>&1'
	run --rm -v things:/www busybox ls /www
	run --rm -v things:/www:U,ro busybox ls -ln /www
	podman volume rm things
	run --rm --mount type=tmpfs,destination=/scratch busybox sh -c 'grep -E " /scratch " /proc/mounts | cut -d " " -f 2-4'
	run --rm -v "$HOME/volume:/data:O" busybox sh -c 'echo mine >/data/file; cat /data/file'
	cat "$HOME/volume/file"
}

limit_words() {
	cat <<-'SH'
		cd /sys/fs/cgroup
		for file in memory/memory.limit_in_bytes memory/memory.memsw.limit_in_bytes memory/memory.soft_limit_in_bytes cpu/cpu.cfs_quota_us cpu/cpu.shares \
			cpuset/cpuset.cpus pids/pids.max memory.max memory.swap.max memory.low cpu.max cpu.weight cpuset.cpus pids.max; do
			[ -e $file ] && echo "$file: $(cat $file)"
		done
		cut -d : -f 2- /proc/self/cgroup | sort
		SH
}

limits() {
	run --rm --memory 64m --memory-swap 128m --cpus 0.5 --cpu-shares 512 --pids-limit 33 busybox sh -c "$(limit_words)"
}

measured() {
	run -d --name grown --memory 64m busybox sleep 1000
	podman stats --no-stream --format '{{.Name}} {{.PIDS}}' grown
	podman update --memory 128m --cpus 0.25 grown >/dev/null
	podman exec grown sh -c "$(limit_words)"
	podman rm -f -t 0 grown
}

# What counts goes on where it was, in the same container and, from a file, in another.
checkpointed() {
	run -d --name saved busybox sh -c 'n=1; while echo $n >/tmp/n; do n=$((n + 1)); sleep 0.1; done'
	until_said '..' podman exec saved cat /tmp/n
	podman container checkpoint saved
	podman ps -a --format '{{.Names}} {{.State}}'
	podman container restore saved
	podman exec saved grep -c .. /tmp/n
	podman container checkpoint --leave-running --export "$HOME/saved.tar" saved
	podman ps --format '{{.Names}} {{.State}}'
	podman rm -f -t 0 saved
	podman container restore --import "$HOME/saved.tar" --name moved | tail -c 65
	podman exec moved grep -c .. /tmp/n
	podman rm -f -t 0 moved
}

out_of_memory() {
	fails run --name eater --memory 16m --memory-swap 16m busybox sh -c 'ulimit -v 1000000; x=aaaaaaaaaaaaaaaa; while :; do x=$x$x; done'
	podman inspect -f '{{.State.ExitCode}} {{.State.OOMKilled}}' eater
	podman rm -f -t 0 eater >/dev/null
}

options() {
	fails run --rm --read-only busybox touch /file
	run --rm --read-only --tmpfs /made busybox sh -c "touch /tmp/file /made/file && $(facts)"
	run --rm --cap-drop ALL --cap-add CHOWN busybox grep Cap /proc/self/status
	run --rm --security-opt no-new-privileges --security-opt seccomp=unconfined busybox grep -E '^(NoNew|Secc)' /proc/self/status
	run --rm --security-opt mask=/www --security-opt unmask=ALL busybox sh -c 'ls /www; grep -c " /proc/" /proc/mounts || true'
	run --rm --user app busybox sh -c "$(facts)"
	run --rm --user 1234:5678 --group-add 99 busybox id
	run --rm --sysctl net.ipv4.ip_default_ttl=55 --shm-size 2m busybox sh -c 'cat /proc/sys/net/ipv4/ip_default_ttl; grep shm /proc/mounts | cut -d " " -f 2-4'
	run --rm --device /dev/fuse:/dev/fused:rw busybox sh -c 'ls -l /dev/fused | cut -c 1-10'
	run --rm --cgroupns host busybox true
	run --rm --timeout 1 busybox sleep 100 || echo "timed out: $?"
}

user_namespaces() {
	run --rm --uidmap 0:1000:500 --gidmap 0:2000:500 busybox sh -c 'cat /proc/self/uid_map /proc/self/gid_map; id; ls -ln / | cut -c 1-30 | head -n 3'
}

# Podman asks for more processes than there may be, where it may not raise the limit.
ulimits() {
	run --rm --ulimit nofile=99:100 --ulimit nproc=1000:1000 busybox sh -c 'ulimit -n; ulimit -u'
}

with_an_init() {
	run --rm --init busybox ps -o comm
}

networks() {
	run --rm --network none busybox ls /sys/class/net
	run --rm --network host busybox sh -c 'ls /sys/class/net | grep lo'
	run -d --name first --network none busybox sh -c 'httpd -h /www; sleep 1000'
	until_said Hello podman run --rm --network container:first busybox wget -q -O - http://127.0.0.1/
	run --rm --pid container:first --network container:first busybox ps -o comm
	podman rm -f -t 0 first
}

bridged() {
	run --rm busybox sh -c 'ls /sys/class/net; ip -4 -o addr show dev $(ls /sys/class/net | grep -v lo) | wc -l'
	run -d --name page -p 127.0.0.1:8080:80 busybox httpd -f -h /www
	until_said Hello busybox wget -q -O - http://127.0.0.1:8080/
	podman port page
	podman rm -f -t 0 page
}

pods() {
	podman pod create --name pod --network none ${parent:+--cgroup-parent "$parent"} >/dev/null
	podman run -d --pod pod --name server busybox httpd -f -h /www
	until_said Hello podman run --rm --pod pod busybox wget -q -O - http://127.0.0.1/
	podman run --rm --pod pod busybox hostname
	podman pod ps --format '{{.Name}} {{.Status}} {{.NumberOfContainers}}'
	podman pod top pod comm | sort
	podman pod stop -t 0 pod >/dev/null
	podman pod ps --format '{{.Name}} {{.Status}}'
	podman pod start pod >/dev/null
	until_said Hello podman run --rm --pod pod busybox wget -q -O - http://127.0.0.1/
	# On cgroup v1, Podman stumbles over directories it made for controllers that are not there.
	podman pod rm -f -t 0 pod >/dev/null 2>&1 || true
	podman pod ps -q
}

built() {
	mkdir -p "$HOME/build"
	page podman.md dockerfile >"$HOME/build/Containerfile"
	podman build -q -t hello "$HOME/build" >/dev/null
	run --rm hello
}

health() {
	run -d --name ill --health-cmd 'test -e /tmp/well' --health-interval disable --health-retries 1 busybox sleep 1000
	fails podman healthcheck run ill
	podman exec ill touch /tmp/well
	podman healthcheck run ill
	podman rm -f -t 0 ill
}

mistakes() {
	reason run --rm busybox /nope
	reason run --rm busybox nope
	reason run --rm busybox /etc/passwd
	reason run --rm -w /etc/passwd busybox true
	podman ps -aq
}

left() {
	podman ps -aq
	podman volume ls -q
	find /sys/fs/cgroup -path "*$cgroup*" -type d -name '*libpod-*' | wc -l
}

clean() {
	podman pod rm -f -a -t 0
	podman rm -f -a -t 0
}

# Whatever the page says: can this user have containers here at all? The user's namespace is not always there the first time.
usable() {
	local said
	for _ in 1 2 3; do
		said=$({ podman load -q -i "$work/image.tar" && podman --runtime /usr/local/sbin/runtime-shim run --rm busybox true; } 2>&1 </dev/null) && return
		podman system migrate >/dev/null 2>&1
	done
	unable "podman cannot run a container here: $(tail -n 1 <<<"$said")"
}

# podman_steps STEP...: these, and what every user does.
podman_steps() {
	local name
	usable
	for name in info load first_contact plain on_a_terminal detached boxed execs volumes options user_namespaces networks bridged pods built "$@" left strangers; do
		step "$name"
	done
}
