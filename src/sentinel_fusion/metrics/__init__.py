"""Metrics of the test predictions."""
