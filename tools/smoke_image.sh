#!/usr/bin/env bash
# Let an image hear, cluster and answer before it is published; needs an engine (docker, or podman by another name).
#
#   tools/smoke_image.sh IMAGE
set -euo pipefail

readonly IMAGE=${1:?say which image to try}
readonly ENGINE=${ENGINE:-docker}

container=$("$ENGINE" run --detach --read-only --tmpfs /tmp --cap-drop ALL --security-opt no-new-privileges "$IMAGE")
trap '"$ENGINE" logs --tail 30 "$container"; "$ENGINE" rm --force "$container" > /dev/null' EXIT

echo "== healthy"
for _ in $(seq 60); do
  if "$ENGINE" exec "$container" healthcheck.py 2> /dev/null; then break; fi
  sleep 1
done
"$ENGINE" exec "$container" healthcheck.py

echo "== not root, and nothing writable that should not be"
test "$("$ENGINE" exec "$container" id -u)" = 10001
if "$ENGINE" exec "$container" touch /opt/audiomuse/probe 2> /dev/null; then exit 1; fi

echo "== hear and cluster the made-up library"
"$ENGINE" exec "$container" audiomuse demo --no-page
"$ENGINE" exec "$container" sh -c 'ls /workspace/demo/playlists | grep -q m3u8'

echo "== stop in time and without complaint"
"$ENGINE" stop --time 60 "$container" > /dev/null
test "$("$ENGINE" inspect --format '{{.State.ExitCode}}' "$container")" = 0
echo "the image works"
