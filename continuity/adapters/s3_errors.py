"""What S3 says, in our words: which errors pass by themselves, and what to do about the others."""

import random
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from threading import Event
from typing import TypeVar

from botocore.exceptions import (
    BotoCoreError,
    ChecksumError,
    ClientError,
    ConnectionError,  # noqa: A004 -- botocore's, for connections that were never made
    FlexibleChecksumError,
    HTTPClientError,
    IncompleteReadError,
    SSLError,
)

from continuity.errors import AlreadyStored, DamagedObject, NotStored, VaultError

PATIENCE_SECONDS = 120.0
"""How long one call is repeated where giving up would cost a whole stream. The SDK alone gives up after about 3 s."""

LONGEST_PAUSE_SECONDS = 15.0

_ACCESS = (
    "Grant this identity s3:GetObject, s3:PutObject and s3:ListBucket on the vault (without s3:ListBucket a missing key"
    " is answered by 403 too)."
)
_CREDENTIALS = "Check the access key and the secret that this process finds (environment, credentials file, role)."
_SESSION = "Renew the session's credentials, then repeat."
_REGION = "Set `[vault] region` to the region of the bucket."

_HINTS = {
    "403": _ACCESS,
    "AccessDenied": _ACCESS,
    "AllAccessDisabled": _ACCESS,
    "Forbidden": _ACCESS,
    "InvalidAccessKeyId": _CREDENTIALS,
    "SignatureDoesNotMatch": _CREDENTIALS,
    "CredentialRetrievalError": _CREDENTIALS,
    "NoCredentialsError": _CREDENTIALS,
    "PartialCredentialsError": _CREDENTIALS,
    "ExpiredToken": _SESSION,
    "ExpiredTokenException": _SESSION,
    "InvalidToken": _SESSION,
    "TokenRefreshRequired": _SESSION,
    "TokenRetrievalError": _SESSION,
    "UnauthorizedSSOTokenError": _SESSION,
    "RequestTimeTooSkewed": "Set this machine's clock.",
    "RequestExpired": "Set this machine's clock.",
    "301": _REGION,
    "AuthorizationHeaderMalformed": _REGION,
    "IllegalLocationConstraintException": _REGION,
    "PermanentRedirect": _REGION,
    "NoSuchBucket": "Make the bucket, versioned, or correct `[vault] url`.",
    "ParamValidationError": "Correct the bucket's name in `[vault] url`.",
    "InvalidObjectState": "The object is in an archive: restore it in S3 first, and exempt the vault from that rule.",
    "NotImplemented": "The store lacks this call or header: use one that knows conditional writes.",
    "EndpointConnectionError": "Check `[vault] endpoint_url` and the network.",
    "ResponseParserError": "Check `[vault] endpoint_url`: what answers there does not speak S3.",
    "SSLError": "Check the certificate of the endpoint, and AWS_CA_BUNDLE for an authority of your own.",
}
_NOT_STORED = {"NoSuchKey", "404", "NoSuchVersion"}
_CONFLICTS = {"ConditionalRequestConflict", "OperationAborted"}
_TRANSIENT_CODES = {"RequestTimeout", "SlowDown", "Throttling", "ThrottlingException", "TooManyRequests"}
_TRANSIENT_STATUS = {408, 429, 500, 502, 503, 504}

Result = TypeVar("Result")


class Conflict(VaultError):
    """Another request changed the same key at the same moment: S3 decided nothing, so ask again."""


class UploadGone(VaultError):
    """The multipart upload is no more: its stream has to be sent again from the start, so repeating one call is vain."""


@contextmanager
def translated(where: str, doing: str) -> Iterator[None]:
    """Turn what the SDK raises into a VaultError. Nothing that calls a source may run inside.

    `where` is the vault's address. Messages carry S3's code, status and request id, not its text: some stores repeat
    parts of the request there.
    """
    try:
        yield
    except ClientError as error:
        raise _refusal(error, where, doing) from error
    except (FlexibleChecksumError, ChecksumError) as error:
        raise DamagedObject(
            f"{where} cannot {doing}: the bytes do not have the checksum that S3 keeps of them",
            hint="Use another recovery point, and have the store checked.",
        ) from error
    except BotoCoreError as error:
        name = type(error).__name__
        broken = isinstance(error, ConnectionError | HTTPClientError | IncompleteReadError)
        raise VaultError(
            f"{where} cannot {doing}: {name}",
            hint=_HINTS.get(name, "Check the network between here and the vault." if broken else ""),
            transient=broken and not isinstance(error, SSLError),
        ) from error


def _refusal(error: ClientError, where: str, doing: str) -> VaultError:
    answer = error.response.get("ResponseMetadata", {})
    code = error.response.get("Error", {}).get("Code", "")
    status = answer.get("HTTPStatusCode", 0)
    message = f"{where} cannot {doing}: {code} (status {status})"
    detail = f"request {answer.get('RequestId', '')}".rstrip()
    if status == 412:  # noqa: PLR2004 -- Precondition Failed
        return AlreadyStored(message, detail=detail, hint="Objects are created once: choose a new key, or keep what is there.")
    if code in _NOT_STORED:
        return NotStored(message, detail=detail, hint="List the vault to see what it holds.")
    if code in _CONFLICTS:
        return Conflict(message, detail=detail, hint="Repeat: two requests met on one key.", transient=True)
    if code == "NoSuchUpload":
        hint = "Repeat; if it happens again, look for what aborts uploads: lifecycle rules, another run, a tidy-up."
        return UploadGone(message, detail=detail, hint=hint, transient=True)
    transient = status in _TRANSIENT_STATUS or code in _TRANSIENT_CODES
    hint = "The store is overloaded or down: repeat later." if transient else "Look up the code in the store's manual."
    return VaultError(message, detail=detail, hint=_HINTS.get(code, hint), transient=transient)


def patiently(
    call: Callable[[], Result],
    *,
    on: type[VaultError] = VaultError,
    seconds: float | None = None,
    stop: Event | None = None,
) -> Result:
    """Repeat `call` on transient errors of the kind `on`, with growing pauses, until `seconds` pass or `stop` is set.

    By default `PATIENCE_SECONDS`. The call must be one that may run twice.
    """
    deadline = time.monotonic() + (PATIENCE_SECONDS if seconds is None else seconds)
    stop = stop or Event()
    longest = 0.1
    while True:
        try:
            return call()
        except on as error:
            longest = min(longest * 2, LONGEST_PAUSE_SECONDS)
            pause = longest * random.uniform(0.5, 1)  # noqa: S311 -- spreads the load, keeps no secret
            vain = isinstance(error, UploadGone) or not error.transient
            if vain or time.monotonic() + pause > deadline or stop.wait(pause):
                raise
