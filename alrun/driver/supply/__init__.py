"""Data for the loop: batches, predictions, calibration."""
