"""Whole scenes of the user: what their rasters hold, and VRTs on one grid."""
