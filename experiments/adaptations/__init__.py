"""Controls and other ways of adapting that are compared in experiments only, one a file."""
