"""Encoders, heads and fusion; a module's name is the encoder's name in params.yaml."""
