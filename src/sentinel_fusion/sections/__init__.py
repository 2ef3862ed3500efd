"""Sections of params.yaml as frozen models, and what holds between them."""
