"""The page's routes: each shows something, or does what a route of the API does."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Final

from auditkit.access.policy.vocabulary import model_object
from auditkit.mlflow_guard.guard.actions import approve, reject
from auditkit.mlflow_guard.guard.answers import Handler, answer_plan, carry_out, review_plan
from auditkit.mlflow_guard.guard.emergencies import review_break_glass
from auditkit.mlflow_guard.guard.gate import Gate
from auditkit.mlflow_guard.page.comparing import measures, request_sight
from auditkit.mlflow_guard.page.reading import Reader, model_of
from auditkit.mlflow_guard.page.surface import PAGE, Surface, with_headers
from auditkit.mlflow_guard.requests.context import RequestContext, text_of
from auditkit.mlflow_guard.requests.endpoints import Planner
from auditkit.mlflow_guard.requests.plan import RequestPlan, RequiredPermission
from auditkit.mlflow_guard.upstream.refusals import RefusedError
from auditkit.resources import data_path

_DONE: Final = {
    "approve": "Your approval is in the log.",
    "reject": "The request is rejected.",
    "review": "Your review is in the log.",
}
_MODELS: Final = RequestPlan(needs=(RequiredPermission("model:read", "models"),))

Shown = Callable[[Reader], Any]


def add_page(flask_app: Any, surface: Surface) -> dict[str, Planner]:
    """Adds the page to a Flask application.

    Args:
        flask_app: The application; the gate's hooks are in front of these routes as well.
        surface: What the routes share.

    Returns:
        The plan of each, by the name of its endpoint.
    """
    planners: dict[str, Planner] = {}
    gate = surface.gate

    def show(path: str, name: str, plan: Planner, view: Shown) -> None:
        def planned(ask: RequestContext) -> RequestPlan:
            surface.refuse_foreign()
            return plan(ask)

        def shown(**_: str) -> Any:
            from flask import g

            try:
                return view(Reader(gate, g.auditkit_admission))
            except RefusedError as error:
                return surface.refused(error)

        endpoint = f"{PAGE}{name}"
        url = f"{surface.base}{path}"
        flask_app.add_url_rule(url, endpoint, shown, methods=["GET"], strict_slashes=False)
        planners[endpoint] = planned

    def act(place: str, action: str, plan: Planner, handler: Handler, known: str) -> None:
        """Adds a form's action on what the path names; `known` is its name for the handler."""

        def planned(ask: RequestContext) -> RequestPlan:
            from flask import g

            surface.refuse_foreign()
            g.auditkit_form = surface.form()
            return plan(ask)

        def acted(number: str) -> Any:
            from flask import g

            body = {**g.auditkit_form, known: number}
            try:
                if handler is approve:
                    text_of(body, "digest")  # of the files that were shown
                carry_out(gate, g.auditkit_admission, handler, body)
            except RefusedError as error:
                return surface.refused(error)
            return surface.redirect(surface.links().to(place, number, done=action))

        endpoint = f"{PAGE}{action}"
        url = f"{surface.base}/{place}/<number>/{action}"
        flask_app.add_url_rule(url, endpoint, acted, methods=["POST"])
        planners[endpoint] = planned

    def answered(ask: RequestContext) -> RequestPlan:
        return answer_plan(gate, ask.path_values["number"], ask.domain)

    show("", "start", lambda _: _MODELS, _Views(surface).start)
    show("/history", "history", _history_plan, _Views(surface).history)
    show("/requests/<number>", "request", _request_plan(gate), _Views(surface).request)
    show("/emergencies/<number>", "emergency", _emergency_plan(gate), _Views(surface).emergency)
    act("requests", "approve", answered, approve, "request")
    act("requests", "reject", answered, reject, "request")
    act("emergencies", "review", lambda _: review_plan(), review_break_glass, "id")
    _add_style(flask_app, surface)
    return planners


class _Views:
    """What each route shows."""

    def __init__(self, surface: Surface) -> None:
        self._surface = surface

    def start(self, reader: Reader) -> Any:
        view = reader.overview(_page_number())
        return self._surface.page("start.html.j2", view=view, here="open")

    def history(self, reader: Reader) -> Any:
        view = reader.history(_asked("model"), _page_number())
        return self._surface.page("history.html.j2", view=view, here="history")

    def request(self, reader: Reader) -> Any:
        view = request_sight(reader, _number())
        row = view.row.request
        did = {"approve": reader.user in row.approvals, "reject": reader.user == row.rejected_by}
        done = _done(did)
        return self._surface.page("request.html.j2", view=view, measures=measures, done=done)

    def emergency(self, reader: Reader) -> Any:
        view = reader.emergency(_number())
        assert view is not None  # its plan has found it
        refusal = reader.review_refusal(view)
        done = _done({"review": reader.user == view.reviewed_by})
        return self._surface.page("emergency.html.j2", view=view, refusal=refusal, done=done)


def _history_plan(ask: RequestContext) -> RequestPlan:
    name = ask.query.get("model", "")
    return _reads_model(model_object(ask.stores.model_name(name))) if name else _MODELS


def _request_plan(gate: Gate) -> Planner:
    def plan(ask: RequestContext) -> RequestPlan:
        with gate.promotions.lock:
            found = gate.promotions.book().requests.get(ask.path_values["number"])
        if found is None or found.target.domain != ask.domain:
            raise _nothing("request")
        return _reads_model(model_object(found.target.model))

    return plan


def _emergency_plan(gate: Gate) -> Planner:
    def plan(ask: RequestContext) -> RequestPlan:
        with gate.promotions.lock:
            found = gate.promotions.book().emergencies.get(ask.path_values["number"])
        if found is None or found.domain != ask.domain:
            raise _nothing("break-glass")
        return _reads_model(model_of(found))

    return plan


def _reads_model(obj: str) -> RequestPlan:
    return RequestPlan(needs=(RequiredPermission("model:read", obj),))


def _nothing(what: str) -> RefusedError:
    return RefusedError(404, "RESOURCE_DOES_NOT_EXIST", f"there is no such {what} here")


def _add_style(flask_app: Any, surface: Surface) -> None:
    text = data_path("report_templates", "registry", "page.css").read_text()

    def style() -> Any:
        from flask import Response

        return with_headers(Response(text, mimetype="text/css"))

    flask_app.add_url_rule(f"{surface.base}/page.css", f"{PAGE}style", style)
    surface.public.add(f"{PAGE}style")


def _asked(name: str) -> str:
    from flask import request

    return str(request.args.get(name, ""))


def _number() -> str:
    from flask import request

    return str(request.view_args["number"]) if request.view_args else ""


def _done(did: Mapping[str, bool]) -> str:
    """What the caller has done, if the address says so and it is true: anybody can send a link."""
    asked = _asked("done")
    return _DONE[asked] if did.get(asked) else ""


def _page_number() -> int:
    text = _asked("page")
    return int(text) if text.isascii() and text.isdigit() and len(text) < 7 else 1
