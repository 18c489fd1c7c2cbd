"""What all routes of the page share: who asks, how they answer, and how they refuse."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Any, Final

from auditkit.access.login.authentication import Caller
from auditkit.mlflow_guard.guard.gate import Gate
from auditkit.mlflow_guard.page.browser import HEADERS, is_foreign
from auditkit.mlflow_guard.page.forms import Signed, form_token, read_form
from auditkit.mlflow_guard.page.seals import Seals
from auditkit.mlflow_guard.page.sessions import Sessions
from auditkit.mlflow_guard.page.templates import Links, environment
from auditkit.mlflow_guard.upstream import internals
from auditkit.mlflow_guard.upstream.refusals import RefusedError, denied

PATH: Final = "/auditkit"
# How the names of its endpoints begin.
PAGE: Final = "auditkit_page_"
_TITLES: Final = {
    400: "Something is missing",
    401: "Sign in",
    403: "You may not do that",
    404: "Not found",
    409: "That is not possible any more",
    503: "The server cannot answer now",
}


class Surface:
    """The page, as its routes and the hooks in front of them see it.

    Args:
        gate: The gate.
        seals: Seals what forms and sessions carry.
        sessions: Sessions of those who signed in at the identity provider; None: there are none.
        passwords: Whether the server takes names and passwords.
        origins: Origins under which a proxy shows this site.

    Attributes:
        base: The path of the start page.
        public: The endpoints that show no data and ask for no user.
    """

    def __init__(
        self,
        gate: Gate,
        seals: Seals,
        *,
        sessions: Sessions | None = None,
        passwords: bool = False,
        origins: Collection[str] = (),
    ) -> None:
        self.gate, self.seals, self.sessions = gate, seals, sessions
        self.passwords, self._origins = passwords, origins
        self.base = internals.prefixed(PATH)
        self.public: set[str] = set()
        self._templates = environment()

    def signed_in(self) -> Caller | None:
        """The user of the current request's session, for the page's own endpoints alone."""
        from flask import g, request

        signed = self.sessions.read(request) if self.sessions is not None else None
        if signed is None:
            return None
        g.auditkit_session = signed.session
        return signed.caller

    def signed(self) -> Signed | None:
        """Who makes the current request; None if nobody was named."""
        from flask import g

        caller: Caller | None = g.get("auditkit_caller")
        return Signed(caller=caller, session=g.get("auditkit_session", "")) if caller else None

    def enter_workspace(self) -> None:
        """Serves the current request in the workspace that its query names.

        Raises:
            RefusedError: If there is none of that name.
        """
        from flask import request

        name = request.args.get("workspace", "")
        if not name:
            return
        try:
            internals.enter_workspace(name)
        except Exception as error:
            if not internals.is_mlflow_error(error):
                raise
            raise RefusedError(
                404, "RESOURCE_DOES_NOT_EXIST", "there is no such workspace"
            ) from error

    def refuse_foreign(self) -> None:
        """Refuses the current request if another site's page made it.

        Raises:
            RefusedError: If one did, or may have.
        """
        from flask import request

        if is_foreign(dict(request.headers), request.method, request.host, self._origins):
            raise denied("the request comes from another site's page")

    def form(self) -> dict[str, str]:
        """The fields of the form that the current request sends.

        Raises:
            RefusedError: If it was not made here for this user and this action.
        """
        from flask import request

        signed = self.signed()
        if signed is None:
            raise denied("nobody is signed in")
        return read_form(request, self.seals, signed, request.path)

    def links(self) -> Links:
        """The paths of the pages, within the current workspace."""
        from flask import request

        return Links(self.base, request.args.get("workspace", ""))

    def page(self, template: str, *, status: int = 200, **values: Any) -> Any:
        """A page as a response.

        Args:
            template: Its template.
            status: The HTTP status.
            values: What the template needs besides what every page has.
        """
        from flask import Response

        signed = self.signed()
        links = self.links()
        workspace = internals.workspace() if internals.has_workspaces() else ""
        text = self._templates.get_template(template).render(
            signed=signed,
            links=links,
            workspace=workspace,
            token=lambda action: form_token(self.seals, signed, action) if signed else "",
            now=self.gate.clock(),
            **{"here": "", **values},
        )
        return with_headers(Response(text, status=status, mimetype="text/html"))

    def refused(self, error: RefusedError) -> Any:
        """A refusal as a page; to somebody who is not signed in, a way to sign in."""
        from flask import request

        if error.status == 401:
            return self._ask_to_sign_in(error)
        back = ""
        if request.method == "POST" and request.view_args:
            back = self.links().to(*request.path.removeprefix(f"{self.base}/").split("/")[:-1])
        return self.page(
            "refused.html.j2",
            status=error.status,
            title=_TITLES.get(error.status, "The server refused"),
            message=sentence(error.message),
            sign_in="",
            back=back,
        )

    def _ask_to_sign_in(self, error: RefusedError) -> Any:
        from flask import request

        wants_password = self.passwords and request.args.get("sign-in") == "password"
        if self.sessions is not None and not wants_password and request.method in ("GET", "HEAD"):
            return self.redirect(Links(self.base, "").to("sign-in", next=request.full_path))
        response = self.page(
            "refused.html.j2",
            status=401,
            title="Sign in",
            message=sentence(error.message),
            sign_in=self.links().to("sign-in") if self.sessions is not None else "",
            back="",
        )
        if self.passwords and (wants_password or self.sessions is None):
            response.headers["WWW-Authenticate"] = 'Basic realm="mlflow"'
        return response

    def redirect(self, path: str) -> Any:
        """Sends the browser on to a path."""
        from flask import redirect

        return with_headers(redirect(path, code=303))


def with_headers(response: Any, more: Mapping[str, str] | None = None) -> Any:
    """A response with the headers of every page.

    Args:
        response: The response.
        more: Further headers, or others in their place.
    """
    for name, value in {**HEADERS, **(more or {})}.items():
        response.headers[name] = value
    return response


def sentence(message: str) -> str:
    """A refusal's message as a sentence."""
    return f"{message[:1].upper()}{message[1:]}{'' if message.endswith('.') else '.'}"
