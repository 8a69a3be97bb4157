#!/usr/bin/env bash
# ./spark-submit.sh jobs/JOB.py [key=value ...]
# Sets up what is missing (.venv from the lock, Java 17, the jars), once, then runs spark-submit on the job.
# SPARK_HOME and MASTER choose another Spark or a cluster; DEPLOY_MODE=cluster moves the driver there too.
set -euo pipefail
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)

case "${1:-}" in
  "" | -h | --help)
    echo "usage: ./spark-submit.sh jobs/JOB.py [key=value ...]"
    echo "jobs:  $(cd "$here" && ls jobs/*.py | tr '\n' ' ')"
    echo "       ./spark-submit.sh jobs/JOB.py --help shows the settings of a job"
    [ -n "${1:-}" ] && exit 0 || exit 2 ;;
esac

"$here/setup.sh"
# shellcheck source=/dev/null
. "$here/.venv/environment.sh"
# A job may be named from anywhere: relative to here if it is not relative to the caller.
job=$1; shift
[ -f "$job" ] || [ ! -f "$here/$job" ] || job=$here/$job
exec "$here/.venv/bin/python" -m social_signals.submit "$job" "$@"
