# Sourced by the engines' scripts: an image, made by hand of busybox, as a file that every engine can load.

# image_archive FILE [NAME COMMAND]: busybox:latest, in three layers: the programs; files and users; a file changed and a file removed. Or the
# same by another name, with another command in JSON.
image_archive() {
	local dir=$work/image image_name=${2:-docker.io/library/busybox:latest} image_command=${3:-'["sh"]'}
	mkdir -p "$dir/blobs/sha256" "$dir/layers"/{1/{bin,dev,etc,proc,root,sys,tmp,var},2/{etc,www,old},3/{www,old}}
	cp "$(command -v busybox)" "$dir/layers/1/bin/busybox"
	chroot "$dir/layers/1" /bin/busybox --install -s /bin
	chmod 1777 "$dir/layers/1/tmp"
	printf 'root:x:0:0:root:/root:/bin/sh\napp:x:1000:1000:app:/tmp:/bin/sh\n' >"$dir/layers/2/etc/passwd"
	printf 'root:x:0:\napp:x:1000:\nweb:x:33:app\n' >"$dir/layers/2/etc/group"
	echo first >"$dir/layers/2/www/index.html"
	echo gone >"$dir/layers/2/old/gone"
	echo 'Hello from a container.' >"$dir/layers/3/www/index.html"
	: >"$dir/layers/3/old/.wh.gone"
	image_index "$dir"
	tar -C "$dir" -cf "$1" blobs index.json manifest.json oci-layout
}

# blob DIRECTORY FILE: moves it among the blobs, and says its digest.
blob() {
	local digest
	digest=$(sha256sum <"$2" | cut -d ' ' -f 1)
	mv "$2" "$1/blobs/sha256/$digest" && echo "$digest"
}

# sized DIRECTORY TYPE DIGEST: a descriptor of a blob.
sized() {
	printf '{"mediaType":"application/vnd.oci.image.%s","digest":"sha256:%s","size":%s}' "$2" "$3" "$(stat -c %s "$1/blobs/sha256/$3")"
}

# Both tables of contents over the same blobs: the specification's, and the one of `docker save`.
image_index() {
	local dir=$1 number digest layers='' ids='' files='' history='' config manifest
	for number in 1 2 3; do
		tar -C "$dir/layers/$number" --sort=name --mtime=@0 --owner=0 --group=0 --numeric-owner -cf "$dir/layer" .
		digest=$(blob "$dir" "$dir/layer")
		layers+=,$(sized "$dir" layer.v1.tar "$digest")
		history+=",{\"created_by\":\"layer $number\"}"
		ids+=",\"sha256:$digest\""
		files+=",\"blobs/sha256/$digest\""
	done
	printf '{"architecture":"%s","os":"linux","config":{"Env":["PATH=/bin"],"Cmd":%s},"rootfs":{"type":"layers","diff_ids":[%s]},"history":[%s]}' \
		"$(dpkg --print-architecture 2>/dev/null || echo amd64)" "$image_command" "${ids#,}" "${history#,}" >"$dir/config"
	config=$(blob "$dir" "$dir/config")
	printf '{"schemaVersion":2,"mediaType":"application/vnd.oci.image.manifest.v1+json","config":%s,"layers":[%s]}' \
		"$(sized "$dir" config.v1+json "$config")" "${layers#,}" >"$dir/manifest"
	manifest=$(sized "$dir" manifest.v1+json "$(blob "$dir" "$dir/manifest")")
	printf '{"schemaVersion":2,"manifests":[%s,"annotations":{"io.containerd.image.name":"%s","org.opencontainers.image.ref.name":"%s"}}]}' \
		"${manifest%\}}" "$image_name" "$image_name" >"$dir/index.json"
	printf '[{"Config":"blobs/sha256/%s","RepoTags":["%s"],"Layers":[%s]}]' "$config" "${image_name#docker.io/library/}" "${files#,}" >"$dir/manifest.json"
	printf '{"imageLayoutVersion":"1.0.0"}' >"$dir/oci-layout"
}
