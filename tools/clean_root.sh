# Functions that make and enter a clean Debian 12; read by tools/replay_*.sh. Needs root and debootstrap.
#
# shellcheck shell=bash

readonly REPLAY_HOME=${REPLAY_HOME:-/var/tmp/audiomuse-replay}

need_root_and() { # PROGRAM...
  [ "$(id -u)" = 0 ] || { echo "this replay makes a root file system: run it as root" >&2; exit 1; }
  local program
  for program in debootstrap unshare "$@"; do
    command -v "$program" > /dev/null || { echo "this replay needs $program" >&2; exit 1; }
  done
}

# A root with nothing but what `debootstrap --variant=minbase` holds and PACKAGE...
make_root() { # FOLDER PACKAGE...
  local root=$1 base=$REPLAY_HOME/minbase
  shift
  if [ ! -e "$base/.complete" ]; then
    rm -rf "$base"
    mkdir -p "$REPLAY_HOME"
    debootstrap --variant=minbase --include=ca-certificates bookworm "$base" > "$REPLAY_HOME/debootstrap.log" \
      || { tail -n 5 "$REPLAY_HOME/debootstrap.log" >&2; return 1; }
    touch "$base/.complete"
  fi
  rm -rf "$root"
  cp -a "$base" "$root"
  cp /etc/resolv.conf "$root/etc/resolv.conf"
  take_certificates "$root"
  in_root "$root" "apt-get update -qq && DEBIAN_FRONTEND=noninteractive \
    apt-get install -qq -y --no-install-recommends $* > /var/log/packages.log 2>&1"
}

# Where this machine trusts certificates of its own (a company's proxy), the clean root does too.
take_certificates() { # FOLDER
  local bundle=${PIP_CERT:-${SSL_CERT_FILE:-}}
  if [ -n "$bundle" ]; then cp --dereference "$bundle" "$1/etc/ssl/replay-ca.crt"; fi
}

# Run a shell line in a root; what it mounts goes away with it.
in_root() { # FOLDER LINE
  local root=$1 line=$2
  local environment=(PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin HOME=/root LANG=C.UTF-8)
  if [ -e "$root/etc/ssl/replay-ca.crt" ]; then environment+=(PIP_CERT=/etc/ssl/replay-ca.crt); fi
  # shellcheck disable=SC2016  # expanded inside
  unshare --mount --pid --fork env -i "${environment[@]}" sh -ec '
    mount -t proc proc "$1/proc"
    mount --rbind /dev "$1/dev"
    mount -t tmpfs tmpfs "$1/tmp"
    exec chroot "$1" sh -ec "$2"' in_root "$root" "$line"
}
