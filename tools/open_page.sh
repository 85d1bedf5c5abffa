#!/usr/bin/env bash
# open_page.sh PAGE: opens the page in the user's browser, or says where it is if no browser can be started.
set -euo pipefail

main() {
  local page=$1 opener
  [ -f "$page" ] || { echo "there is no page to open: $page" >&2; return 1; }
  opener=$(find_opener)
  if [ -n "$opener" ] && "$opener" "$page" > /dev/null 2>&1; then return; fi
  echo "no browser could be started here; open $page"
}

# wslview comes with Windows' Linux, open with macOS. xdg-open without a display would start a browser in the terminal.
find_opener() {
  if command -v wslview > /dev/null; then
    echo wslview
  elif [ "$(uname)" = Darwin ]; then
    echo open
  elif command -v xdg-open > /dev/null && [ -n "${DISPLAY:-}${WAYLAND_DISPLAY:-}" ]; then
    echo xdg-open
  fi
}

main "$@"
