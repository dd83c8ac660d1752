"""`report experiments`: what may be said about the arms of flows, and what mails bring beyond no mails at all."""

import asyncio
import json
import math
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Annotated, Any

import typer

from bot.commands import tables
from bot.commands.ending import in_words
from bot.commands.options import ConfigFile
from bot.commands.reports import AsJson

if TYPE_CHECKING:
    from automations.experiments.incremental import Gain, Incremental
    from automations.experiments.statistics import Span
    from automations.experiments.verdicts import Look, Row, Verdict
    from bot.base.config import Config

_NAMES = {
    "click": "clicked", "order": "ordered", "revenue": "spent", "unsubscribed": "unsubscribed",
    "complained": "called it spam", "refunded": "got money back",
}  # fmt: skip


@dataclass(frozen=True)
class _Found:
    verdicts: "list[Verdict]"
    held: "list[Incremental]"
    currency: str
    days: float

    @property
    def data(self) -> dict[str, Any]:
        experiments = [
            {**asdict(one), "name": one.plan.name, "flow": one.plan.flow, "winner": one.winner, "words": one.words}
            for one in self.verdicts
        ]
        whole = {
            "currency": self.currency, "window_days": self.days, "experiments": experiments,
            "holdouts": [asdict(one) for one in self.held],
        }  # fmt: skip
        finite: dict[str, Any] = _finite(whole)
        return finite


@in_words
def experiments(
    name: Annotated[str | None, typer.Argument(help="Only this one, without the hold-outs.")] = None,
    as_json: AsJson = False,
    config: ConfigFile = None,
) -> None:
    """Arms of flows against each other: a winner, or how many people it needs. What mails bring beyond no mails."""
    from bot.base import config as settings

    found = asyncio.run(_read(settings.load(config), name))
    if as_json:
        typer.echo(json.dumps(found.data, default=str))
        return
    if not found.verdicts:
        typer.echo("Experiments: nothing yet; a flow gets one with [experiment] in its file\n")
    for one in found.verdicts:
        _show(one, found.currency)
    if name is None:
        _show_held(found)


async def _read(config: "Config", name: str | None) -> _Found:
    from automations.experiments import incremental, looks
    from automations.experiments.outcomes import Window
    from bot import start
    from bot.base import clock

    window = Window(config.automations.attribution_window, config.shop.currency)
    now = clock.now()
    async with start.ready(config) as (database, _ground), database.transaction() as session:
        plans = await looks.plans(session)
        chosen = [one for one in plans if name in (None, one.name)]
        if name is not None and not chosen:
            known = ", ".join(one.name for one in plans) or "none yet"
            raise typer.BadParameter(f"no published flow has an experiment {name!r}; there is {known}")
        return _Found(
            [await looks.verdict(session, one, window, now) for one in chosen],
            [] if name is not None else await incremental.report(session, window, now),
            window.currency,
            window.length.total_seconds() / 86_400,
        )


def _finite(value: Any) -> Any:
    """JSON knows no infinity: an interval without an end has null there."""
    if isinstance(value, dict):
        return {key: _finite(one) for key, one in value.items()}
    if isinstance(value, list | tuple):
        return [_finite(one) for one in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value


def _show(one: "Verdict", currency: str) -> None:
    plan = one.plan
    typer.echo(f"{plan.name} in {plan.flow}: {one.words}")
    came = sum(tally.n for tally in one.tallies.values()) + one.inside
    pace = "" if not one.days else f"; at this pace {one.days:,.0f} days to the next look"
    typer.echo(
        f"decides by who {_NAMES[plan.metric]}; {came:,} of {plan.people:,} planned people came, the time of "
        f"{one.inside:,} is not over{pace}; weights fit with p = {one.srm:.2g}"
    )
    heads = ("arm", "people", *(words for metric, words in _NAMES.items() if metric != "revenue"), "spent")
    tables.show("Arms", heads, [
        (_arm(one, name), tally.n, *(getattr(tally, metric) for metric in _NAMES if metric != "revenue"),
         _money(tally.spent, currency))
        for name, tally in sorted(one.tallies.items(), key=lambda pair: (pair[0] != plan.control, pair[0]))
    ])  # fmt: skip
    if any(tally.n for tally in one.tallies.values()):
        of = ("of 1,000 people", "difference", "95 %", "lift", "95 %", "any time", "better", "risk", "p")
        tables.show(
            "Compared",
            (f"beside {plan.control}", *of),
            [_row(row, currency) for row in one.rows if _anything(one, row)],
        )
        typer.echo(
            "95 %: right if this were the only look. any time: right however often one looks. better: the chance that\n"
            "it truly is more than in the control. risk: what choosing it is expected to cost if it is not.\n"
            "p: made larger for all that is asked here at once (Holm)."
        )
    if one.looks:
        heads = ("look", "at", "people", "arm", "z", "bound", "decided")
        tables.show("Looks", heads, [line for look in one.looks for line in _look(look)])
    for row in one.rows:
        if row.worse:
            typer.echo(f"careful: with {row.variant} more people {_NAMES[row.metric]} (p = {row.p:.2g})")
    typer.echo("")


def _arm(one: "Verdict", name: str) -> str:
    return f"{name} (control)" if name == one.plan.control else name


def _anything(one: "Verdict", row: "Row") -> bool:
    """Where nobody did it in either arm there is nothing to show."""
    arms = [one.tallies[name].arm(row.metric) for name in (one.plan.control, row.variant) if name in one.tallies]
    return any(arm.total for arm in arms)


def _row(row: "Row", currency: str) -> tuple[str, ...]:
    """Everything of a thousand people: people who did it, or money."""
    compared, always = row.comparison, row.anytime.span
    silent = f"{row.anytime.missing} more" if row.anytime.missing else "-"
    lift = "-" if compared.lift is None else f"{compared.lift:+.1%}"
    span = compared.lift_span
    risk = compared.loss_if_not if row.guard else compared.loss_if_chosen  # of a guard more is worse
    better = compared.chance if not row.guard else 1 - compared.chance
    return (
        row.variant, _NAMES[row.metric], _thousand(compared.difference, row.metric, currency),
        _between(compared.span, row.metric, currency), lift,
        "-" if span is None else f"{span.low:+.1%} … {span.high:+.1%}",
        silent if always is None else _between(always, row.metric, currency),
        f"{better:.1%}", _thousand(risk, row.metric, currency), f"{row.p:.2g}",
    )  # fmt: skip


def _thousand(amount: float, metric: str, currency: str) -> str:
    if not math.isfinite(amount):
        return "-"
    return _money(1000 * amount, currency) if metric == "revenue" else f"{1000 * amount:+.1f}"


def _between(span: "Span", metric: str, currency: str) -> str:
    if not math.isfinite(span.low):
        return "-"
    return f"{_thousand(span.low, metric, currency)} … {_thousand(span.high, metric, currency)}"


def _look(look: "Look") -> list[tuple[Any, ...]]:
    decided = look.winner or "go on"
    return [
        (look.number, f"{look.at:%Y-%m-%d %H:%M}", sum(look.people.values()), one.variant, f"{one.z:+.2f}",
         f"{look.bound:.2f}", decided)
        for one in look.against
    ]  # fmt: skip


def _show_held(found: _Found) -> None:
    heads = ("flow", "hold-out of", "mailed", "ordered", "held back", "ordered", "per 1,000 mails", "together",
             "95 %", "by orders", "95 %")  # fmt: skip
    tables.show("Beyond no mails", heads, [_held(one, found.currency) for one in found.held])
    if found.held:
        typer.echo(
            f"Everybody counts for {found.days:g} days from their first mail on, or from when it was held back.\n"
            "by orders: from how many ordered, times an average order; narrower if mails change only who orders."
        )


def _held(one: "Incremental", currency: str) -> tuple[Any, ...]:
    return (
        one.flow or "all", one.of, one.treated.n, _share(one.treated.order, one.treated.n), one.held.n,
        _share(one.held.order, one.held.n), _money(one.per_thousand.amount, currency),
        _money(one.total.amount, currency), _gain(one.total, currency), _money(one.by_orders.amount, currency),
        _gain(one.by_orders, currency),
    )  # fmt: skip


def _gain(gain: "Gain", currency: str) -> str:
    return "-" if not math.isfinite(gain.span.low) else (
        f"{_money(gain.span.low, currency)} … {_money(gain.span.high, currency)}"
    )  # fmt: skip


def _share(count: int, n: int) -> str:
    return f"{count / n:.1%}" if n else "-"


def _money(amount: float, currency: str) -> str:
    from bot.base import money

    return money.shown(round(amount), currency, "en")
