#!/usr/bin/env bash
# Build the image without a container engine and use it as a container would be used: the real Dockerfile by
# buildah in a chroot, on a base made by debootstrap; then a read-only root, the non-root user, and the analysis
# of a real folder of music.
#
#   sudo tools/replay_image.sh MUSIC_FOLDER
#
# Needs root, debootstrap, buildah, curl and redis-server. REPLAY_HOME (default /var/tmp/audiomuse-replay) holds what is made.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
# shellcheck source=tools/clean_root.sh
. tools/clean_root.sh

readonly IMAGE=localhost/audiomuse:replay
readonly BASE=localhost/audiomuse-base:bookworm
readonly PORT=18000 REDIS_PORT=18001
readonly TOKEN=replay-token-of-no-value

main() {
  local music=${1:?say which folder of music to analyse}
  need_root_and buildah curl redis-server
  step "base image from debootstrap" base_image
  step "Dockerfile" build_image
  step "user, volume, port and health check are in the image" inspect_image
  CONTAINER=$(buildah from --pull-never "$IMAGE")
  ROOT=$(buildah mount "$CONTAINER")
  WORKSPACE=$(mktemp -d "$REPLAY_HOME/workspace.XXXXXX")
  chown 10001:10001 "$WORKSPACE"
  MUSIC=$(realpath "$music")
  trap clean_up EXIT
  du -sh "$ROOT" | sed 's/^/image size: /;s/\t.*//'
  step "nothing of it is writable but /workspace and /tmp" writable_places
  step "an unknown SERVICE_TYPE is refused" unknown_service_type
  step "doctor" as_container "" audiomuse doctor
  step "analyse the folder as uid 10001" as_container "" audiomuse analyze
  step "cluster it and write playlists" as_container "" audiomuse cluster --runs 100 --seed 1 --publish
  step "everything that was written belongs to uid 10001" owned_by_us
  step "SERVICE_TYPE=all answers /healthz, is healthy, and stops at SIGTERM" serve
  step "page and worker as two containers hear the folder together" fresh_workspace fleet
  echo "the image works as a container"
}

clean_up() {
  if [ -n "${REDIS:-}" ]; then kill "$REDIS" || true; fi
  buildah rm "$CONTAINER" > /dev/null
  rm -rf "$WORKSPACE"
}

step() { # NAME COMMAND...
  echo "== $1"
  shift
  "$@"
}

base_image() {
  if buildah inspect --type image "$BASE" > /dev/null 2>&1; then return; fi
  make_root "$REPLAY_HOME/base" python3 python3-venv
  local container
  container=$(buildah from scratch)
  buildah add --quiet "$container" "$REPLAY_HOME/base" /
  if [ -e "$REPLAY_HOME/base/etc/ssl/replay-ca.crt" ]; then
    buildah config --env PIP_CERT=/etc/ssl/replay-ca.crt "$container"
  fi
  buildah commit --quiet --rm "$container" "$BASE" > /dev/null
}

# The committed state. --format docker: the OCI format has no health check.
build_image() {
  rm -rf "$REPLAY_HOME/context"
  mkdir "$REPLAY_HOME/context"
  git archive HEAD | tar -x -C "$REPLAY_HOME/context"
  buildah bud --isolation chroot --network host --format docker --pull-never --build-arg BASE="$BASE" \
    --layers -f "$REPLAY_HOME/context/deployment/Dockerfile" -t "$IMAGE" "$REPLAY_HOME/context" > "$REPLAY_HOME/build.log" 2>&1 \
    || { tail -n 30 "$REPLAY_HOME/build.log"; return 1; }
}

inspect_image() {
  buildah inspect --type image "$IMAGE" | python3 -c '
import json, sys
config = json.load(sys.stdin)["Docker"]["config"]
assert config["User"] == "10001:10001", config["User"]
assert list(config["Volumes"]) == ["/workspace"], config["Volumes"]
assert list(config["ExposedPorts"]) == ["8000/tcp"], config["ExposedPorts"]
assert config["Healthcheck"]["Test"] == ["CMD", "healthcheck.py"], config["Healthcheck"]
assert config["Entrypoint"] == ["tini", "-e", "143", "--", "entrypoint.sh"], config["Entrypoint"]
print(*config["Env"], sep="\n")'
}

# What an engine does with `docker run --read-only --tmpfs /tmp --user 10001 -v ...:/workspace -v ...:/music:ro`.
as_container() { # EXTRA-VARIABLES COMMAND..., or "healthcheck" for what the engine would run beside it
  local extra environment entry=(tini -e 143 -- entrypoint.sh)
  read -r -a extra <<< "$1"
  shift
  if [ "${1:-}" = healthcheck ]; then
    shift
    entry=(healthcheck.py)
  fi
  mapfile -t environment < <(inspect_image)
  # shellcheck disable=SC2016  # expanded inside
  unshare --mount --pid --fork --kill-child sh -ec '
    root=$1 workspace=$2 music=$3
    shift 3
    mkdir -p "$root/music"
    mount --rbind "$root" "$root"
    mount -t proc proc "$root/proc"
    mount --rbind /dev "$root/dev"
    mount -t tmpfs tmpfs "$root/tmp"
    mount --bind "$workspace" "$root/workspace"
    mount --bind "$music" "$root/music"
    mount -o remount,ro,bind "$root/music"
    mount -o remount,ro,bind "$root"
    exec chroot --userspec=10001:10001 "$root" "$@"' \
    as_container "$ROOT" "$WORKSPACE" "$MUSIC" \
    env -i "${environment[@]}" HOME=/workspace MUSIC_DIR=/music PLAYLISTS_DIR=/workspace/playlists WEB_PORT="$PORT" \
    API_TOKEN="$TOKEN" "${extra[@]}" "${entry[@]}" "$@"
}

writable_places() {
  local found
  # shellcheck disable=SC2016  # expanded inside
  found=$(run_in_container 'for d in / /etc /opt/audiomuse /usr/local/bin /music /workspace /tmp; do
    if touch $d/probe 2> /dev/null; then rm $d/probe; printf "%s " $d; fi; done')
  [ "$found" = "/workspace /tmp " ] || { echo "writable: $found"; return 1; }
}

run_in_container() { # SHELL-LINE
  # shellcheck disable=SC2016  # expanded inside
  unshare --mount --pid --fork sh -ec '
    mkdir -p "$1/music"
    mount --rbind "$1" "$1"
    mount -t tmpfs tmpfs "$1/tmp"
    mount --bind "$2" "$1/workspace"
    mount -o remount,ro,bind "$1"
    exec chroot --userspec=10001:10001 "$1" sh -c "$3"' run "$ROOT" "$WORKSPACE" "$1"
}

fresh_workspace() { # COMMAND...
  find "$WORKSPACE" -mindepth 1 -delete
  "$@"
}

unknown_service_type() {
  local status=0
  as_container SERVICE_TYPE=everything || status=$?
  [ "$status" = 2 ]
}

owned_by_us() {
  local foreign
  foreign=$(find "$WORKSPACE" -not -uid 10001)
  [ -z "$foreign" ] || { echo "$foreign"; return 1; }
  find "$WORKSPACE" -maxdepth 2
}

serve() {
  as_container "" > "$REPLAY_HOME/serve.log" 2>&1 &
  local pid=$!
  wait_for "the page" curl --silent --fail --output /dev/null "http://127.0.0.1:$PORT/healthz"
  curl --silent --show-error --fail "http://127.0.0.1:$PORT/healthz"
  as_container "" healthcheck
  stop_container "$pid" "$REPLAY_HOME/serve.log"
}

# Page and worker as two containers on one folder, with a Redis beside them, as deployment.yaml has them.
fleet() {
  local broker=redis://127.0.0.1:$REDIS_PORT/0 web worker
  redis-server --port "$REDIS_PORT" --bind 127.0.0.1 --save "" --appendonly no > "$REPLAY_HOME/redis.log" &
  REDIS=$!
  as_container "SERVICE_TYPE=web CELERY_BROKER_URL=$broker" > "$REPLAY_HOME/web.log" 2>&1 &
  web=$!
  as_container "SERVICE_TYPE=worker CELERY_BROKER_URL=$broker" > "$REPLAY_HOME/worker.log" 2>&1 &
  worker=$!
  wait_for "the page's health check" as_container "SERVICE_TYPE=web" healthcheck
  wait_for "the worker's health check" as_container "SERVICE_TYPE=worker" healthcheck
  ask POST analysis/start > /dev/null
  wait_for "the analysis" analysis_succeeded
  stop_container "$worker" "$REPLAY_HOME/worker.log"
  stop_container "$web" "$REPLAY_HOME/web.log"
}

ask() { # METHOD ROUTE
  curl --silent --show-error --fail --request "$1" --header "Authorization: Bearer $TOKEN" \
    --header "Content-Type: application/json" --data '{}' "http://127.0.0.1:$PORT/api/$2"
}

analysis_succeeded() { ask GET last_task | grep -q '"SUCCESS"'; }

wait_for() { # WHAT COMMAND...
  local what=$1 tries
  shift
  for tries in $(seq 90); do
    if "$@" > /dev/null 2>&1; then
      echo "$what: yes, after $tries tries"
      return
    fi
    sleep 1
  done
  echo "$what: not in 90 tries"
  return 1
}

# The first process of a container's process namespace is the only child of its unshare.
stop_container() { # PID-OF-THE-SHELL LOG
  local unshare
  unshare=$(pgrep -P "$1" -x unshare)
  kill -TERM "$(pgrep -P "$unshare")"
  wait "$1" || { tail -n 20 "$2"; return 1; }
}

main "$@"
