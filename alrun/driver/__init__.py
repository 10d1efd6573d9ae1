"""The loop, the predictor, and what strategies see of them."""

from alrun.driver.driver import Driver
from alrun.driver.settings import Components, Reset, Settings, TrainingSettings

__all__ = ["Components", "Driver", "Reset", "Settings", "TrainingSettings"]
