"""The table `[service.oidc]` of driftgate.toml: an OpenID provider that says who is who."""

from typing import Annotated, Literal
from urllib.parse import urlsplit

from pydantic import AfterValidator, Field, ValidationInfo, model_validator

from driftgate.service.settings_secrets import is_reference, resolved
from driftgate.service.settings_tables import ServiceTable, Table, is_loopback, refuse

Text = Annotated[str, Field(min_length=1)]
Algorithm = Literal["RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "ES512", "Ed25519"]
"""Signatures by a key that only the provider has. None of them can be made with its public key, and `none` is not among them."""

RoleName = Literal["viewer", "predictor", "trainer", "approver", "admin"]


def _safe(url: str) -> str:
    parts = urlsplit(url)
    local = parts.scheme == "http" and is_loopback(parts.hostname or "")
    if not parts.hostname or not (parts.scheme == "https" or local) or parts.query or parts.fragment:
        raise ValueError("must be an https:// address (http:// on this machine only), without a query")
    return url.rstrip("/")


def _secret(value: str, info: ValidationInfo) -> str:
    if not is_reference(value):
        # Not a ValueError, which would be told with the value.
        refuse([("", 'must be "env:NAME" or "secretsmanager://name#key": the secret itself never stands in driftgate.toml')])
    return resolved(value, (info.context or {}).get("environment", {}))


Secret = Annotated[str, AfterValidator(_secret)]
SafeAddress = Annotated[str, AfterValidator(_safe)]


class OidcTable(Table):
    """Whom to believe, and what its claims mean.

    `public_url`: where browsers reach this service. `role_claim`: a claim, or a path of names with dots to one inside. `roles`: which
    of its values give which role. `audience`: what access tokens must be made for to be taken as bearer tokens; none: they are not.
    """

    issuer: SafeAddress
    client_id: Text
    client_secret: Secret | None = Field(default=None, repr=False)
    public_url: SafeAddress
    scopes: tuple[Text, ...] = ("openid", "profile", "email")
    name_claim: Text = "preferred_username"
    role_claim: Text = "groups"
    roles: dict[RoleName, tuple[Text, ...]] = Field(min_length=1)
    audience: Text | None = None
    algorithms: Annotated[tuple[Algorithm, ...], Field(min_length=1)] = ("RS256",)

    @model_validator(mode="after")
    def _asks_for_openid(self) -> "OidcTable":
        if "openid" not in self.scopes:
            refuse([("scopes", 'must hold "openid", or the provider says nothing of who signs in')])
        if self.audience == self.client_id:
            refuse([("audience", "must differ from client_id, or what tells who signed in would pass for an access token")])
        return self


class AccessTable(ServiceTable):
    """`[service]`, with the provider that signs people in, if there is one."""

    oidc: OidcTable | None = None

    @model_validator(mode="after")
    def _signs_in_where_somebody_must(self) -> "AccessTable":
        if self.oidc is not None and self.auth == "none":
            refuse([("oidc", 'is of no use without auth = "token": nobody needs to sign in')])
        return self
