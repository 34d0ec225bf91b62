"""Where the command `penstock` begins; says so in one line when the command line's own packages are not installed."""

import importlib
import sys


def main() -> None:
    """Run the command line with the arguments of this process; ends it with one of the statuses of `cli/exits.py`."""
    try:
        app = importlib.import_module("penstock.cli.app")
    except ModuleNotFoundError as error:
        if error.name not in {"typer", "rich"}:
            raise
        sys.stderr.write("penstock: the command line needs more packages: pip install 'penstock[cli]'\n")
        sys.exit(2)
    app.run()


if __name__ == "__main__":
    main()
