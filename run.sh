#!/usr/bin/env bash
# Detects mitotic figures in images, with the Docker image or with the virtual environment.
set -euo pipefail

usage() {
  cat <<'EOF'
usage: ./run.sh [INPUT] [OUTPUT] [--open] [options of process.py]

Detects mitotic figures in the image INPUT, or in those of the folder INPUT [test/images], and
writes the results into the folder OUTPUT [output/]. docs/usage.md has recipes; python3 process.py
--help lists the options. Without arguments it processes the two sample images, with --report.

  --open   write the page of --report and open it in the browser

With a Docker engine it builds and runs the Docker image, on the GPU if the engine has NVIDIA's
runtime; the first build downloads a base image of several gigabytes. Without an engine, or if the
image cannot be built, it creates and uses the virtual environment .venv. The container sees only
INPUT and OUTPUT: options that name other folders need the virtual environment.

Environment:
  MITOSIS_RUNNER   docker or venv: use this one only
  VENV             folder of the virtual environment [.venv]
EOF
}

main() {
  case ${1:-} in -h | --help) usage; exit ;; esac
  if [ $# = 0 ]; then set -- --report; fi
  local here input output
  here=$(absolute "$(dirname "$0")")
  input=$here/test/images
  output=$PWD/output
  if [[ ${1:--} != -* ]]; then input=$1; shift; fi
  if [[ ${1:--} != -* ]]; then output=$1; shift; fi
  [ -e "$input" ] || { echo "error: INPUT $input does not exist" >&2; exit 2; }
  input=$(absolute "$input")
  mkdir -p "$output"
  output=$(absolute "$output")
  cd "$here"

  local open=false argument options=()
  for argument; do
    if [ "$argument" = --open ]; then open=true argument=--report; fi
    options+=("$argument")
  done

  local runner=${MITOSIS_RUNNER:-auto}
  case $runner in auto | docker | venv) ;; *) usage >&2; exit 2 ;; esac
  if [ "$runner" = auto ]; then
    if have_engine && have_image; then runner=docker; else runner=venv; fi
  elif [ "$runner" = docker ]; then
    have_image
  fi
  echo "running with $runner: $input -> $output"
  local status=0
  "in_$runner" "$input" "$output" ${options[@]+"${options[@]}"} || status=$?
  if $open && [ -f "$output/report.html" ]; then tools/open_page.sh "$output/report.html"; fi
  return $status
}

# The absolute path of a file or folder that exists. Not realpath, which macOS has in another form or not at all.
absolute() {
  if [ -d "$1" ]; then (cd "$1" && pwd); else echo "$(cd "$(dirname "$1")" && pwd)/$(basename "$1")"; fi
}

have_engine() { docker info > /dev/null 2>&1; }

# Build the image, without docker's progress if there is an earlier one, since then only what changed is built.
have_image() {
  if docker image inspect mitosis-detection:exec > /dev/null 2>&1; then
    echo "bringing the Docker image up to date"
    ./build.sh exec > /dev/null 2>&1
  else
    echo "building the Docker image; the first time this downloads a base image of several gigabytes" \
      "and shows its progress (MITOSIS_RUNNER=venv avoids this)"
    ./build.sh exec
  fi || { echo "the Docker image could not be built; ./build.sh shows the reason" >&2; return 1; }
}

in_docker() {
  local input=$1 output=$2 inside=/input
  shift 2
  if [ -f "$input" ]; then inside=/input/$(basename "$input"); fi
  local gpus=()
  if docker info --format '{{json .Runtimes}}' | grep -q '"nvidia"'; then gpus=(--gpus all); fi
  docker run --rm ${gpus[@]+"${gpus[@]}"} --user "$(id -u):$(id -g)" --network none --read-only --tmpfs /tmp \
    --cap-drop ALL --security-opt no-new-privileges --env "MITOSIS_OUTPUT=$output" \
    --volume "$input:$inside:ro" --volume "$output:/output" mitosis-detection:exec "$@"
}

in_venv() {
  local input=$1 output=$2 python
  shift 2
  python=$(tools/venv.sh requirements.txt) || return
  "$python" process.py --input "$input" --output "$output" "$@"
}

main "$@"
