"""Checks of the logging part of Hydra's node: handlers that print, or that append to a file of the sweep."""

from __future__ import annotations

from collections.abc import Mapping

from alrun.config.shapes import Check, each, either, empty, flag, integer, keys, number, one_of, text, worded

__all__ = ["logging_check"]

HINT = "hydra/job_logging=default or hydra/job_logging=none"
NAME = r"[\w.-]{0,100}"
LEVEL = either(integer, one_of("CRITICAL", "ERROR", "WARNING", "WARN", "INFO", "DEBUG", "NOTSET"))
#: The handlers that neither run, send nor pickle anything, with what is theirs alone.
HANDLERS: Mapping[str, Mapping[str, Check]] = {
    "logging.StreamHandler": {"stream": one_of("ext://sys.stdout", "ext://sys.stderr")},
    "logging.NullHandler": {},
    "logging.FileHandler": {},
    "logging.handlers.WatchedFileHandler": {},
    "logging.handlers.RotatingFileHandler": {"maxBytes": number, "backupCount": integer},
    "logging.handlers.TimedRotatingFileHandler": {
        "when": text(r"[SMHDW][0-6]?|midnight"),
        "interval": integer,
        "backupCount": integer,
        "utc": flag,
    },
}


def logging_check(log_file: Check) -> Check:
    """Return the check of ``hydra.job_logging``; ``log_file`` is that of the paths that are written to."""
    file = {"filename": log_file, "mode": one_of("a"), "encoding": text(r"utf-?8|ascii"), "delay": flag}
    common = {"class": text("|".join(HANDLERS).replace(".", r"\."), "a plain log handler"), "level": LEVEL}
    common |= {"formatter": text(NAME)}
    special = {key: check for handler in HANDLERS.values() for key, check in handler.items()}
    logger = keys({"level": LEVEL, "handlers": each(text(NAME)), "propagate": flag}, HINT)
    formatter = {"format": worded, "datefmt": worded, "style": one_of("%"), "validate": flag}
    return keys(
        {
            "version": one_of(1),
            "formatters": each(keys(formatter, HINT)),
            "filters": empty("filters of log records are not supported in a config", HINT),
            "handlers": each(keys({**common, **special, **file}, HINT)),
            "loggers": each(logger, key=NAME),
            "root": logger,
            "disable_existing_loggers": flag,
            "incremental": flag,
        },
        HINT,
    )
