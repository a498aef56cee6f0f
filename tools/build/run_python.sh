#!/bin/sh
# Runs a Python test named by its path in the runfiles.
exec python3 "$@"
