#!/usr/bin/env bash
# Detects mitotic figures in images, with the Docker image or with the virtual environment.
set -euo pipefail

usage() {
  cat <<'EOF'
usage: ./run.sh [INPUT] [OUTPUT] [--open] [options of process.py]
       ./run.sh [INPUT] [OUTPUT] [--open] --review FILE [--review FILE ...]

Detects mitotic figures in the image INPUT, or in those of the folder INPUT [test/images], or in
those that --manifest lists, and writes the results into the folder OUTPUT [output/].
docs/usage.md has recipes; python3 process.py --help lists the options. Without arguments it
processes the two sample images, with --report. With --review it detects nothing, but merges
reviews that were saved from the page into OUTPUT.

  --open          write the page (--report) and open it in the browser
  --review FILE   merge this review; repeat it for further reviewers

With a Docker engine it builds and runs the Docker image, on the GPU if the engine has NVIDIA's
runtime; the first build downloads a base image of several gigabytes. Without an engine, or if the
image cannot be built, it creates and uses the virtual environment .venv. The container sees only
INPUT, OUTPUT, the files of --ground-truth, --roi and --review, and the folder of --manifest:
options that name other files need the virtual environment, as do --workers and --scheduler.

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

  local open=false cohort=false merge=false listed=false options=() volumes=()
  while [ $# != 0 ]; do
    case $1 in
      --open) open=true; options+=(--report) ;;
      --ground-truth=* | --roi=* | --manifest=*) name_file "${1%%=*}" "${1#*=}" ;;
      --ground-truth | --roi | --manifest) name_file "$1" "${2:-}"; shift ;;
      --review=*) merge=true; name_file --review "${1#*=}" ;;
      --review) merge=true; name_file --review "${2:-}"; shift ;;
      --workers* | --scheduler*) cohort=true; options+=("$1") ;;
      *) options+=("$1") ;;
    esac
    shift
  done
  cd "$here"

  local runner=${MITOSIS_RUNNER:-auto}
  case $runner in auto | docker | venv) ;; *) usage >&2; exit 2 ;; esac
  if $cohort; then
    [ "$runner" != docker ] || { echo "error: --workers and --scheduler need the virtual environment" >&2; exit 2; }
    runner=venv
  fi
  if [ "$runner" = auto ]; then
    if have_engine && have_image; then runner=docker; else runner=venv; fi
  elif [ "$runner" = docker ]; then
    have_image
  fi
  $merge || echo "running with $runner: $input -> $output"
  local status=0
  "in_$runner" "$input" "$output" ${options[@]+"${options[@]}"} || status=$?
  if $open && [ -f "$output/report.html" ]; then tools/open_page.sh "$output/report.html"; fi
  return $status
}

# Add an option that names a file, which the container sees under its own path. A manifest leads to files of its
# folder and of INPUT.
name_file() {
  local file
  [ -e "$2" ] || { echo "error: $1 $2 does not exist" >&2; exit 2; }
  file=$(absolute "$2")
  options+=("$1" "$file")
  if [ "$1" = --manifest ]; then listed=true; volumes+=(--volume "$input:$input:ro"); file=$(dirname "$file"); fi
  if [ "$file" != "$input" ]; then volumes+=(--volume "$file:$file:ro"); fi
}

# The absolute path of a file or folder that exists. Not realpath, which macOS has in another form or not at all.
absolute() {
  if [ -d "$1" ]; then (cd "$1" && pwd); else echo "$(cd "$(dirname "$1")" && pwd)/$(basename "$1")"; fi
}

have_engine() { docker info > /dev/null 2>&1; }

# Build the image, without docker's progress if there is an earlier one, since then only what changed is built.
have_image() {
  if docker image inspect mitosis-detection:exec > /dev/null 2>&1; then
    echo "updating the Docker image"
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
  local program=() # that of the image
  if $merge; then program=(--entrypoint python); set -- -m report /output --input "$inside" "$@"; fi
  docker run --rm ${gpus[@]+"${gpus[@]}"} ${program[@]+"${program[@]}"} --user "$(id -u):$(id -g)" \
    --network none --read-only --tmpfs /tmp \
    --cap-drop ALL --security-opt no-new-privileges --env "MITOSIS_OUTPUT=$output" \
    --volume "$input:$inside:ro" --volume "$output:/output" ${volumes[@]+"${volumes[@]}"} mitosis-detection:exec "$@"
}

in_venv() {
  local input=$1 output=$2 python
  shift 2
  local needed=(requirements.txt)
  if $cohort; then needed+=(requirements-cohort.txt); fi
  python=$(tools/venv.sh "${needed[@]}") || return
  if $merge; then "$python" -m report "$output" --input "$input" "$@"; return; fi
  local source=(--input "$input")
  if $listed; then source=(); fi # the manifest names the images
  "$python" process.py ${source[@]+"${source[@]}"} --output "$output" "$@"
}

main "$@"
