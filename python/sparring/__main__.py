"""``sparring`` and ``python -m sparring``: an interrupt is answered before anything else is imported."""

from __future__ import annotations

from sparring.run.interrupt import answered


def main() -> None:
    """Run the command line."""
    with answered():
        from sparring.cli import run_command

        run_command()


if __name__ == "__main__":
    main()
