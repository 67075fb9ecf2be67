"""`python -m elansr`: the command line."""

from elansr.cli.main import main

if __name__ == "__main__":
    main()
