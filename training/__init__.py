"""Makes `weights/` and `source_bank/` from labelled tissue."""
