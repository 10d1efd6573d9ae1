"""One compute thread a process: models are tiny here, and pytest-xdist has a process for each core already."""

import os

# Before anything imports torch; commands that tests start inherit it.
os.environ.setdefault("OMP_NUM_THREADS", "1")
