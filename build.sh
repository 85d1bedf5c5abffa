#!/usr/bin/env bash
# Builds the Docker image from the Dockerfile.
set -euo pipefail

usage() {
  cat <<'EOF'
usage: ./build.sh [exec|invoke] [TAG]

Builds the Docker image for one of the platform's two modes:
  exec     the entrypoint processes /input once (default)
  invoke   the entrypoint serves HTTP on port 4743
TAG defaults to mitosis-detection:exec or mitosis-detection:invoke.

The first build downloads the official PyTorch image, several gigabytes.

Environment:
  BASE_IMAGE   base image to use instead of the Dockerfile's; it must have the same torch
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
  echo "built $tag, $(($(docker image inspect --format '{{.Size}}' "$tag") / 1000000)) MB with its base image"
}

revision() { git describe --always --dirty --abbrev=40 --exclude '*' 2>/dev/null || echo unknown; }

main "$@"
