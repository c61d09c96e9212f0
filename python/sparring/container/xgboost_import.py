"""XGBoost in processes that train or serve boosters and nothing else."""

from __future__ import annotations

import sys


def import_xgboost_without_sklearn() -> None:
    """Import xgboost without its wrappers for scikit-learn, unless that is imported already.

    XGBoost looks for scikit-learn, and through it imports pandas and all of SciPy's statistics: three of the four
    seconds that its imports take.  For the beginning of a process of our own, never for the user's: the
    wrappers are missing in it for good.
    """
    if "sklearn" in sys.modules or "xgboost" in sys.modules:
        return
    # What the import system takes for a package that is not installed.
    sys.modules["sklearn"] = None  # type: ignore[assignment]
    try:
        import xgboost  # noqa: F401
    finally:
        del sys.modules["sklearn"]
