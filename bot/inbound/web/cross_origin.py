"""What a browser asks before a page of another origin may send something here, and what it is told."""

import re

from starlette.datastructures import Headers
from starlette.responses import Response

ANYBODY = {"access-control-allow-origin": "*", "cross-origin-resource-policy": "cross-origin"}
"""No answer here holds anything of a person, and no cookie is read: every origin may see it, none with credentials."""

_USUAL = ("Content-Type", "Authorization")
_NAME = re.compile(r"[A-Za-z0-9!#$%&'*+.^_`|~-]{1,64}")
_MOST = 20  # headers that are allowed at once


def preflight(headers: Headers) -> Response:
    """Lets a page send the headers that its client asks for: we read two of them, and the others harm nobody."""
    asked = [name.strip() for name in headers.get("access-control-request-headers", "")[:1000].split(",")]
    named = [name for name in asked if _NAME.fullmatch(name)][:_MOST]
    allowed = {
        **ANYBODY,
        "access-control-allow-methods": "GET, POST, OPTIONS",
        "access-control-allow-headers": ", ".join(named or _USUAL),
        "access-control-max-age": "86400",
        "vary": "Access-Control-Request-Headers",
    }
    return Response(status_code=200, headers=allowed)
