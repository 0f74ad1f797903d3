"""Turns a run's events and its result into what people and programs read."""

from cdconf.render.renderer import Renderer, Style, make_renderer

__all__ = ["Renderer", "Style", "make_renderer"]
