"""Data supply of the loop: batches, predictions, calibration."""
