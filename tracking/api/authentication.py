"""Programs show a token: ``Authorization: Token tb_…``. It may do what its user may, within the same stores.

Tokens are made by ``manage.py api_token``; only their digest is kept (django-rest-knox).
"""

from __future__ import annotations

from typing import Any

from drf_spectacular.extensions import OpenApiAuthenticationExtension
from knox.auth import TokenAuthentication as KnoxTokenAuthentication
from rest_framework.exceptions import AuthenticationFailed


class TokenAuthentication(KnoxTokenAuthentication):
    """Knox's, for any bytes: what is no text is an invalid token, not an error of ours."""

    def authenticate_credentials(self, token: bytes) -> Any:
        if not token.isascii():
            raise AuthenticationFailed("Invalid token.")
        return super().authenticate_credentials(token)


class TokenScheme(OpenApiAuthenticationExtension):
    """How the schema names it."""

    target_class = TokenAuthentication
    name = "token"

    def get_security_definition(self, auto_schema: Any) -> dict[str, str]:
        words = "`Token tb_…`, made by `manage.py api_token make USER`."
        return {"type": "apiKey", "in": "header", "name": "Authorization", "description": words}
