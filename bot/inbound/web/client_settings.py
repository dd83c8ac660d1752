"""What the clients of Segment and RudderStack fetch before they send anything: where to send it, and nothing else on.

Both do nothing at all without an answer of this shape. Neither names another service: no destinations, no metrics.
"""

from typing import Any
from urllib.parse import urlsplit


def for_segment(key: str, address: str) -> dict[str, Any]:
    """The settings of analytics.js and the mobile clients. `address` is where a browser reaches us."""
    parts = urlsplit(address)
    host = f"{parts.netloc}{parts.path.rstrip('/')}/v1"
    return {
        "integrations": {
            "Segment.io": {
                "apiKey": key,
                "apiHost": host,
                "protocol": parts.scheme,
                "addBundledMetadata": False,
                "retryQueue": True,
                "unbundledIntegrations": [],
                "maybeBundledConfigIds": {},
                "versionSettings": {"version": "4.4.7", "componentTypes": ["browser"]},
            }
        },
        "plan": {},
        "edgeFunction": {},
        "enabledMiddleware": {},
        "middlewareSettings": {},
        "remotePlugins": [],
        "legacyVideoPluginsEnabled": False,
        "analyticsNextEnabled": True,
        "metrics": {"sampleRate": 0, "host": host},
    }


def for_rudderstack(key: str, name: str) -> dict[str, Any]:
    """The source config of RudderStack's clients. `name` is what the key is called here."""
    off = {"enabled": False}
    return {
        "source": {
            "id": name,
            "name": name,
            "writeKey": key,
            "workspaceId": "aftercart",
            "enabled": True,
            "config": {"statsCollection": {"errors": off, "metrics": off}},
            "connections": [],
            "destinations": [],
        }
    }
