"""`python -m bench.fleet`."""

from bench.fleet.command import main

if __name__ == "__main__":
    main()
