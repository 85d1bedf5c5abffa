#!/usr/bin/env bash
# venv.sh REQUIREMENTS...: creates the virtual environment if needed and prints the path of its Python.
# The environment is .venv, or the folder in VENV. A changed requirements file is installed again.
set -euo pipefail

main() {
  local venv=${VENV:-.venv}
  local stamp
  stamp=$venv/installed-$(cat "$@" | sha256 | cut -c 1-16)
  if [ ! -e "$stamp" ]; then
    [ -x "$venv/bin/python" ] || make_venv "$venv" >&2
    echo "installing $* into $venv; the first time this downloads about 3 GB (torch with CUDA) and writes 6 GB" >&2
    install "$venv" "${@/#/--requirement=}" >&2
    touch "$stamp"
  fi
  echo "$venv/bin/python"
}

sha256() { if command -v sha256sum > /dev/null; then sha256sum; else shasum --algorithm 256; fi; }

make_venv() {
  local python
  python=$(find_python)
  "$python" -m venv "$1" || {
    rm -rf "$1"
    echo "error: $python cannot create a virtual environment; on Debian and Ubuntu: apt-get install python3-venv"
    exit 1
  }
}

# Install with pip, whose messages go to a file, and show what it downloads and how much is written so far.
install() {
  local venv=$1 log=$1/install.log
  shift
  mkdir -p "$venv/download"
  TMPDIR=$PWD/$venv/download
  case $venv in /*) TMPDIR=$venv/download ;; esac
  export TMPDIR
  : > "$log" # it is read before pip has begun
  "$venv/bin/python" -m pip install --disable-pip-version-check --progress-bar off "$@" > "$log" 2>&1 &
  local pip=$!
  # shellcheck disable=SC2064
  trap "kill $pip 2> /dev/null || true" EXIT
  show_progress "$venv" "$log" "$pip"
  local status=0
  wait "$pip" || status=$?
  trap - EXIT
  rm -rf "$venv/download"
  if [ $status != 0 ]; then
    echo "error: pip could not install them; the end of $log:"
    grep -v '^WARNING' "$log" | tail -n 5
    return $status
  fi
}

# On a terminal, one line that changes each second; elsewhere a line for each download that takes longer than that.
show_progress() {
  local venv=$1 log=$2 pip=$3 now before="" megabytes
  local steps='s/^ *Downloading ([^ ]+) (\([0-9.]+ [MG]B\)).*/downloading \1 \2/p; s/^Installing .*/unpacking/p'
  while kill -0 "$pip" 2> /dev/null; do
    now=$(sed -nE "$steps" "$log" | tail -n 1)
    if [ -t 2 ]; then
      megabytes=$({ du -sm "$venv" 2> /dev/null || true; } | cut -f 1) # files vanish while it counts
      printf '\r\033[K  %s MB written; %.70s' "$megabytes" "${now:-reading the list of packages}"
    elif [ "$now" != "$before" ]; then
      echo "  $now"
    fi
    before=$now
    sleep 1
  done
  if [ -t 2 ]; then printf '\r\033[K'; fi
}

# A name on PATH may be a stub that only prints an error, so each one is run.
find_python() {
  local python
  for python in python3 python3.12 python3.11 python; do
    if "$python" -c 'import sys; sys.exit(sys.version_info[:2] not in ((3, 11), (3, 12)))' 2> /dev/null; then
      echo "$python"
      return
    fi
  done
  echo "error: no Python 3.11 or 3.12 on PATH" >&2
  exit 1
}

main "$@"
