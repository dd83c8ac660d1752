"""Signing up: `POST /subscribe` from the shop's own form or script, and the page of the second yes, `/confirm/…`."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

from fastapi import APIRouter, Request, Response
from fastapi.responses import JSONResponse

from automations.consent import opt_in
from automations.consent.opt_in import Asked
from bot import contacts
from bot.base import clock, values
from bot.base.config.topics import GENERAL
from bot.base.database import Database
from bot.base.ground import Ground
from bot.contacts import profile, topics
from bot.inbound.web import choosing, each_request, forms, peers
from bot.inbound.web.pace import Pace
from bot.inbound.web.pages import Pages
from bot.tables.people import OptIn

MOST_PER_HOUR = 200
"""Sign-ups from one network that are answered at all."""
_TRAP = "website"
"""A field that people do not see and leave empty."""
_STATUS = {"asked": 202, "address": 422, "topic": 422, "too_many": 429, "elsewhere": 403}


@dataclass(frozen=True)
class Typed:
    """What the form had."""

    address: str = ""
    topics: tuple[str, ...] = ()
    language: str = ""
    text_version: str = ""
    trap: str = ""


def routes(database: Database, ground: Ground, pages: Pages | None = None) -> APIRouter:
    router = APIRouter()
    shown = pages or Pages(ground)
    door = _Door(database, ground, shown)
    router.add_api_route("/subscribe", door.preflight, methods=["OPTIONS"])
    router.add_api_route("/subscribe", door.subscribe, methods=["POST"])

    @router.api_route("/confirm/{token}", methods=["GET", "HEAD"])
    async def look(token: str, request: Request) -> Response:
        async with database.reading() as session:
            row = await opt_in.find(session, ground, token)
        return _confirm_page(shown, request, row)

    @router.post("/confirm/{token}")
    async def confirm(token: str, request: Request) -> Response:
        seen = (await forms.read(request)).every("topic")
        async with database.transaction() as session:
            row = await opt_in.find(session, ground, token, hold=True)
            if row is not None:
                language = shown.language(request, row.language)
                version = choosing.wording(ground, language, opt_in.said_yes_to(row, seen))
                said = choosing.how("double_opt_in", request, version)
                await opt_in.confirm(session, ground, row, said, clock.now(), seen)
        return _confirm_page(shown, request, row)

    return router


def _confirm_page(shown: Pages, request: Request, row: OptIn | None) -> Response:
    if row is None:
        return shown.answer("gone", shown.language(request), 404)
    language = shown.language(request, row.language)
    about = topics.shown(shown.ground, language, row.topics)
    state = "done" if row.confirmed_at is not None else "ask" if opt_in.is_open(row, clock.now()) else "expired"
    status = 410 if state == "expired" else 200
    holds = opt_in.days(shown.ground)
    return shown.answer(
        "confirm", language, status, state=state, topics=about, days=holds, address=choosing.masked(row.address)
    )


class _Door:
    def __init__(self, database: Database, ground: Ground, shown: Pages) -> None:
        self.database = database
        self.ground = ground
        self.shown = shown
        config = ground.config
        self._hosts = config.shop.hosts
        # Of mails there are far fewer, see `consent.limits`; this keeps one network from filling the database.
        self._pace = Pace(lambda: clock.now().timestamp(), per_second=MOST_PER_HOUR / 3600, at_once=MOST_PER_HOUR)
        self._origins = {_origin(url) for url in (*config.automations.sign_up_origins, config.web.url)} - {""}

    async def preflight(self, request: Request) -> Response:
        """A script of the shop's page asks first whether it may post."""
        origin = request.headers.get("origin", "")
        if not self._may_post(origin):
            return Response(status_code=403)
        may = {"Access-Control-Allow-Methods": "POST", "Access-Control-Allow-Headers": "Content-Type"}
        return Response(status_code=204, headers={**_cors(origin), **may, "Access-Control-Max-Age": "86400"})

    async def subscribe(self, request: Request) -> Response:
        origin = request.headers.get("origin")
        if origin is not None and not self._may_post(origin):
            return self._answer(request, "elsewhere", Typed(), "")
        typed = await _typed(request)
        language = profile.language(typed.language) or self.shown.language(request)
        if typed.trap:  # a robot fills in every field; it learns nothing from us
            return self._answer(request, "asked", typed, language)
        address = contacts.normalise("email", typed.address)
        known = self.ground.config.automations.topic_names
        wanted = typed.topics or (GENERAL,)
        if address is None:
            return self._answer(request, "address", typed, language)
        if not set(wanted) <= set(known):
            return self._answer(request, "topic", typed, language)
        network = peers.network(request)
        if not self._pace.allows(network):
            return self._answer(request, "too_many", typed, language)
        said = choosing.how("sign_up_form", request, typed.text_version or None)
        asked = Asked(address, tuple(dict.fromkeys(wanted)), language, said, network=network)
        async with self.database.transaction() as session:
            await opt_in.note(session, self.ground, asked, clock.now())
        return self._answer(request, "asked", typed, language)

    def _may_post(self, origin: str) -> bool:
        """The shop's domain and those below it, and what the shop has named."""
        return self._hosts.ours(origin) or _origin(origin) in self._origins

    def _answer(self, request: Request, state: str, typed: Typed, language: str) -> Response:
        """A page for a form, JSON for a script. Answer and time are the same whether we know the address or not."""
        origin = request.headers.get("origin", "")
        headers = _cors(origin) if state != "elsewhere" and origin else {}
        if state == "too_many":
            headers["Retry-After"] = "3600"
        status = _STATUS[state]
        spoken = language or self.shown.language(request)
        address = typed.address[:254]
        if _wants_json(request):
            shop = self.ground.config.shop.name
            message = self.ground.texts.say(spoken, f"sign_up.{state}.text", shop=shop, address=address)
            if status >= 400:
                return each_request.answer(status, state, message, headers)
            return JSONResponse({"state": state, "message": message}, status, headers)
        made = self.shown.answer("sign_up", spoken, status, state=state, address=address)
        made.headers.update(headers)
        return made


def _origin(url: str) -> str:
    try:
        parts = urlsplit(url)
    except ValueError:  # brackets of an IPv6 address that is none
        return ""
    return f"{parts.scheme}://{parts.netloc}".lower()


def _cors(origin: str) -> dict[str, str]:
    return {"Access-Control-Allow-Origin": origin, "Vary": "Origin"}


def _wants_json(request: Request) -> bool:
    sent = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    return sent == "application/json" or "application/json" in request.headers.get("accept", "")


async def _typed(request: Request) -> Typed:
    """From a form or from JSON: `email`, `topic` (several, or a list), `language`, `text_version`."""
    if request.headers.get("content-type", "").partition(";")[0].strip().lower() == "application/json":
        return _from_json(await each_request.read(request, forms.AT_MOST))
    fields = await forms.read(request)
    return Typed(
        fields.get("email"),
        tuple(one for one in fields.every("topic") if one),
        fields.get("language"),
        fields.get("text_version"),
        fields.get(_TRAP),
    )


def _from_json(body: bytes) -> Typed:
    try:
        given = values.read_json(body)
    except ValueError:
        return Typed()
    if not isinstance(given, Mapping):
        return Typed()
    said: Any = given.get("topic") or given.get("topics") or ()
    wanted = (said,) if isinstance(said, str) else tuple(said) if isinstance(said, list) else ()
    texts = {name: given.get(name) for name in ("email", "language", "text_version", _TRAP)}
    plain = {name: value if isinstance(value, str) else "" for name, value in texts.items()}
    about = tuple(str(one) for one in wanted)
    return Typed(plain["email"], about, plain["language"], plain["text_version"], plain[_TRAP])
