"""Callers whom an OpenID provider names: sign-in by authorization code with PKCE, and access tokens as bearer tokens.

OpenID Connect Core 1.0, section 3.1 (code flow) and 3.1.3.7 (what is checked of an ID token); RFC 7636 (PKCE); RFC 9068 (access tokens).
"""

import logging
import secrets
import threading
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from importlib.util import find_spec
from typing import TYPE_CHECKING, Any

import httpx

from driftgate.lifecycle.errors import Forbidden, InvalidConfiguration, Unauthenticated, Unavailable
from driftgate.service.settings_oidc import OidcTable
from driftgate.service.tokens import NAME_LENGTH, Actor, Role

if TYPE_CHECKING:
    from joserfc.jwk import KeySet

logger = logging.getLogger(__name__)

CALLBACK = "/sign-in/provider/done"
PREFIX = "oidc:"
"""Before the name of everybody whom the provider names, so that nobody there can take the name of a token."""

ISSUER = "service.oidc.issuer"
NEEDED = ("authlib", "joserfc", "requests")
TIMEOUT_SECONDS = 10.0
KEYS_SECONDS = 300.0
AGAIN_SECONDS = 10.0
"""How long keys are believed, and how soon they may be asked for again where a token names one that is not among them."""

LEEWAY_SECONDS = 30
TYPES_OF_ACCESS_TOKENS = ("at+jwt", "application/at+jwt", "jwt", None)


@dataclass(frozen=True, slots=True)
class Attempt:
    """What one browser's sign-in is recognised by when the provider sends it back. It stays in a cookie of that browser."""

    state: str
    nonce: str
    verifier: str

    @classmethod
    def new(cls) -> "Attempt":
        """A new one, of 256 random bits each."""
        return cls(secrets.token_urlsafe(32), secrets.token_urlsafe(32), secrets.token_urlsafe(48))

    def text(self) -> str:
        """As the cookie holds it."""
        return f"{self.state}.{self.nonce}.{self.verifier}"

    @classmethod
    def read(cls, text: str) -> "Attempt | None":
        """From the cookie; None where that is not one of ours."""
        parts = text.split(".")
        return cls(*parts) if len(parts) == len(cls.__slots__) and all(parts) else None


class Provider:
    """One OpenID provider. Its description and keys are asked for when they are first needed, and kept for minutes.

    Raises InvalidConfiguration where the packages that it takes are not installed.
    """

    def __init__(self, settings: OidcTable) -> None:
        if any(find_spec(name) is None for name in NEEDED):
            raise InvalidConfiguration('needs more packages: pip install "driftgate[oidc]"', field="service.oidc")
        self._settings = settings
        self._lock = threading.Lock()
        self._description: dict[str, Any] | None = None
        self._keys: tuple[KeySet, float] | None = None

    def address(self, attempt: Attempt) -> str:
        """Where the browser is to go. Raises Unavailable where the provider does not answer."""
        with self._session() as session:
            endpoint = self._described("authorization_endpoint")
            url, _ = session.create_authorization_url(endpoint, state=attempt.state, code_verifier=attempt.verifier, nonce=attempt.nonce)
        return str(url)

    def signed_in(self, code: str, attempt: Attempt) -> Actor:
        """Who came back with the code.

        Raises Unauthenticated where the provider or the ID token does not bear it out, Forbidden where its claims give no role.
        """
        from authlib.common.errors import AuthlibBaseError

        with self._session() as session:
            endpoint = self._described("token_endpoint")
            try:
                answer = session.fetch_token(endpoint, code=code, code_verifier=attempt.verifier, timeout=TIMEOUT_SECONDS)
            except AuthlibBaseError as error:
                logger.warning("the identity provider refused a sign-in: %s %s", error.error, error.description)
                raise Unauthenticated("the identity provider did not accept the sign-in; try again") from error
            except OSError as error:
                raise self._silent() from error
        claims = self._checked(str(answer.get("id_token", "")), self._settings.client_id, nonce=attempt.nonce)
        parties = claims["aud"] if isinstance(claims["aud"], list) else [claims["aud"]]
        if claims.get("azp", self._settings.client_id) != self._settings.client_id or (len(parties) > 1 and "azp" not in claims):
            raise Unauthenticated("the ID token was made for another client")
        return self._actor(claims)

    def takes(self, token: str) -> bool:
        """Whether the bearer token may be one of the provider's, and such are taken."""
        return self._settings.audience is not None and token.count(".") == 2  # noqa: PLR2004 - a JWT has three parts

    def bearer(self, token: str) -> Actor:
        """Who holds the access token. Raises Unauthenticated, Forbidden where its claims give no role, or Unavailable."""
        if self._settings.audience is None:
            raise Unauthenticated("access tokens of the identity provider are not taken here (service.oidc.audience)")
        return self._actor(self._checked(token, self._settings.audience, types=TYPES_OF_ACCESS_TOKENS))

    def _session(self) -> Any:
        from authlib.integrations.requests_client import OAuth2Session

        wanted = self._settings
        method = "none" if wanted.client_secret is None else "client_secret_basic"
        return OAuth2Session(
            wanted.client_id,
            wanted.client_secret,
            scope=" ".join(wanted.scopes),
            redirect_uri=f"{wanted.public_url}{CALLBACK}",
            token_endpoint_auth_method=method,
            code_challenge_method="S256",
        )

    def _checked(self, token: str, audience: str, *, nonce: str | None = None, types: Sequence[str | None] | None = None) -> dict[str, Any]:
        """The claims of a token that this provider signed, for that audience, and that has not expired."""
        from joserfc import jwt
        from joserfc.errors import InvalidKeyIdError, JoseError

        rules: dict[str, Any] = {
            "iss": {"essential": True, "value": self._described("issuer")},
            "aud": {"essential": True, "value": audience},
            "exp": {"essential": True},
        }
        if nonce is not None:
            rules["nonce"] = {"essential": True, "value": nonce}
        try:
            try:
                found = jwt.decode(token, self._trusted(), algorithms=list(self._settings.algorithms))
            except InvalidKeyIdError:
                found = jwt.decode(token, self._trusted(at_least_as_new=True), algorithms=list(self._settings.algorithms))
            jwt.JWTClaimsRegistry(leeway=LEEWAY_SECONDS, **rules).validate(found.claims)
        except (JoseError, ValueError, TypeError) as error:
            logger.info("a token of the identity provider was refused: %s", error)
            raise Unauthenticated(f"the identity provider's token is not valid: {type(error).__name__}") from error
        if types is not None and (kind := found.header.get("typ")) is not None and str(kind).lower() not in types:
            raise Unauthenticated("the identity provider's token is no access token")
        return dict(found.claims)

    def _actor(self, claims: Mapping[str, Any]) -> Actor:
        name = claims.get(self._settings.name_claim)
        if not isinstance(name, str) or not name.strip() or not name.isprintable() or len(PREFIX + name) > NAME_LENGTH:
            raise Forbidden(f"the identity provider gives no name that can stand in the ledger (claim {self._settings.name_claim})")
        given = _values(claims, self._settings.role_claim)
        roles = [Role[role.upper()] for role, values in self._settings.roles.items() if given & set(values)]
        if not roles:
            raise Forbidden(f"{name} has no role here: no value of the claim {self._settings.role_claim} stands in service.oidc.roles")
        return Actor(PREFIX + name.strip(), max(roles))

    def _described(self, key: str) -> str:
        """An address of the provider's own description. It is believed only where it names the issuer that the settings name."""
        with self._lock:
            if self._description is None:
                found = self._asked(f"{self._settings.issuer}/.well-known/openid-configuration")
                if str(found.get("issuer", "")).rstrip("/") != self._settings.issuer:
                    raise InvalidConfiguration(
                        "what answers at service.oidc.issuer calls itself something else", field="service.oidc.issuer"
                    )
                self._description = found
            found = self._description
        try:
            return str(found[key])
        except KeyError as error:
            raise InvalidConfiguration(f"the description at service.oidc.issuer names no {key}", field=ISSUER) from error

    def _trusted(self, *, at_least_as_new: bool = False) -> "KeySet":
        from joserfc.jwk import KeySet

        address = self._described("jwks_uri")
        with self._lock:
            age = None if self._keys is None else time.monotonic() - self._keys[1]
            if self._keys is None or age is None or age > (AGAIN_SECONDS if at_least_as_new else KEYS_SECONDS):
                self._keys = KeySet.import_key_set(self._asked(address)), time.monotonic()  # type: ignore[arg-type,unused-ignore]
            return self._keys[0]

    def _asked(self, address: str) -> dict[str, Any]:
        try:
            found: dict[str, Any] = httpx.get(address, timeout=TIMEOUT_SECONDS).raise_for_status().json()
        except (httpx.HTTPError, ValueError) as error:
            raise self._silent() from error
        return found

    def _silent(self) -> Unavailable:
        return Unavailable(f"the identity provider {self._settings.issuer} does not answer; a token works without it")


def _values(claims: Mapping[str, Any], path: str) -> set[str]:
    """The texts of a claim: itself, or at the end of a path of names with dots."""
    found: Any = claims.get(path)
    if found is None:
        found = claims
        for name in path.split("."):
            found = found.get(name) if isinstance(found, Mapping) else None
    texts = found if isinstance(found, list) else [found]
    return {text for text in texts if isinstance(text, str)}
