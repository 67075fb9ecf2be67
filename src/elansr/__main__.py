"""`python -m elansr`: the command line."""

from elansr.apps.cli.main import main

if __name__ == "__main__":
    main()
