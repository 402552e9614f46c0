"""Refusals of the stand-in, as the Status objects that a real API server answers with."""

from typing import Any

Object = dict[str, Any]

REASONS = {
    400: "BadRequest",
    401: "Unauthorized",
    403: "Forbidden",
    404: "NotFound",
    405: "MethodNotAllowed",
    409: "Conflict",
    410: "Expired",
    415: "UnsupportedMediaType",
    422: "Invalid",
}


class Refused(Exception):
    """A request that is answered with an error. `status` is the HTTP status; `causes` are fields, each with a message."""

    def __init__(
        self,
        status: int,
        message: str,
        *,
        reason: str = "",
        causes: tuple[tuple[str, str], ...] = (),
        cause: str = "FieldValueInvalid",
    ) -> None:
        super().__init__(message)
        self.status = status
        self._message = message
        self._reason = reason or REASONS[status]
        self._causes = [{"reason": cause, "field": field, "message": said} for field, said in causes]

    def as_status(self) -> Object:
        """Give the body of the answer (API conventions, section "Response Status Kind")."""
        return {
            "kind": "Status",
            "apiVersion": "v1",
            "metadata": {},
            "status": "Failure",
            "message": self._message,
            "reason": self._reason,
            "details": {"causes": self._causes} if self._causes else {},
            "code": self.status,
        }


def not_found(plural: str, name: str) -> Refused:
    """Refuse what asks for an object that is not there."""
    return Refused(404, f'{plural} "{name}" not found')


def conflict(plural: str, name: str, because: str) -> Refused:
    """Refuse a change that is based on another state than the present one."""
    return Refused(409, f'Operation cannot be fulfilled on {plural} "{name}": {because}')
