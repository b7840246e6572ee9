#!/usr/bin/env bash
# Build the package and use it as a stranger would: a clean environment that knows nothing of this repository,
# the made-up library heard and clustered, the page up and answering.
#
#   tools/check_wheel.sh [--keep FOLDER]     FOLDER gets the wheel and the source package
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

readonly PORT=18010
keep=""
if [ "${1:-}" = --keep ]; then keep=${2:?"--keep needs a folder"}; fi

work=$(mktemp -d)
page=""
cleanup() {
  if [ -n "$page" ]; then kill "$page" 2> /dev/null || true; fi
  rm -rf "$work"
}
trap cleanup EXIT

tools/bootstrap.sh --runtime
echo "== build"
.venv/bin/python -m hatchling build -d "$work/dist"

echo "== install into a clean environment"
.venv/bin/python -m venv --without-pip "$work/venv"
pip=(.venv/bin/python -m pip --disable-pip-version-check --python "$work/venv/bin/python" install --quiet)
"${pip[@]}" --require-hashes --only-binary :all: -r requirements-run.lock
"${pip[@]}" --no-deps "$work"/dist/*.whl

cd "$work"
audiomuse=(env -i "PATH=/usr/bin:/bin" "HOME=$work/home" "LANG=C.UTF-8" "$work/venv/bin/audiomuse")
mkdir home

echo "== every file that running needs is in it"
"${audiomuse[@]}" --version
"$work/venv/bin/python" - << 'END'
from importlib.metadata import files
names = {str(file) for file in files("audiomuse") or []}
for wanted in ("LICENSE", "THIRD_PARTY_NOTICES.md", ".onnx", "templates/", "static/", "py.typed"):
    assert any(wanted in name for name in names), f"{wanted} is not in the wheel"
assert any("migrations/music/versions" in name for name in names), "the migrations are not in the wheel"
END

echo "== hear and cluster the made-up library"
"${audiomuse[@]}" demo --no-page

echo "== bring the page up"
"${audiomuse[@]}" up --port "$PORT" > up.log 2>&1 &
page=$!
for _ in $(seq 60); do
  if "$work/venv/bin/python" -c "import urllib.request as u; u.urlopen('http://127.0.0.1:$PORT/healthz')" 2> /dev/null; then
    break
  fi
  sleep 1
done
"$work/venv/bin/python" -c "import urllib.request as u; print(u.urlopen('http://127.0.0.1:$PORT/healthz').read().decode())" \
  || { tail -n 20 up.log; exit 1; }
kill -TERM "$page"
wait "$page"
page=""

cd - > /dev/null
if [ -n "$keep" ]; then
  mkdir -p "$keep"
  cp "$work"/dist/* "$keep/"
fi
echo "the package works in a clean environment"
