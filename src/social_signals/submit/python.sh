#!/bin/sh
# Python of the suite on a worker that has none: unpacks the environment in the working folder, once, and becomes its interpreter.
# Standalone workers get this and the archive as files, so that the driver, which has a Python, need not unpack it as well.
set -e
if [ ! -e environment ]; then
  archive=${SOCIAL_SIGNALS_ENVIRONMENT:-$(ls environment-*.packed)}
  mkdir "environment.$$"
  tar -xzf "$archive" -C "environment.$$"
  # Two that come at the same moment both unpack; the link is made by one of them.
  ln -sn "environment.$$" environment 2>/dev/null || rm -rf "environment.$$"
fi
exec environment/bin/python "$@"
