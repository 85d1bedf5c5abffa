"""Fuzzing of what reads strangers' files: `python -m test.fuzz --help`."""
