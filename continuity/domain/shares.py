"""What a share of few says of the share of many: the exact lower bound of a binomial proportion. Pure.

C. J. Clopper and E. S. Pearson, "The use of confidence or fiducial limits illustrated in the case of the binomial",
Biometrika 26 (1934), 404-413. It never promises more than its confidence, which approximations do for shares near one.
"""

from math import ceil, exp, lgamma, log

CONFIDENCE = 0.95
"""One-sided: in one of twenty such samples the true share is below the bound."""
_HALVINGS = 60
"""Of the interval from 0 to 1: below what a float can tell."""


def share_at_least(successes: int, trials: int) -> float:
    """Return what the share of successes is at the least; 0 for no trial."""
    if successes == 0:
        return 0.0
    low, high = 0.0, 1.0
    for _ in range(_HALVINGS):
        middle = (low + high) / 2
        if _as_many_or_more(successes, trials, middle) < 1 - CONFIDENCE:
            low = middle
        else:
            high = middle
    return low


def trials_to_show(share: float) -> int:
    """Return how many trials without a failure show that the share is at least this."""
    return ceil(log(1 - CONFIDENCE) / log(share))


def _as_many_or_more(successes: int, trials: int, share: float) -> float:
    """Return the probability of at least so many successes, each of which comes with this share."""
    if not 0 < share < 1:
        return share
    ways = (
        lgamma(trials + 1) - lgamma(k + 1) - lgamma(trials - k + 1) + k * log(share) + (trials - k) * log(1 - share)
        for k in range(successes, trials + 1)
    )
    return sum(map(exp, ways))
