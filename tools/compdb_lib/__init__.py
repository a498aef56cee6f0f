"""What stands behind tools/compdb."""
