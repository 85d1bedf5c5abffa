#!/usr/bin/env bash
# Writes the files to upload to grand-challenge: the image, and the model as a separate tarball.
set -euo pipefail

usage() {
  cat <<'EOF'
usage: ./export.sh [exec|invoke] [FOLDER]

Builds the image (see ./build.sh --help) and writes into FOLDER [export/]
  mitosis-detection-MODE.tar.gz   the image: upload it as the algorithm's container image
  model.tar.gz                    weights/ and source_bank/, which the platform unpacks to /opt/ml/model.
                                  The image contains the same model: upload it only to replace that.
Prints their sizes and SHA-256 hashes. Takes a few minutes and several gigabytes.
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
  # Sorted names, fixed times and owners: the same model always has the same hash.
  write "$folder/model.tar.gz" tar --create --sort name --mtime @0 --owner 0 --group 0 --numeric-owner \
    --mode u=rwX,go=rX weights source_bank
}

# write FILE COMMAND...: write the gzipped output of the command, completely or not at all.
write() {
  local file=$1
  shift
  "$@" | compress > "$partial"
  chmod 644 "$partial"
  mv "$partial" "$file"
  echo "$(du --human-readable --apparent-size "$file" | cut -f 1)  sha256 $(sha256sum "$file")"
}

# The fastest level: higher ones take many minutes and gain little on the wheels inside.
compress() { if command -v pigz > /dev/null; then pigz -n -1; else gzip -n -1; fi; }

main "$@"
