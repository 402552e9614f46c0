"""Which versions of Prefect the product is tested with: the range that its own package asks for."""

from importlib.metadata import requires, version

from packaging.requirements import Requirement
from packaging.specifiers import SpecifierSet
from packaging.version import InvalidVersion, Version
from prefect.client.orchestration import SyncPrefectClient

from continuity.errors import ConfigurationRefused


def supported_range() -> SpecifierSet:
    """Return the range of Prefect versions, as pyproject.toml states it."""
    needed = (Requirement(each) for each in requires("continuity") or ())
    return next(each.specifier for each in needed if each.name == "prefect")


def refuse_untested(client: SyncPrefectClient) -> str:
    """Return the server's version, where it and this machine's Prefect are within the tested range.

    Raises:
        ConfigurationRefused: one of them is outside; nothing was changed.

    """
    server = str(client.api_version())
    judge_versions(server=server, client=version("prefect"), tested=supported_range())
    return server


def judge_versions(*, server: str, client: str, tested: SpecifierSet) -> None:
    """Refuse a Prefect version that is outside the tested range, by name.

    Raises:
        ConfigurationRefused: as above.

    """
    for what, found in {"the Prefect server": server, "this machine's Prefect": client}.items():
        if not _within(found, tested):
            raise ConfigurationRefused(
                f"{what} is {found}, and Continuity is tested with {_words(tested)}",
                detail="Nothing was changed.",
                hint=f"Bring it to a version of {_words(tested)}; what it has been given before stays as it is.",
            )


def _within(found: str, tested: SpecifierSet) -> bool:
    try:
        return tested.contains(Version(found), prereleases=True)
    except InvalidVersion:
        return False


def _words(tested: SpecifierSet) -> str:
    return ", ".join(sorted(map(str, tested), reverse=True))
