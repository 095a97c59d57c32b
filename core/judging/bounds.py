"""What is known about the mean of a finite list while it is drawn, one value at a time: valid at every look.

Numbers in [−1, 1] are drawn without replacement. Against each mean of a grid a gambler bets that it is too low, and
another that it is too high; a mean is ruled out once the fortune of one of them reaches 2/alpha. The fortune is parted
among bets of twelve sizes beforehand, so nothing has to be tuned. Whoever looks after every answer and stops when it
looks good is right as often as is said.

Source: Waudby-Smith and Ramdas 2023, Estimating means of bounded random variables by betting, sections 4 and 5
(sampling without replacement); Ville's inequality.
"""

from __future__ import annotations

import numpy as np

BETS = np.array([0.01, 0.02, 0.035, 0.06, 0.1, 0.16, 0.25, 0.36, 0.5, 0.65, 0.8, 0.93])
"""(n_bets,) shares of a part of the fortune that are staked."""
PARTS = np.array([1, 2, 4, 9, 12, 14, 13, 11, 11, 10, 9, 4]) / 100
"""(n_bets,) parts of the fortune, summing to 1, fixed before anything is drawn: any parts keep the error rate. The smallest
bets pay for differences that nobody has the patience to judge, so they have little: equal parts cost 9 % more answers
at a difference of 0.02 in P@10, and none fewer at 0.3 (`bench judge`)."""
GRID = np.arange(-199, 200) / 200
"""(n_means,) means that are bet against; 0 is one of them."""
LARGEST = 1e300
"""Where a fortune stays, so that nothing overflows."""
_EXACT = 1e-12


class MeanBounds:
    """Bounds of the mean of `total` numbers in [−1, 1], of which some are drawn, in random order.

    Args:
        total: how many numbers the list has; the mean of none is 0.
        alpha: probability that the bounds ever exclude the mean, at most; half on either side.
    """

    def __init__(self, total: int, alpha: float = 0.05) -> None:
        self.total, self.alpha = int(total), float(alpha)
        self.count, self.sum, self.squares = 0, 0.0, 0.0
        self._means = GRID  # those that are not ruled out, with the fortunes of those who bet against them
        self._above = np.repeat(PARTS[:, None], len(GRID), axis=1)  # grow where the mean is above the grid's
        self._below = self._above.copy()
        self._low, self._high = -1.0, 1.0

    def add(self, value: float) -> None:
        """Draw one more number.

        Raises:
            ValueError: all have been drawn, or it lies outside [−1, 1].
        """
        if self.count >= self.total or not -1 <= value <= 1:
            raise ValueError(f"{value!r} is no number in [−1, 1], or all {self.total} numbers are drawn already.")
        rest = (self.total * self._means - self.sum) / (self.total - self.count)  # mean of what is left, were it so
        stake = BETS[:, None] * (value - rest)
        with np.errstate(divide="ignore", invalid="ignore"):
            self._above *= np.where(rest > -1 + _EXACT, 1 + stake / (1 + rest), 1.0)
            self._below *= np.where(rest < 1 - _EXACT, 1 - stake / (1 - rest), 1.0)
        np.clip(self._above, 0, LARGEST, out=self._above)
        np.clip(self._below, 0, LARGEST, out=self._below)
        self._above[:, rest < -1 - _EXACT] = LARGEST  # too few are left to bring the mean down there
        self._below[:, rest > 1 + _EXACT] = LARGEST
        self.count, self.sum, self.squares = self.count + 1, self.sum + value, self.squares + value * value
        self._narrow()

    def _narrow(self) -> None:
        bar = 2 / self.alpha
        too_low = np.flatnonzero(self._above.sum(axis=0) >= bar)
        too_high = np.flatnonzero(self._below.sum(axis=0) >= bar)
        low = self._means[too_low[-1]] if len(too_low) else self._low
        high = self._means[too_high[0]] if len(too_high) else self._high
        if low > high or (low, high) == (self._low, self._high):
            return  # chance has won once, which it may with probability alpha: what was known before stays
        self._low, self._high = float(low), float(high)
        between = (self._means > low) & (self._means < high)
        self._means, self._above, self._below = self._means[between], self._above[:, between], self._below[:, between]

    @property
    def interval(self) -> tuple[float, float]:
        """(low, high) of the mean of the whole list, both in [−1, 1]; exact once everything is drawn."""
        if not self.total:
            return 0.0, 0.0
        left = self.total - self.count
        if not left:
            return self.mean, self.mean
        least, most = (self.sum - left) / self.total, (self.sum + left) / self.total
        low, high = max(self._low, least), min(self._high, most)
        return (low, high) if low <= high else (least, most)

    @property
    def sign(self) -> int:
        """1 or −1 once it is known on which side of 0 the mean lies, else 0."""
        low, high = self.interval
        open_yet = self.count < self.total
        if low > 0 or (open_yet and self._low == 0):  # 0 itself was ruled out
            return 1
        return -1 if high < 0 or (open_yet and self._high == 0) else 0

    @property
    def mean(self) -> float:
        """The estimate: the mean of what is drawn, 0 while nothing is."""
        return self.sum / self.count if self.count else 0.0
