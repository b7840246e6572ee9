#!/usr/bin/env bash
# Run every compiled dependency, one analysis and one clustering on emulated processors without AVX.
#
#   tools/check_old_cpu.sh [CPU...]       default: Nehalem (SSE4.2, 2008) and SandyBridge (AVX but no AVX2, 2011)
#
# Needs qemu-user-static (the emulator of single programs). The result is compared with this machine's own:
# an old processor may round differently, it must not hear something else.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

command -v qemu-x86_64-static > /dev/null || { echo "install qemu-user-static first" >&2; exit 1; }
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

python=$(readlink -f .venv/bin/python)
site=$(.venv/bin/python -c 'import sysconfig; print(sysconfig.get_path("purelib"))')
# A clean environment: OPENBLAS_CORETYPE and the like would choose instructions instead of the processor.
environment=(env -i "PATH=$PATH" "HOME=$work" "PYTHONPATH=$PWD/src:$site" OPENBLAS_NUM_THREADS=1 OMP_NUM_THREADS=1)

echo "this machine:"
"${environment[@]}" "$python" tools/old_cpu_probe.py --write "$work/here.json"
if [ "$#" = 0 ]; then set -- Nehalem SandyBridge; fi
for name in "$@"; do
  echo "$name:"
  "${environment[@]}" qemu-x86_64-static -cpu "$name" "$python" tools/old_cpu_probe.py \
    --compare "$work/here.json" 2> >(grep -v "TCG doesn't support" >&2)
done
