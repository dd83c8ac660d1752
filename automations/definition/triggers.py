"""What can start a flow about something: the mail is about a thing that its trigger must name.

Without this a flow about an order that starts on a view is read, drawn and published, and nobody ever enters it.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from automations.definition.flow import Flow
from automations.definition.names import EVENTS

_CARTS = ("Cart Updated", "Cart Viewed", *sorted(one for one in EVENTS if one.startswith(("Checkout ", "Payment "))))
_ORDERS = ("Order Completed", "Order Paid", "Order Delivered", "Order Fulfilled")
_MORE = tuple(sorted(name for name in EVENTS if name.startswith("Order ") and name not in _ORDERS))


@dataclass(frozen=True)
class Begins:
    """`events` of ours that name the `thing`; `sweeps` that do. An event of the shop's own may name anything."""

    thing: str
    events: Sequence[str] = ()
    sweeps: Sequence[str] = ()
    own_events: bool = True

    def misses(self, flow: Flow) -> str:
        """What of the trigger can never name the thing; empty if all of it can."""
        trigger = flow.trigger
        if trigger.segment:
            return f"coming into the segment {trigger.segment}"
        if trigger.sweep:
            return "" if trigger.sweep in self.sweeps else f"the sweep {trigger.sweep}"
        for event in trigger.events:
            if event not in self.events and (event in EVENTS or not self.own_events):
                return repr(event)
        return ""

    @property
    def mend(self) -> str:
        ways = [f"events = [{', '.join(map(_quoted, self.events[:4]))}]"] if self.events else []
        ways += [f'sweep = "{sweep}"' for sweep in self.sweeps]
        return " or ".join(ways)


_CART = Begins("cart", ("Product Added", "Product Removed", *_CARTS))
_ORDER = Begins("order", (*_ORDERS, *_MORE, "Survey Answered", "Product Reviewed"))
BY_ABOUT: Mapping[str, Begins] = {
    "cart": _CART,
    "checkout": Begins("checkout", ("Checkout Started", "Checkout Updated", *_CARTS, *_CART.events[:2])),
    "order": _ORDER,
    "care": _ORDER,
    "replenishment": _ORDER,
    "birthday": Begins("birthday", sweeps=("birthday",), own_events=False),
    "anniversary": Begins("anniversary", sweeps=("first_order", "sign_up"), own_events=False),
    "tier": Begins("tier", ("Tier Changed", "Tier Reverted")),
    "back_in_stock": Begins("request to be told", ("Product Back In Stock",), own_events=False),
    "price_drop": Begins("product", ("Product Price Dropped", "Product Price Changed", "Product Viewed")),
}  # fmt: skip
"""By what the mail is about. What is not here is about the person, or about what they looked at: anything starts it."""


def own_events(flow: Flow) -> Iterator[tuple[Sequence[str | int], str]]:
    """Every event in it that is none of those that we know, and where it stands."""
    asked: list[tuple[Sequence[str | int], Sequence[str]]] = [
        (("trigger", "events"), flow.trigger.events), (("exit", "events"), flow.exit.events),
        (("exit", "look"), flow.exit.look),
    ]  # fmt: skip
    for number, step in enumerate(flow.steps):
        if step.wait_for:
            asked.append((("steps", number, "wait_for", "events"), step.wait_for.events))
    for path, events in asked:
        yield from ((path, event) for event in events if event not in EVENTS)


def _quoted(name: str) -> str:
    return f'"{name}"'
