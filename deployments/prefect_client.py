"""Opens the client of a Prefect server that exists, and translates what goes wrong on the way."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import httpx
from prefect.client.orchestration import SyncPrefectClient, get_client
from prefect.exceptions import ObjectNotFound, PrefectHTTPStatusError
from prefect.settings import PREFECT_API_URL, PREFECT_CLIENT_MAX_RETRIES, temporary_settings

from continuity.errors import ConfigurationRefused, ContinuityError

SHOWN_CHARACTERS = 500


@contextmanager
def prefect_client(api_url: str | None, *, patient: bool = True) -> Iterator[SyncPrefectClient]:
    """Open a client of the server at `api_url`, or of the one that Prefect's own profile names.

    `patient` lets Prefect's client ask a busy server again (503, which a server on SQLite answers while it writes). Without it
    a server that has gone is told of at once.

    Raises:
        ConfigurationRefused: no server is named, or it lacks what was asked for.
        ContinuityError: it cannot be reached (transient), or refused.

    """
    settings: dict[Any, Any] = {PREFECT_API_URL: api_url} if api_url else {}
    settings |= {} if patient else {PREFECT_CLIENT_MAX_RETRIES: 0}
    try:
        with temporary_settings(settings):
            if not PREFECT_API_URL.value():
                # Prefect's client would start a server of its own, which nobody looks at.
                raise ConfigurationRefused("no Prefect server is named", hint="Set `[prefect] api_url`, or PREFECT_API_URL.")
            with get_client(sync_client=True) as client:
                yield client
    except ObjectNotFound as error:
        raise ConfigurationRefused(
            "the Prefect server lacks the deployment or the run", hint="Register the deployments; see docs/runbooks/prefect.md."
        ) from error
    except PrefectHTTPStatusError as error:
        raise ContinuityError(
            f"Prefect answered {error.response.status_code}",
            detail=error.response.text[:SHOWN_CHARACTERS],
            hint="Read the server's log.",
        ) from error
    except (httpx.HTTPError, OSError, RuntimeError) as error:
        raise ContinuityError(
            f"the Prefect server cannot be reached: {type(error).__name__}", hint="See that it runs.", transient=True
        ) from error
