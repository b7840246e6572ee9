#!/usr/bin/env bash
# Build the documentation into build/site, strictly: a dead link or a page outside the menu is an error.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

readonly VENV=build/docs-venv
tools/bootstrap.sh --runtime
wanted=$(cksum < requirements-docs.lock)
if [ "$(cat "$VENV/stamp" 2> /dev/null)" != "$wanted" ]; then
  rm -rf "$VENV"
  .venv/bin/python -m venv --without-pip "$VENV"
  .venv/bin/python -m pip --disable-pip-version-check --python "$VENV/bin/python" install --quiet \
    --require-hashes -r requirements-docs.lock
  echo "$wanted" > "$VENV/stamp"
fi
"$VENV/bin/python" -m mkdocs build --strict --quiet
echo "built build/site/index.html"
