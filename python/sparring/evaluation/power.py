"""What a paired test of this size can tell, and how many rows would tell more.

Power is that of a test at the strictest level that Holm's procedure may ask for: ``alpha`` over the number of tests.
"""

from __future__ import annotations

import math

from scipy.optimize import brentq
from scipy.special import ndtri, stdtrit

# With which probability a true difference is to be found, where power is stated.
PROBABILITY = 0.8


def detectable(standard_error: float, freedom: float, alpha: float, tests: int = 1) -> float:
    """Return the true difference that a two-sided test would have found with 80% probability.

    Parameters
    ----------
    standard_error : float
        Of the observed difference.
    freedom : float
        Degrees of freedom of the standard error.
    alpha : float
        Level of the whole family of tests.
    tests : int, default 1
        Their number.

    Examples
    --------
    >>> round(detectable(0.01, 10_000, 0.05), 4)
    0.028
    """
    return float((stdtrit(freedom, 1 - alpha / (2 * tests)) + stdtrit(freedom, PROBABILITY)) * standard_error)


def rows_to_tell(
    standard_error: float, rows: int, margin: float, alpha: float, tests: int = 1, cautious: float | None = None
) -> int:
    """Return how many test rows would tell two contenders apart, or show them equivalent, with 80% probability.

    So many that two contenders without any difference are shown equivalent within ``margin``, and that twice the
    margin is found: the first takes more rows.  Whatever lies between may stay open at any size.

    Parameters
    ----------
    standard_error : float
        Of the observed difference, on ``rows`` rows; its square falls with their number.
    rows : int
    margin : float
    alpha : float
        Level of the whole family of tests.
    tests : int, default 1
    cautious : float, optional
        Of the observed difference, as the test of equivalence has it: what its square is larger by falls with the
        square of the number of rows.

    Examples
    --------
    >>> rows_to_tell(0.01, 1_000, 0.01, 0.05)
    8564
    >>> rows_to_tell(0.01, 1_000, 0.01, 0.05, cautious=0.02)
    9971
    """
    reach, power = ndtri(1 - alpha / tests), ndtri((1 + PROBABILITY) / 2)
    own, more = (standard_error / margin) ** 2, ((cautious or standard_error) / margin) ** 2

    def beyond_margin(times: float) -> float:
        # The wider error decides about equivalence, the narrower one is that of the difference.
        wider = own / times + (more - own) / times**2
        return float(reach * math.sqrt(wider) + power * math.sqrt(own / times) - 1)

    least = 1e-9
    equal = brentq(beyond_margin, least, 1e12) if beyond_margin(least) > 0 else least
    return max(math.ceil(rows * equal), rows_to_find(2 * margin, standard_error, rows, alpha, tests))


def rows_to_find(difference: float, standard_error: float, rows: int, alpha: float, tests: int = 1) -> int:
    """Return how many test rows would find a true ``difference``, not 0, with 80% probability.

    Examples
    --------
    >>> rows_to_find(0.02, 0.01, 1_000, 0.05)
    1963
    """
    needed = abs(difference) / (ndtri(1 - alpha / (2 * tests)) + ndtri(PROBABILITY))
    return math.ceil(rows * (standard_error / needed) ** 2)
