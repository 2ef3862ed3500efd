"""From rasters to batches: sources, tile store, splits, augmentation, loading."""
