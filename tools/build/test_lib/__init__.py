"""What stands behind tools/test and .ci/run."""
