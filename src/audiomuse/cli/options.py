"""Command line options that are parameters: their type, range and help come from `Settings`."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Literal, get_args, get_origin

import click
from annotated_types import Ge, Gt, Le
from pydantic.fields import FieldInfo

from audiomuse.settings import Settings

Command = Callable[..., Any]


def setting_options(*names: str) -> Callable[[Command], Command]:
    """Add one option per parameter, e.g. ``num_clusters_min`` as ``--num-clusters-min``."""

    def decorate(command: Command) -> Command:
        for name in reversed(names):
            command = setting_option(name)(command)
        return command

    return decorate


def setting_option(name: str, *flags: str) -> Callable[[Command], Command]:
    """Return the click option of one parameter; None, when not given, leaves it to the environment.

    Parameters
    ----------
    name : str
        A field of `Settings`.
    *flags : str
        Spellings instead of the derived one.
    """
    field = Settings.model_fields[name]
    spelled = flags or ("--" + name.replace("_", "-"),)
    default = "" if field.default in (None, "") else f" [default: {field.default}]"
    return click.option(
        *spelled, name, type=_click_type(field), default=None, help=f"{field.description}{default}"
    )


def _click_type(field: FieldInfo) -> click.ParamType[Any]:
    """Translate a field's type and constraints; anything else is left for `Settings` to check."""
    annotation = field.annotation
    if get_origin(annotation) is Literal and all(isinstance(value, str) for value in get_args(annotation)):
        return click.Choice(list(get_args(annotation)))
    low = next((m.ge for m in field.metadata if isinstance(m, Ge)), None)
    above = next((m.gt for m in field.metadata if isinstance(m, Gt)), None)
    high = next((m.le for m in field.metadata if isinstance(m, Le)), None)
    if annotation is int:
        return click.IntRange(min=_number(low), max=_number(high))
    if annotation is float:
        bound = above if low is None else low
        return click.FloatRange(min=_number(bound), min_open=above is not None, max=_number(high))
    return click.STRING


def _number(bound: Any) -> Any:
    return bound if isinstance(bound, (int, float)) else None
