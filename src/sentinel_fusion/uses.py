"""The two uses of an arm's encoder in a supervised task."""

USES = ("finetuned", "frozen")
"""Trained along with the head, or left as it is."""
