"""Feature toggles: cdconf keeps the file, the shop reads it at each request, so that a toggle needs no restart."""

import json
import os
from pathlib import Path

FILE = Path(os.environ.get("SHOP_TOGGLES", "/srv/shop/shared/toggles.json"))


def is_on(name: str, *, default: bool) -> bool:
    """A toggle's value; `default` where there's no file, as on a developer's machine."""
    try:
        return bool(json.loads(FILE.read_text()).get(name, default))
    except (OSError, ValueError):
        return default
