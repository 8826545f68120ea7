"""A group of commands whose first one needs no name."""

from __future__ import annotations

from typing import Any

from typer.core import TyperGroup

DEFAULT = "collection"


class CollectionByDefault(TyperGroup):
    """``penstock export shop orders`` is ``penstock export collection shop orders``.

    Only a database named as one of the other commands needs the long form.
    """

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        """Puts the name of the default command in front of arguments that name none."""
        if args and args[0] not in self.commands and args[0] not in ctx.help_option_names:
            args = [DEFAULT, *args]
        return super().parse_args(ctx, args)
