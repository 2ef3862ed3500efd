"""Pre-training methods; a module's name is the method's name in params.yaml."""
