"""The loop, the predictor, and what strategies see of them."""
