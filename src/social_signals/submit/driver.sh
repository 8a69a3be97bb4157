#!/usr/bin/env bash
# The driver's Python in cluster mode on a standalone cluster: everything that it needs lies beside this script, in the staging
# folder; so do the job's own output and exit code afterwards, for whoever submitted it.
set -u
here=$(cd "$(dirname "$0")" && pwd)
# The submitter's SPARK_HOME came along and means nothing on this host; the jar of Spark's core on the path says where Spark is.
core=$(tr ':' '\n' <<<"$PYTHONPATH" | grep '/jars/spark-core_' | head -1)
SPARK_HOME=$(cd "$(dirname "$core")/.." && pwd)
PYTHONPATH=$(printf '%s:' "$SPARK_HOME"/python/lib/*.zip)$PYTHONPATH
export SPARK_HOME PYTHONPATH
mkdir social_signals_files && tar -xzf "$here/files.tar.gz" -C social_signals_files
python=${PYSPARK_PYTHON:-python3}
if [ -e "$here/environment.packed" ]; then
  export SOCIAL_SIGNALS_ENVIRONMENT=$here/environment.packed
  python=$here/social_signals_python
fi
export SOCIAL_SIGNALS_STDERR_APART=1
"$python" "$@" >"$here/stdout" 2> >(tee "$here/stderr" >&2)
code=$?
cat "$here/stdout"
echo "$code" >"$here/exit.part" && mv "$here/exit.part" "$here/exit"
exit "$code"
