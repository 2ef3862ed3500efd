"""Simulated Sentinel-1, Sentinel-2 and land-cover scenes, in place of real data."""
