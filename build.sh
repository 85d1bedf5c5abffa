#!/usr/bin/env bash
# Builds the Docker image from the Dockerfile.
set -euo pipefail

usage() {
  cat <<'EOF'
usage: ./build.sh [exec|invoke] [TAG]

Builds the Docker image for one of the platform's two ways to call it:
  exec     the entrypoint runs once over /input (the default)
  invoke   the entrypoint serves HTTP on port 4743
TAG is mitosis-detection:exec or mitosis-detection:invoke unless given.

The first build fetches the official PyTorch image, several gigabytes. Environment:
  BASE_IMAGE   another base image than the Dockerfile's, with the same torch
EOF
}

main() {
  case ${1:-} in -h | --help) usage; exit ;; esac
  local mode=${1:-exec}
  local tag=${2:-mitosis-detection:$mode}
  case $mode in exec | invoke) ;; *) usage >&2; exit 2 ;; esac
  cd "$(dirname "$0")"
  local arguments=(--build-arg "MODE=$mode" --build-arg "REVISION=$(revision)")
  [ -z "${BASE_IMAGE:-}" ] || arguments+=(--build-arg "BASE_IMAGE=$BASE_IMAGE")
  DOCKER_BUILDKIT=1 docker build --platform linux/amd64 --tag "$tag" "${arguments[@]}" .
  echo "built $tag"
}

revision() { git describe --always --dirty --abbrev=40 --exclude '*' 2>/dev/null || echo unknown; }

main "$@"
