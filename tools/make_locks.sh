#!/usr/bin/env bash
# Resolve pyproject.toml anew and write the locks; needs uv and a package registry.
#
#   requirements.lock        the program and the tools of its developers
#   requirements-run.lock    the program alone: what the image and `make run` install
#   requirements-build.lock  what makes .venv and the wheel
#   requirements-docs.lock   what builds the documentation
#   tools/check_deploy*.lock what `make check-deploy` checks with
#
# The locks for running and building are constrained by the first, so a package has one version everywhere. Extra
# arguments go to uv, e.g. `tools/make_locks.sh --upgrade`.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

compile() {
  "${UV:-uv}" pip compile --quiet --universal --python-version 3.11 --generate-hashes \
    --no-emit-index-url --no-header "$@"
}

compile pyproject.toml --group dev -o requirements.lock "$@"
compile pyproject.toml --no-annotate -c requirements.lock -o requirements-run.lock
compile --group build --no-annotate -c requirements.lock -o requirements-build.lock
compile --group docs --no-annotate -o requirements-docs.lock "$@"
compile tools/check_deploy.in --no-annotate -o tools/check_deploy.lock "$@"
compile tools/check_deploy_binaries.in --no-annotate --no-deps -o tools/check_deploy_binaries.lock "$@"
