"""From patches to a tile store: blocks, their work, their order."""
