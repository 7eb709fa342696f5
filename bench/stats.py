"""Medians of ratios, with intervals that assume no distribution."""
import math


def median_interval(values):
    """The median and its 95 % interval from the binomial distribution of ranks."""
    ordered = sorted(values)
    n = len(ordered)
    middle = (ordered[(n - 1) // 2] + ordered[n // 2]) / 2
    # the largest rank k with P(fewer than k below the median) <= 2.5 %
    rank, below, chance = 0, 0.0, 0.5 ** n if n < 1000 else 0.0
    if chance == 0.0:
        rank = int(n / 2 - 0.98 * math.sqrt(n))
    while chance > 0.0 and below + chance <= 0.025:
        below += chance
        rank += 1
        chance = chance * (n - rank + 1) / rank
    rank = max(rank, 1)
    return {"median": middle, "low": ordered[rank - 1], "high": ordered[n - rank], "n": n}


def rates(rounds, variant):
    """Executions a second, per round."""
    return [r[variant][0] / r[variant][1] for r in rounds]


def ratio(rounds, over, under):
    """Of the rates of two variants, round by round."""
    return median_interval([a / b for a, b in zip(rates(rounds, over), rates(rounds, under))])


def processor(rounds, one, other):
    """How much more processor time an execution of the first takes in its backend."""
    return median_interval([(r[one][2] / r[one][0]) / (r[other][2] / r[other][0]) for r in rounds])


def microseconds(rounds, variant):
    """Of one execution."""
    return median_interval([1e6 / rate for rate in rates(rounds, variant)])


def difference(rounds, one, other):
    """How many microseconds longer an execution of the first takes."""
    return median_interval([1e6 / a - 1e6 / b for a, b in
                            zip(rates(rounds, one), rates(rounds, other))])
