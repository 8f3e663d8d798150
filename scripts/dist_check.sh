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
cd "$scratch"

"$root/bin/labelloop" label --model minilm-clinc150 --column text --output wanted.jsonl queries.csv
tar -xzf "$archive"
folder=$(basename "$archive" .tar.gz)
env -i HOME="$scratch" PATH=/usr/bin:/bin unshare --map-root-user --net \
	"$folder/labelloop" label --model minilm-clinc150 --column text --output got.jsonl queries.csv
cmp wanted.jsonl got.jsonl
echo "$folder: $(wc -l <got.jsonl) labels without a network, byte for byte those of bin/labelloop"
