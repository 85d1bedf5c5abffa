#!/usr/bin/env bash
# venv.sh REQUIREMENTS...: creates the virtual environment if needed and prints the path of its Python.
# The environment is .venv, or the folder in VENV. A changed requirements file is installed again.
set -euo pipefail

main() {
  local venv=${VENV:-.venv}
  local stamp
  stamp=$venv/installed-$(cat "$@" | sha256sum | cut -c 1-16)
  if [ ! -e "$stamp" ]; then
    [ -x "$venv/bin/python" ] || make_venv "$venv" >&2
    echo "installing $* into $venv; the first time this downloads torch with CUDA, about 3 GB" >&2
    "$venv/bin/python" -m pip install --quiet --disable-pip-version-check "${@/#/--requirement=}" >&2
    touch "$stamp"
  fi
  echo "$venv/bin/python"
}

make_venv() {
  local python
  python=$(find_python)
  "$python" -m venv "$1" || {
    rm -rf "$1"
    echo "error: $python cannot create a virtual environment; on Debian and Ubuntu: apt-get install python3-venv"
    exit 1
  }
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
