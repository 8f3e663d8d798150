#!/bin/sh
# Unpacks an archive of `make dist`, labels with it where no network exists, and compares with bin/labelloop's output.
#
#     sh scripts/dist_check.sh dist/labelloop-1.0-linux-amd64.tar.gz
set -eu
root=$(cd "$(dirname "$0")/.." && pwd)
archive=$(realpath "$1")
scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT
cp "$root/testdata/clinc150/test.csv" "$scratch/queries.csv"
cp -r "$root/testdata/images" "$scratch/pictures"
cd "$scratch"
tar -xzf "$archive"
folder=$(basename "$archive" .tar.gz)

# check KIND FLAGS...: labels with both programs, the archive's in an empty environment
check() {
	kind=$1
	shift
	"$root/bin/labelloop" label --output "wanted-$kind.jsonl" "$@"
	env -i HOME="$scratch" PATH=/usr/bin:/bin unshare --map-root-user --net \
		"$folder/labelloop" label --output "got-$kind.jsonl" "$@"
	cmp "wanted-$kind.jsonl" "got-$kind.jsonl"
	echo "$folder: $(wc -l <"got-$kind.jsonl") labels of $kind without a network, byte for byte those of bin/labelloop"
}
check texts --model minilm-clinc150 --column text queries.csv
check pictures --model conse-lite0 --labels cat,dog,bridge,cup pictures
