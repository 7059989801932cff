from __future__ import annotations

from datetime import timedelta
from typing import Any

from django.contrib.auth import get_user_model
from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.utils import timezone
from knox.models import AuthToken


class Command(BaseCommand):
    help = "Tokens with which programs use the API as a user: make one (shown once), list or revoke them."

    def add_arguments(self, parser: CommandParser) -> None:
        actions = parser.add_subparsers(dest="action", required=True)
        make = actions.add_parser("make", help="Make a token for USER; it is shown once.")
        make.add_argument("user", help="User name; the token may do what this user may.")
        make.add_argument("--days", type=int, default=365, help="Days until it ends (365).")
        actions.add_parser("list", help="All tokens: how they begin, whose they are, when they end.")
        revoke = actions.add_parser("revoke", help="End tokens at once.")
        revoke.add_argument("beginning", help="How the token begins, as `list` shows it.")

    def handle(self, *args: Any, **options: Any) -> None:
        {"make": self.make, "list": self.list, "revoke": self.revoke}[options["action"]](options)

    def make(self, options: dict[str, Any]) -> None:
        user = get_user_model().objects.filter(username=options["user"]).first()
        if user is None:
            raise CommandError(f"user: there is no user {options['user']!r}.")
        if options["days"] < 1:
            raise CommandError("--days: at least 1.")
        token, secret = AuthToken.objects.create(user, expiry=timedelta(days=options["days"]))
        self.stderr.write(f"Until {token.expiry:%Y-%m-%d}, as {user}; it is not shown again:")
        self.stdout.write(secret)

    def list(self, options: dict[str, Any]) -> None:
        for token in AuthToken.objects.select_related("user").order_by("user__username", "created"):
            is_over = token.expiry is not None and token.expiry <= timezone.now()
            until = f"{'ended' if is_over else 'until'} {token.expiry:%Y-%m-%d}" if token.expiry else "without an end"
            self.stdout.write(f"{token.token_key}…  {token.user}  made {token.created:%Y-%m-%d}, {until}")

    def revoke(self, options: dict[str, Any]) -> None:
        beginning = options["beginning"].rstrip("…")
        found = AuthToken.objects.filter(token_key=beginning)
        if found.count() != 1:
            raise CommandError(f"beginning: {found.count()} tokens begin with {beginning!r}; see `api_token list`.")
        found.delete()
        self.stdout.write("Revoked.")
