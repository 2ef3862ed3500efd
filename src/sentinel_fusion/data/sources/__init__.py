"""Where rasters come from; a module's name is the source's name in params.yaml."""
