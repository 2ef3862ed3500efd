"""Downstream tasks; a module's name is the task's name in params.yaml."""
