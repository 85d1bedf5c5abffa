#!/usr/bin/env bash
# Writes the files that grand-challenge takes: the image, and the model as a tarball of its own.
set -euo pipefail

usage() {
  cat <<'EOF'
usage: ./export.sh [exec|invoke] [FOLDER]

Builds the image (see ./build.sh --help) and writes into FOLDER (export/ unless given)
  mitosis-detection-MODE.tar.gz   the image: upload it as the algorithm's container image
  model.tar.gz                    weights/ and source_bank/: the platform unpacks it to /opt/ml/model.
                                  The image carries the same model, so it is needed only to replace it.
and prints their sizes and SHA-256 hashes. A few minutes and some gigabytes.
EOF
}

main() {
  case ${1:-} in -h | --help) usage; exit ;; esac
  local mode=${1:-exec}
  local folder=${2:-export}
  case $mode in exec | invoke) ;; *) usage >&2; exit 2 ;; esac
  mkdir -p "$folder"
  folder=$(realpath "$folder")
  cd "$(dirname "$0")"
  ./build.sh "$mode"

  partial=$(mktemp -p "$folder")
  trap 'rm -f "$partial"' EXIT
  write "$folder/mitosis-detection-$mode.tar.gz" docker save "mitosis-detection:$mode"
  # Names in order, no times and no owners: the same model gives the same hash.
  write "$folder/model.tar.gz" tar --create --sort name --mtime @0 --owner 0 --group 0 --numeric-owner \
    --mode u=rwX,go=rX weights source_bank
}

# write FILE COMMAND...: the gzipped output of the command, whole or not at all.
write() {
  local file=$1
  shift
  "$@" | compress > "$partial"
  chmod 644 "$partial"
  mv "$partial" "$file"
  echo "$(du --human-readable --apparent-size "$file" | cut -f 1)  sha256 $(sha256sum "$file")"
}

# The fastest level: the wheels inside are compressed badly by any, and a higher one takes many minutes.
compress() { if command -v pigz > /dev/null; then pigz -n -1; else gzip -n -1; fi; }

main "$@"
