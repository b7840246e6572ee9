#!/usr/bin/env bash
# Replay what the README promises: a fresh Debian 12 that has only git, python3, pip and make, then a clone of
# the committed state, then a command.
#
#   sudo tools/replay_bootstrap.sh                 make setup, twice (the second does nothing), and the version
#   sudo tools/replay_bootstrap.sh "make test"     the whole suite in there
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
# shellcheck source=tools/clean_root.sh
. tools/clean_root.sh

need_root_and git
root=$REPLAY_HOME/fresh-debian
make_root "$root" git python3 python3-pip make
git clone --quiet . "$root/audiomuse"
line=${1:-'time make setup && time make setup && .venv/bin/audiomuse --version'}
in_root "$root" "cd /audiomuse; exec bash -ec '$line'"
