# Sourced by ./try and ./test: the smallest bundle there is.

# bundle DIRECTORY RUNTIME [--rootless]: a root of busybox alone, and the config.json that `RUNTIME spec` writes.
bundle() {
	mkdir -p "$1"/rootfs/{bin,dev,etc,proc,root,sys,tmp}
	cp "$(command -v busybox)" "$1/rootfs/bin/busybox"
	"$1/rootfs/bin/busybox" --list | while read -r applet; do
		[ "$applet" = busybox ] || ln -s busybox "$1/rootfs/bin/$applet"
	done
	echo 'root:x:0:0:root:/root:/bin/sh' >"$1/rootfs/etc/passwd"
	(cd "$1" && "$2" spec ${3:-} && sed -i 's/"terminal": true/"terminal": false/' config.json)
}

# program BUNDLE WORD...: what its config.json runs. The words hold no quotes and no backslashes.
program() {
	local file=$1/config.json words
	shift
	words=$(printf '"%s", ' "$@")
	sed -i "/\"args\": \[/,/\]/c\\\\t\t\"args\": [${words%, }]," "$file"
}
