"""Sign in at the identity provider, and out again.

Laws:
    - Only the browser that began a log-in can end it: what the provider sends back has to fit the
      cookie that this browser was given.
    - After a log-in the browser goes on to a page of this site, whatever the address said.
"""

from __future__ import annotations

import hmac
import secrets
from datetime import timedelta
from typing import Any, Final

from auditkit.access.login.code_flow import CodeFlow
from auditkit.errors import InputError
from auditkit.mlflow_guard.page.browser import Cookie, path_within
from auditkit.mlflow_guard.page.seals import Seals
from auditkit.mlflow_guard.page.sessions import Sessions
from auditkit.mlflow_guard.page.surface import PAGE, Surface, sentence
from auditkit.mlflow_guard.upstream.refusals import RefusedError

CALLBACK: Final = "/auditkit/callback"
_PURPOSE: Final = "log-in"
_LASTS: Final = timedelta(minutes=10)


class SignIn:
    """The routes to sign in and out.

    Args:
        surface: What all routes of the page share.
        sessions: Begins and ends sessions.
        flow: Asks the identity provider.
        secure: Whether the site is reached by HTTPS.
    """

    def __init__(
        self, surface: Surface, sessions: Sessions, flow: CodeFlow, *, secure: bool
    ) -> None:
        self._surface, self._sessions, self._flow = surface, sessions, flow
        self._seals: Seals = surface.seals
        self._cookie = Cookie("auditkit_log_in", secure=secure)

    def add_routes(self, flask_app: Any) -> None:
        """Adds the routes to a Flask application. They ask for no user, and show no data."""
        for path, method, view in (
            ("sign-in", "GET", self.choose),
            ("sign-in/start", "GET", self.start),
            ("callback", "GET", self.callback),
            ("sign-out", "POST", self.sign_out),
        ):
            endpoint = f"{PAGE}{path.replace('/', '_').replace('-', '_')}"
            url = f"{self._surface.base}/{path}"
            flask_app.add_url_rule(url, endpoint, self._answering(view), methods=[method])
            self._surface.public.add(endpoint)

    def _answering(self, view: Any) -> Any:
        def answered() -> Any:
            try:
                self._surface.refuse_foreign()
                return view()
            except RefusedError as error:
                return self._surface.refused(error)

        return answered

    def choose(self) -> Any:
        """Shows the ways to sign in."""
        return self._shown()

    def start(self) -> Any:
        """Sends the browser to the identity provider."""
        state = secrets.token_urlsafe(24)
        try:
            address = self._flow.address(
                state=state, nonce=self._nonce(state), verifier=self._verifier(state)
            )
        except InputError as error:
            return self._shown(error.message, status=503)
        response = self._surface.redirect(address)
        begun = {"state": state, "next": self._next()}
        sealed = self._seals.seal(_PURPOSE, begun, lasts=_LASTS)
        self._cookie.write(response, sealed, seconds=int(_LASTS.total_seconds()))
        return response

    def callback(self) -> Any:
        """Takes what the identity provider sent back, and begins a session."""
        from flask import request

        begun = self._seals.opened(_PURPOSE, self._cookie.read(request))
        state = str(request.args.get("state", ""))
        if begun is None or not hmac.compare_digest(str(begun["state"]).encode(), state.encode()):
            return self._failed("this log-in was not begun in this browser, or took too long")
        code, issuer = request.args.get("code", ""), request.args.get("iss")
        if issuer not in (None, self._flow.client.issuer):
            return self._failed("another identity provider has answered")
        if "error" in request.args or not code:
            return self._failed("the identity provider did not let you in")
        try:
            caller = self._flow.redeem(
                code, nonce=self._nonce(state), verifier=self._verifier(state)
            )
        except InputError as error:
            return self._failed(error.message, status=503)
        if caller is None:
            return self._failed("the identity provider does not say who you are")
        response = self._surface.redirect(path_within(str(begun["next"]), self._surface.base))
        try:
            self._sessions.begin(response, caller)
        except ValueError:
            return self._failed("you are in too many groups for a session")
        # MLflow lets one cookie of an answer through. That of the log-in ends by itself, and the
        # provider takes its code only once.
        return response

    def sign_out(self) -> Any:
        """Ends the session in this browser."""
        from flask import g, request

        signed = self._sessions.read(request)
        if signed is not None:
            g.auditkit_caller, g.auditkit_session = signed.caller, signed.session
            self._surface.form()
            del g.auditkit_caller
        response = self._surface.redirect(self._surface.links().to("sign-in"))
        self._sessions.end(response)
        return response

    def _next(self) -> str:
        from flask import request

        return path_within(str(request.args.get("next", "")), self._surface.base)

    def _failed(self, reason: str, *, status: int = 403) -> Any:
        """Logs that a log-in failed, and shows the ways to try again."""
        from flask import request

        self._surface.gate.failed_login(str(request.endpoint), reason)
        response = self._shown(sentence(reason), status=status)
        self._cookie.write(response, "", seconds=0)
        return response

    def _shown(self, message: str = "", *, status: int = 200) -> Any:
        links = self._surface.links()
        return self._surface.page(
            "sign_in.html.j2",
            status=status,
            message=message,
            start=links.to("sign-in", "start", next=self._next()),
            issuer=self._flow.client.host,
            passwords=self._surface.passwords,
        )

    def _nonce(self, state: str) -> str:
        return self._seals.secret("nonce", state)

    def _verifier(self, state: str) -> str:
        return self._seals.secret("verifier", state)
