"""Forgets a local stack: `python -m deploy.local.clean` (`make clean`)."""

import sys

from deploy.local import home


def main() -> int:
    """Delete the data of the chosen home; the number of the exit."""
    folder = home.chosen()
    try:
        home.forget(folder)
    except home.HomeInUseError as error:
        sys.stderr.write(f"{error}; stop it first\n")
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
