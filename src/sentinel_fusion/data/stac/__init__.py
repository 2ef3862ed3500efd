"""Sentinel scenes of a STAC catalogue: found, paired, and cut to a box."""
