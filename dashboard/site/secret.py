"""The secret that signs what browsers bring back: from the settings, or made once and kept beside the store.

In: settings. Out: the secret; or a ConfigurationError that never shows it.
"""

from __future__ import annotations

import secrets
from itertools import pairwise
from pathlib import Path

from dashboard.site.configuration import ConfigurationError, write_private
from etl.settings import Settings

SECRET_FILE = "secret.key"
SHORTEST = 32
_FEWEST_DIFFERENT = 10
#: What people write where a secret is still missing.
_PLACEHOLDERS = (
    "changeme", "change-me", "change_me", "cambiame", "cámbiame", "clave-secreta", "contrase", "default", "ejemplo",
    "example", "password", "secret", "thisis",
)  # fmt: skip


def read_secret(settings: Settings) -> str:
    """Return the secret of a site. ConfigurationError where it is missing or could be guessed."""
    secret, where = settings.secret.get_secret_value().strip(), "CALLCENTER_SECRET"
    if not secret:
        path = secret_file(settings)
        where = str(path)
        try:
            secret = path.read_text(encoding="utf-8").strip()
        except FileNotFoundError:
            raise ConfigurationError(
                f"Falta la clave secreta del servidor ({path}): la crea «callcenter init {settings.data}»."
            ) from None
        except (OSError, UnicodeDecodeError) as error:
            raise ConfigurationError(f"No se puede leer la clave secreta del servidor ({path}): {error}.") from None
    if why := weakness(secret):
        raise ConfigurationError(
            f"La clave secreta del servidor ({where}) es débil: {why}. Borre ese valor y ejecute "
            f"«callcenter init {settings.data}», que crea una al azar; quienes estén dentro ingresan de nuevo."
        )
    return secret


def weakness(secret: str) -> str:
    """Tell why a secret could be guessed, in Spanish; nothing of one that will do."""
    plain = secret.casefold()
    if len(secret) < SHORTEST:
        return f"tiene {len(secret)} caracteres y hacen falta al menos {SHORTEST}"
    if len(set(secret)) < _FEWEST_DIFFERENT:
        return "repite unos pocos caracteres"
    if secret in (secret + secret)[1:-1]:
        return "repite el mismo texto"
    if any(word in plain for word in _PLACEHOLDERS):
        return "contiene una palabra de las que se dejan «por ahora»"
    steps = [abs(ord(after) - ord(before)) for before, after in pairwise(secret)]
    if sum(step <= 1 for step in steps) > len(steps) / 2:
        return "sigue el orden del alfabeto o de los números"
    return ""


def make_secret(settings: Settings) -> bool:
    """Make the secret of a site where there is none; tell whether it was made."""
    path = secret_file(settings)
    if path.exists() or settings.secret.get_secret_value():
        return False
    write_private(path, new_secret().encode("ascii") + b"\n")
    return True


def new_secret() -> str:
    """Return a secret of 384 random bits."""
    secret = secrets.token_urlsafe(48)
    return secret if not weakness(secret) else new_secret()


def secret_file(settings: Settings) -> Path:
    """Return where a store keeps its secret."""
    return settings.data / SECRET_FILE
