#!/bin/sh
# short_io.sh PROGRAM: runs a program of tests with streams that are cut, to KIOTO_SHORT_IO bytes at most (short_io.cc).
exec "$1"
