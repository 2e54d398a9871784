"""What scouting found, in sentences."""

from preseason.evaluation.learning_curve import Curve
from preseason.formatting import percent
from preseason.transferability.scout import Report, Scouted

FAR, NEAR = 0.35, 0.12
"""Shares of the way to noise from which on data is called far from the pretraining data, or near to it."""


def recommendation(report: Report) -> str:
    """One sentence: which network, and why."""
    best, others = report.best, [n for n in report.networks[1:] if n.linear is not None]
    if not others:
        return f"Use {best.name}: it is the only network of this kind whose weights are on this machine."
    rival = others[0]
    assert best.linear is not None
    assert best.low is not None
    assert rival.linear is not None
    if rival.linear < best.low:
        return f"Use {best.name}: it is clearly ahead of {rival.name}."
    quickest = min(
        [best, *(n for n in others if (n.linear or 0) >= (best.low or 0))], key=lambda n: n.seconds
    )
    if quickest is best:
        return f"Use {best.name}: none is clearly better, and it is the fastest of the good ones."
    return f"{best.name} and {quickest.name} are equally good here; {quickest.name} is faster."


def transfer(report: Report) -> str:
    """Whether transfer will beat the same network without its pretraining."""
    best = report.best
    if report.scratch is None:
        return "No time was left to test random weights (--budget)."
    assert best.linear is not None
    assert best.low is not None
    assert best.high is not None
    told = f"random weights reach {percent(report.scratch)}, pretrained weights {percent(best.linear)}"
    if best.low > report.scratch:
        return f"Transfer helps: {told}, both with a linear head."
    if best.high < report.scratch:
        return f"Transfer hurts: {told}. Train from scratch, or use another network."
    return f"With so few examples it is unclear whether transfer helps: {told}."


def shift(network: Scouted) -> str:
    """How far the data is from what the network knows."""
    if network.shift is None:
        return (
            f"How far this data is from the pretraining data of {network.name} is unknown: "
            "it is told for photos and clips only, by statistics that some networks keep."
        )
    far = "far from" if network.shift > FAR else "near to" if network.shift < NEAR else "some way from"
    share = f"{100 * network.shift:.0f} % of the way to noise"
    return f"This data is {far} the pretraining data of {network.name}: {share}."


def outlook(curve: Curve) -> tuple[str, ...]:
    """What more labels would bring."""
    if curve.reason:
        return (f"How many more labels are needed: {curve.reason}.",)
    now, *later = curve.forecasts
    lines = [
        f"With a linear head: {percent(now.accuracy)} now; "
        + ", ".join(
            (
                f"{percent(each.accuracy)} ({100 * each.low:.0f} to {100 * each.high:.0f}) with "
                f"{('twice' if each.times == 2 else 'four times')} the labels"
            )
            for each in later
        )
        + "."
    ]
    sure = [gain for gain in curve.gains if gain.sure and gain.gain >= 0.005]
    rest = [gain.label for gain in curve.gains if gain not in sure]
    parts = [f"20 more of {gain.label}: about +{100 * gain.gain:.1f} points" for gain in sure[:3]]
    if rest:
        parts.append(f"more of {', '.join(rest[:4])}: no measurable gain")
    return (*lines, "; ".join(parts) + ".")


def lines_of(report: Report) -> list[str]:
    """Everything below the table."""
    return [recommendation(report), transfer(report), shift(report.best), *outlook(report.curve)]
