"""``python -m dashboard``: the command ``callcenter`` where its script is not at hand, as for the supervisor."""

from dashboard.cli import main

if __name__ == "__main__":
    main()
