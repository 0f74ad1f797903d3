"""Settings come from the environment alone, so that one artifact fits every environment."""

import os
from dataclasses import dataclass
from pathlib import Path

VERSION_FILE = Path(__file__).parent.parent / "VERSION"


@dataclass(frozen=True)
class Settings:
    """What the environment says."""

    db_host: str
    db_password: str
    db_name: str = "shop"
    db_user: str = "shop"
    port: int = 8000
    threads: int = 4


def load() -> Settings:
    """Reads the environment; a missing variable is a KeyError that names it."""
    return Settings(
        db_host=os.environ["SHOP_DB_HOST"],
        db_password=os.environ["SHOP_DB_PASSWORD"],
        db_name=os.environ.get("SHOP_DB_NAME", "shop"),
        db_user=os.environ.get("SHOP_DB_USER", "shop"),
        port=int(os.environ.get("SHOP_PORT", "8000")),
        threads=int(os.environ.get("SHOP_THREADS", "4")),
    )


def version() -> str:
    """The version that the build wrote down."""
    return VERSION_FILE.read_text().strip() if VERSION_FILE.is_file() else "dev"
