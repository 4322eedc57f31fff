"""The test kit's story: start, drive, wait, check."""
