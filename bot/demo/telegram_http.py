"""The stand-in for Telegram on the wire: parameters as they come, answers and refusals as they go."""

import json
from typing import Any

from aiohttp import web

from bot.demo.telegram_faults import Fault, Refused, bad, too_many
from bot.demo.telegram_files import Upload

_BAD_GATEWAY = "<html><head><title>502 Bad Gateway</title></head><body><center>nginx</center></body></html>"
_JSON_NAMES_AS_WORDS = (
    "reply_markup reply_parameters reaction commands scope allowed_updates entities caption_entities media "
    "message_ids link_preview_options ephemeral_message_parameters suggested_post_parameters"
)
_JSON_NAMES = frozenset(_JSON_NAMES_AS_WORDS.split())
_FLAGS_AS_WORDS = (
    "drop_pending_updates disable_notification show_alert protect_content remove_caption is_big "
    "allow_sending_without_reply has_spoiler show_caption_above_media disable_web_page_preview return_bots"
)
_FLAGS = frozenset(_FLAGS_AS_WORDS.split())


async def values(request: web.Request) -> dict[str, Any]:
    """Parameters from the query, a form or JSON; values that are JSON are read, names and texts stay as they are.

    Uploaded files that are no parameter themselves (`attach://name`) are in `files`, by name. Raises Refused.
    """
    given: dict[str, Any] = dict(request.query)
    if request.content_type == "application/json":
        try:
            body = await request.json()
        except ValueError:
            raise bad("can't parse the request: it is not JSON") from None
        if not isinstance(body, dict):
            raise bad("can't parse the request: expected an Object")
        given |= {name: value for name, value in body.items() if value is not None}
    else:
        for name, value in (await request.post()).items():
            given[name] = Upload(value.filename, value.file.read()) if isinstance(value, web.FileField) else value
    read = {name: _read(name, value) for name, value in given.items()}
    attached = {name for name, value in read.items() if isinstance(value, Upload) and _names(read, name)}
    files = {name: read.pop(name) for name in attached}
    return {**read, "files": files} if files else read


def _names(read: dict[str, Any], upload: str) -> bool:
    """Whether a parameter speaks of this upload."""
    return any(f"attach://{upload}" in str(value) for value in read.values() if not isinstance(value, Upload))


def _read(name: str, value: Any) -> Any:
    if name in _JSON_NAMES and isinstance(value, str):
        try:
            return json.loads(value) if value else None
        except ValueError:
            raise bad(f"can't parse {name.replace('_', ' ')} JSON object") from None
    return value.lower() in ("true", "1") if name in _FLAGS and isinstance(value, str) else value


def refusal(refused: Refused) -> web.Response:
    wait = refused.parameters.get("retry_after")
    headers = {"Retry-After": str(wait)} if wait else {}
    return web.json_response(refused.json, status=refused.code, headers=headers)


def faulty(fault: Fault) -> web.Response | None:
    """The answer of a fault that keeps the call from being done; None for one that only loses the answer."""
    if fault.kind == "flood":
        return refusal(too_many(fault.seconds))
    if fault.kind == "bad_gateway":
        return web.Response(text=_BAD_GATEWAY, status=502, content_type="text/html")
    if fault.kind == "broken":
        return refusal(Refused(500, "Internal Server Error"))
    if fault.kind == "refused":
        return refusal(Refused(403 if fault.words.startswith("Forbidden") else 400, fault.words))
    return None
