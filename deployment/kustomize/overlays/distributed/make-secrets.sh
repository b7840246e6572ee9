#!/bin/sh
# Make secrets.env and postgres.env for this overlay; existing files are left as they are.
#
#   JELLYFIN_USER_ID=anna JELLYFIN_TOKEN=... ./make-secrets.sh
#
# What is not given is asked for. The other secrets are made up.
set -eu
cd "$(dirname "$0")"
if [ -e secrets.env ] || [ -e postgres.env ]; then
  echo "secrets.env or postgres.env exists already; nothing was changed"
  exit 0
fi

make_up() { head -c 30 /dev/urandom | base64 | tr '+/' '-_' | tr -d '\n'; }

ask() { # QUESTION
  printf '%s: ' "$1" >&2
  read -r answer || { echo "no answer; nothing was made of it" >&2; exit 1; }
  printf '%s' "$answer"
}

user=${JELLYFIN_USER_ID:-$(ask "Jellyfin user (name or id)")}
token=${JELLYFIN_TOKEN:-$(ask "Jellyfin API key (Dashboard > API keys)")}
password=$(make_up)
umask 077
cat > secrets.env << END
JELLYFIN_USER_ID=$user
JELLYFIN_TOKEN=$token
DATABASE_URL=postgresql://audiomuse:$password@audiomuse-postgres:5432/audiomuse
SECRET_KEY=$(make_up)
ADMIN_PASSWORD=$(make_up)
END
printf 'POSTGRES_PASSWORD=%s\n' "$password" > postgres.env
echo "made secrets.env; the page's password is ADMIN_PASSWORD there"
