#!/usr/bin/env bash
# Tells Spark which GPUs this machine has: one line of JSON, as spark.*.resource.gpu.discoveryScript wants it.
# Fails where there is none, so that an executor or worker without its GPU does not start quietly.
set -euo pipefail
found=$(nvidia-smi --query-gpu=index --format=csv,noheader | tr -d ' ' | paste -sd, -)
[ -n "$found" ] || { echo "nvidia-smi names no GPU" >&2; exit 1; }
echo "{\"name\": \"gpu\", \"addresses\": [\"${found//,/\", \"}\"]}"
