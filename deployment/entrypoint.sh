#!/bin/sh
# What a container runs: the role that SERVICE_TYPE names, or the command given to it
# (docker run ... audiomuse doctor).
set -eu

if [ "$#" -gt 0 ]; then
  if [ "$1" = audiomuse ]; then shift; fi
  exec audiomuse "$@"
fi
case ${SERVICE_TYPE:-all} in
  all) exec audiomuse up ;;
  web | flask) exec audiomuse web ;;
  worker | celery) exec audiomuse worker ;;
  *)
    echo "SERVICE_TYPE is '$SERVICE_TYPE'; it must be all, web (or flask) or worker (or celery)" >&2
    exit 2
    ;;
esac
