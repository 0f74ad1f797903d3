"""Turns a run's events and its result into what people and programs read."""

from cdconf.render.renderer import Renderer, make_renderer
from cdconf.render.style import Style

__all__ = ["Renderer", "Style", "make_renderer"]
