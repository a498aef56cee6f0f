#!/bin/sh
# short_io.sh PROGRAM: runs a program of tests with streams that are cut (short_io.cc).
KIOTO_SHORT_IO=${KIOTO_SHORT_IO:-7} exec "$1"
