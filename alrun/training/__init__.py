"""Training loops, on Lightning Fabric and on the Lightning Trainer."""
