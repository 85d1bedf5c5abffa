#!/usr/bin/env bash
# Lints, type checks and tests everything, the Docker image too where there is an engine.
set -euo pipefail

usage() {
  cat <<'EOF'
usage: ./test.sh [--full] [options of pytest]

Makes the virtual environment .venv where needed, then runs
  ruff, mypy, shellcheck and hadolint,
  the unit tests,
  the sample images against test/expected,
  the container's tests: with a Docker engine on the image built from the Dockerfile, without one
  the same cases in the virtual environment.
It exits non-zero when any of them fails. --full adds the tests that take minutes.

Environment:
  MITOSIS_RUNNER   docker or venv: run the container's tests there
  MITOSIS_DATA     folder with the labelled tissue: its tests run where this is set
  BASE_IMAGE       another base image, see ./build.sh --help
  VENV             folder of the virtual environment, .venv unless given
EOF
}

main() {
  case ${1:-} in -h | --help) usage; exit ;; esac
  cd "$(dirname "$0")"
  local which=()
  if [ "${1:-}" = --full ]; then which=(-m "slow or not slow"); shift; fi
  local bin
  bin=$(dirname "$(tools/venv.sh requirements.txt requirements-{train,experiments,dev}.txt)")

  "$bin/ruff" check .
  "$bin/ruff" format --check .
  "$bin/mypy"
  "$bin/shellcheck" ./*.sh tools/*.sh .ci/run
  "$bin/hadolint" Dockerfile
  if [ "${MITOSIS_RUNNER:-docker}" = docker ] && docker info > /dev/null 2>&1; then
    echo "container tests: on the Docker image"
  else
    echo "container tests: NO DOCKER ENGINE, so the image is not built; the same cases run in the virtual environment"
  fi
  "$bin/python" -m pytest "${which[@]}" "$@"
}

main "$@"
