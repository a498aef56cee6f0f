#!/bin/sh
# short_io.sh PROGRAM [TEST...]: runs a program of tests with streams that are cut (short_io.cc), but for these tests.
program=$1
shift
KIOTO_SHORT_IO=${KIOTO_SHORT_IO:-7} exec "$program" --gtest_filter="-$(IFS=:; echo "$*")"
