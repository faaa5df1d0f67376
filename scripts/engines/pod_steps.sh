# Sourced by `pods` and `cri-o`: pods, by the client of Kubernetes' interface to containers.

# meets SOCKET LOG: the client knows the daemon, whose log tells why it does not answer.
meets() {
	printf '%s: unix://%s\n' runtime-endpoint "$1" image-endpoint "$1" >/etc/crictl.yaml
	echo "timeout: $patience" >>/etc/crictl.yaml
	answers "$patience" crictl version || unable "crictl gets no answer: $(grep -E 'cri|fatal' "$2" | tail -n 1)"
}

crictl() {
	timeout --foreground --kill-after=3 $((patience * 3)) crictl "$@"
}

# The network is the host's, so that no plugin for networks is needed; the rest is as the kubelet has it.
pod_config() {
	cat <<-JSON
		{"metadata": {"name": "$1", "namespace": "default", "uid": "$1-uid", "attempt": 1}, "log_directory": "$work/logs/$1",
		"linux": {"cgroup_parent": "$(cgroup_parent)", "security_context": {"namespace_options": {"network": 2, "pid": 1}}}}
	JSON
}

# container_config NAME COMMAND [REST]: the command is a shell's, without quotes.
container_config() {
	cat <<-JSON
		{"metadata": {"name": "$1"}, "image": {"image": "docker.io/library/busybox:latest"}, "log_path": "$1.log",
		"command": ["sh", "-c", "$2"], "linux": {"resources": {"memory_limit_in_bytes": 67108864, "cpu_quota": 50000, "cpu_period": 100000},
		"security_context": {"namespace_options": {"network": 2, "pid": 1}}}${3:+, $3}}
	JSON
}

# pause_image NAME: of a pod's first container, as the daemon calls it, which would have it from afar.
pause_image() {
	image_archive "$work/pause.tar" "$1" '["sleep","1000000"]'
}

started() {
	mkdir -p "$work/pods" "$work/logs/pod"
	pod_config pod >"$work/pods/pod.json"
	crictl runp --runtime runtime-shim "$work/pods/pod.json" >"$work/pods/id"
	crictl pods --name pod -o json | grep -E '"(state|runtimeHandler)"'
}

containers() {
	local id
	container_config one 'echo started; trap \"echo told to stop; exit 4\" TERM; while :; do sleep 0.1; done' >"$work/pods/one.json"
	id=$(crictl create "$(cat "$work/pods/id")" "$work/pods/one.json" "$work/pods/pod.json")
	echo "$id" >"$work/pods/one"
	crictl start "$id" | sed "s/$id/ID/"
	until_said started crictl logs "$id"
	crictl ps -o json | grep -E '"(name|state)": "?(one|CONTAINER)'
	crictl inspect "$id" | grep -E '"(cpuQuota|memoryLimitInBytes)"'
	container_config two 'id; pwd; echo $NAME; grep Cap /proc/self/status; touch /file; exit 3' \
		'"working_dir": "/www", "envs": [{"key": "NAME", "value": "value"}]' >"$work/pods/two.json"
	id=$(crictl create "$(cat "$work/pods/id")" "$work/pods/two.json" "$work/pods/pod.json")
	crictl start "$id" >/dev/null
	until_said 'CONTAINER_EXITED' crictl inspect "$id"
	crictl logs "$id"
	crictl inspect "$id" | grep '"exitCode"'
	crictl rm "$id" >/dev/null
}

execs() {
	local id
	id=$(cat "$work/pods/one")
	# The config says `rw` of it and nothing else: up to 1.1, runc leaves a bind its source's flags then.
	crictl exec --sync "$id" sh -c "$(facts)" | sed -E 's|^(/ /dev/shm) [^ ]*|\1|'
	crictl exec "$id" echo streamed
	fails crictl exec --sync "$id" sh -c 'exit 7' 2>/dev/null
	terminal "crictl exec --interactive --tty $id tty" | grep pts
	fails crictl exec --sync "$id" /nope >/dev/null 2>&1
}

limits() {
	local id
	id=$(cat "$work/pods/one")
	crictl exec --sync "$id" sh -c 'cd /sys/fs/cgroup; cat memory.max cpu.max memory/memory.limit_in_bytes cpu/cpu.cfs_quota_us 2>/dev/null || true'
	crictl update --memory 134217728 --cpu-quota 25000 "$id" >/dev/null
	crictl exec --sync "$id" sh -c 'cd /sys/fs/cgroup; cat memory.max cpu.max memory/memory.limit_in_bytes cpu/cpu.cfs_quota_us 2>/dev/null || true'
	crictl stats -o json "$id" | grep -cE '"(workingSetBytes|usageCoreNanoSeconds)"'
}

stopped() {
	local id
	id=$(cat "$work/pods/one")
	crictl stop --timeout "$patience" "$id" >/dev/null
	crictl inspect "$id" | grep '"exitCode"'
	crictl logs "$id"
	crictl rm "$id" >/dev/null
	id=$(cat "$work/pods/id")
	crictl stopp "$id" >/dev/null
	crictl pods --name pod -o json | grep '"state"'
	crictl rmp "$id" >/dev/null
	crictl pods -q
	find /sys/fs/cgroup -path "*$cgroup*" -type d -name '*crio-*' -o -path "*$cgroup*" -type d -name '*cri-containerd*' | wc -l
}

clean() {
	crictl rmp --force --all
}

pod_steps() {
	local name
	for name in configured started containers execs limits stopped strangers; do
		step "$name"
	done
}
