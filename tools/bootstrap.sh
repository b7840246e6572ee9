#!/usr/bin/env bash
# Make .venv from the locks, so that a fresh clone needs nothing but git, python3 (3.11 or newer), pip and make.
#
#   tools/bootstrap.sh                 everything: the program and what its tests and linters need
#   tools/bootstrap.sh --runtime       only what the program needs to run
#   tools/bootstrap.sh --test-tools    everything, and the programs that some tests drive (browser, servers)
#
# Run it as often as you like: when the locks have not changed since, it does nothing and says nothing.
# Another interpreter: PYTHON=python3.13 tools/bootstrap.sh
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

readonly VENV=.venv
readonly STAMP=$VENV/.audiomuse-stamp

main() {
  local mode=full test_tools=no argument
  for argument in "$@"; do
    case $argument in
      --runtime) mode=runtime ;;
      --test-tools) test_tools=yes ;;
      *) fail "unknown argument $argument; known are --runtime and --test-tools" ;;
    esac
  done
  if ! is_current "$mode"; then
    make_venv
    install_packages "$mode"
    stamp "$mode" > "$STAMP"
  fi
  if [ "$test_tools" = yes ]; then
    install_test_tools
  fi
}

say() { printf 'bootstrap: %s\n' "$*" >&2; }
fail() { say "$*"; exit 1; }

# --- is there anything to do? ---

# One line that changes whenever the packages to install may have changed. The path is in it because an
# editable install points at its folder.
stamp() {
  local locks=(requirements-build.lock requirements-run.lock pyproject.toml)
  if [ "$1" = full ]; then locks+=(requirements.lock); fi
  printf '%s %s %s\n' "$1" "$(cat "${locks[@]}" | cksum | tr ' ' -)" "$PWD"
}

is_current() {
  [ -f "$STAMP" ] && has_the_package || return 1
  local found
  found=$(cat "$STAMP")
  [ "$found" = "$(stamp full)" ] || { [ "$1" = runtime ] && [ "$found" = "$(stamp runtime)" ]; }
}

# False also after the system's Python went from, say, 3.11 to 3.13 underneath the environment.
has_the_package() {
  "$VENV/bin/python" -c 'import sys, importlib.util as u; sys.exit(u.find_spec("audiomuse") is None)' 2> /dev/null
}

# --- making it ---

find_python() {
  local candidate
  for candidate in "${PYTHON:-python3}" python3.13 python3.12 python3.11; do
    if "$candidate" -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2> /dev/null; then
      command -v "$candidate"
      return
    fi
  done
  fail "no Python 3.11 or newer found; install one, or name it: PYTHON=/path/to/python3 $0"
}

make_venv() {
  if "$VENV/bin/python" -c 'import pip' 2> /dev/null; then return; fi
  local python
  python=$(find_python)
  say "making $VENV with $("$python" --version)"
  rm -rf "$VENV"
  if "$python" -c 'import ensurepip' 2> /dev/null; then
    "$python" -m venv "$VENV"
  else
    borrow_pip "$python"
  fi
}

# Debian keeps ensurepip in the package python3-venv. Without it the environment starts empty, and the
# system's pip puts the locked pip into it; the system itself is not touched (PEP 668).
borrow_pip() {
  "$1" -m pip --version > /dev/null 2>&1 || fail "$1 has neither ensurepip nor pip: install python3-pip or python3-venv"
  "$1" -m venv --without-pip "$VENV"
  sed -n '/^pip==/,/[^\\]$/p' requirements-build.lock > "$VENV/pip.lock"
  "$1" -m pip --python "$VENV/bin/python" install --quiet --require-hashes -r "$VENV/pip.lock"
  rm "$VENV/pip.lock"
}

install_packages() {
  local locks=(-r requirements-build.lock)
  if [ "$1" = full ]; then locks+=(-r requirements.lock); else locks+=(-r requirements-run.lock); fi
  say "installing the locked packages ($1); the first time this takes a minute or two"
  pip_install --require-hashes "${locks[@]}"
  pip_install --no-deps --no-build-isolation -e .
}

pip_install() { "$VENV/bin/python" -m pip install --quiet --no-input --disable-pip-version-check "$@"; }

# --- programs that tests drive ---

install_test_tools() {
  local packages
  packages=$(missing_test_tools)
  if [ -z "$packages" ]; then return; fi
  if [ "$(id -u)" = 0 ] && command -v apt-get > /dev/null; then
    say "installing for the tests:$packages"
    # RUNLEVEL=1: the servers are wanted as programs; the tests start their own, on ports of their own.
    export DEBIAN_FRONTEND=noninteractive RUNLEVEL=1
    local log
    log=$(mktemp)
    # shellcheck disable=SC2086  # a list of words
    { apt-get update -qq && apt-get install -qq -y --no-install-recommends $packages; } > "$log" 2>&1 \
      || { say "apt-get could not install them:"; tail -n 5 "$log" >&2; }
    rm -f "$log"
    packages=$(missing_test_tools)
  fi
  local package
  for package in $packages; do
    say "$package is not installed: $(what_is_skipped "$package")"
  done
}

missing_test_tools() {
  local missing=""
  has chromium || missing+=" chromium"
  has redis-server || has valkey-server || missing+=" redis-server"
  has initdb || compgen -G '/usr/lib/postgresql/*/bin/initdb' > /dev/null || missing+=" postgresql"
  has ffmpeg || missing+=" ffmpeg"
  echo "$missing"
}

has() { command -v "$1" > /dev/null; }

what_is_skipped() {
  case $1 in
    chromium) echo "the tests that drive the real page (marked e2e) are skipped" ;;
    redis-server) echo "the tests of the fallback broker are skipped" ;;
    postgresql) echo "the tests on PostgreSQL (marked postgres) are skipped" ;;
    ffmpeg) echo "the tests that compare our decoder with ffmpeg are skipped" ;;
  esac
}

main "$@"
