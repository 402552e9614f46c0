"""The vault that an address names."""

import re
from pathlib import Path
from urllib.parse import unquote, urlsplit

from continuity.adapters.directory_vault import DirectoryVault
from continuity.adapters.vault import Vault
from continuity.adapters.vault_key import check_prefix
from continuity.errors import ConfigurationRefused

ACCEPTED = "Give s3://BUCKET/PREFIX or file:///ABSOLUTE/DIRECTORY, without credentials: those come from the environment."


def open_vault(url: str, *, endpoint_url: str | None = None, region: str | None = None) -> Vault:
    """Return the vault at `url`; nothing is asked of it yet. Endpoint and region belong to S3.

    Raises:
        ConfigurationRefused: the address is none that is accepted. The message never shows credentials.

    """
    parts = urlsplit(url)
    if "@" in parts.netloc or parts.query or parts.fragment:
        raise ConfigurationRefused(f"vault address of scheme {parts.scheme!r} holds more than a place", hint=ACCEPTED)
    match parts.scheme:
        case "s3":
            return _open_bucket(parts.netloc, parts.path.strip("/"), endpoint_url, region)
        case "file" if parts.netloc in {"", "localhost"} and re.match(r"/+[^/]", parts.path):
            if endpoint_url or region:
                raise ConfigurationRefused(f"vault {url!r} is a directory, which has no endpoint and no region")
            return DirectoryVault(Path(unquote(parts.path)))
    raise ConfigurationRefused(f"vault address {url!r} is not known", hint=ACCEPTED)


def _open_bucket(bucket: str, prefix: str, endpoint_url: str | None, region: str | None) -> Vault:
    if not re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9._-]{1,61}[A-Za-z0-9]", bucket):
        raise ConfigurationRefused(f"{bucket!r} is no name of a bucket", hint=ACCEPTED)
    if endpoint_url is not None:
        endpoint = urlsplit(endpoint_url)
        if endpoint.scheme not in {"http", "https"} or not endpoint.hostname or "@" in endpoint.netloc:
            raise ConfigurationRefused(
                "`[vault] endpoint_url` is not http://HOST or https://HOST, without credentials",
                hint="Give the address of the S3-compatible store; credentials come from the environment.",
            )
    from continuity.adapters.s3_vault import S3Vault, s3_client

    return S3Vault(bucket, check_prefix(prefix), s3_client(endpoint_url=endpoint_url, region=region))
