"""Driver: the active-learning loop, the predictor, and the host that strategies see."""

from alrun.driver.driver import Driver
from alrun.driver.settings import Components, Reset, Settings, TrainingSettings

__all__ = ["Components", "Driver", "Reset", "Settings", "TrainingSettings"]
