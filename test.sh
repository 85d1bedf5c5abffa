#!/usr/bin/env bash
# Lints, checks types and runs the tests, those of the Docker image too if there is an engine.
set -euo pipefail

usage() {
  cat <<'EOF'
usage: ./test.sh [--full] [options of pytest]

Creates the virtual environment .venv if needed, then runs
  ruff, mypy, shellcheck and hadolint,
  the unit tests,
  the sample images, compared with test/expected,
  the container tests: with a Docker engine on the image built from the Dockerfile, without one
  in the virtual environment.
Exits non-zero if any of them fails. The tests run in up to four processes (-n 0: in one).
--full then runs, in one process, the tests that take minutes or measure time.

Environment:
  MITOSIS_RUNNER   docker or venv: run the container tests there
  MITOSIS_DATA     folder with the labelled tissue, which some tests need
  BASE_IMAGE       another base image, see ./build.sh --help
  VENV             folder of the virtual environment [.venv]
EOF
}

main() {
  case ${1:-} in -h | --help) usage; exit ;; esac
  cd "$(dirname "$0")"
  # One thread in each process: threads that wait for each other slow several processes down.
  export OMP_NUM_THREADS=${OMP_NUM_THREADS:-1} OMP_WAIT_POLICY=${OMP_WAIT_POLICY:-passive}
  local full=false
  if [ "${1:-}" = --full ]; then full=true; shift; fi
  local bin
  bin=$(dirname "$(tools/venv.sh requirements.txt requirements-{cohort,train,experiments,export,dev}.txt)")

  "$bin/ruff" check .
  "$bin/ruff" format --check .
  "$bin/mypy"
  "$bin/shellcheck" ./*.sh tools/*.sh .ci/run
  "$bin/hadolint" Dockerfile
  if [ "${MITOSIS_RUNNER:-docker}" = docker ] && docker info > /dev/null 2>&1; then
    echo "container tests: on the Docker image"
  else
    echo "container tests: NO DOCKER ENGINE, so the image is not built; they run in the virtual environment"
  fi
  "$bin/python" -m pytest --numprocesses auto --maxprocesses 4 --dist loadgroup --durations 20 "$@"
  if $full; then
    "$bin/python" -m pytest -m slow "$@" || [ $? = 5 ] # 5: none of the chosen tests is slow
  fi
}

main "$@"
