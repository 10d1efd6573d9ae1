"""``python -m alrun``, and the ``alrun`` console script."""

from alrun.cli.main import main

if __name__ == "__main__":
    raise SystemExit(main())
