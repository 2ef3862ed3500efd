"""Public data sets from their servers to their folders: fetched, checked, unpacked."""
