#!/bin/sh
# Make the secret files of docker-compose.distributed.yaml; those that exist are left as they are.
#
#   JELLYFIN_TOKEN=... deployment/make-secrets.sh
#
# Without JELLYFIN_TOKEN it asks for it. Every other secret is made up here.
set -eu
cd "$(dirname "$0")"

# Compose mounts the files as they are, and the containers run as users of their own: the folder is closed
# to others, the files inside are readable.
mkdir -p secrets
chmod 700 secrets

make_up() { head -c 30 /dev/urandom | base64 | tr '+/' '-_' | tr -d '\n'; }

keep() { # NAME VALUE
  if [ -e "secrets/$1" ]; then return; fi
  printf '%s' "$2" > "secrets/$1"
  chmod 444 "secrets/$1"
  echo "made deployment/secrets/$1"
}

keep postgres_password "$(make_up)"
keep database_url "postgresql://audiomuse:$(cat secrets/postgres_password)@postgres:5432/audiomuse"
keep secret_key "$(make_up)"
keep admin_password "$(make_up)"
if [ ! -e secrets/jellyfin_token ]; then
  if [ -z "${JELLYFIN_TOKEN:-}" ]; then
    printf 'Jellyfin API key (Dashboard > API keys): '
    read -r JELLYFIN_TOKEN || { echo "no answer; nothing was made of it" >&2; exit 1; }
  fi
  keep jellyfin_token "$JELLYFIN_TOKEN"
fi
echo "The page's password is in deployment/secrets/admin_password."
