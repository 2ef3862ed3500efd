"""One thin script a stage: read params, call the package, write the outs."""
