"""Something happened: written down once (ingest.py), applied in order (apply.py) for whoever handles it."""

from bot.events.apply import Applier, Handler
from bot.events.happened import Happened, NewEvent, Rejected, record
from bot.events.ingest import Ingest, Overloaded

__all__ = ["Applier", "Handler", "Happened", "Ingest", "NewEvent", "Overloaded", "Rejected", "record"]
