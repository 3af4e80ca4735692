"""Who may ask the HTTP edge, in which form, and how much: what pages try, and what scripts get wrong."""

from __future__ import annotations

import http.client
import json
from urllib.parse import urlsplit

import pytest
from edges import open_socket, post
from serving import Daemon
from websockets.exceptions import InvalidStatus
from websockets.sync.client import connect

HELLO = json.dumps({"api": {"major": 1, "minor": 1}}).encode()
JSON = {"Content-Type": "application/json"}


def asked(daemon: Daemon, method: str, path: str, headers: dict[str, str], body: bytes = b"") -> tuple[int, bytes]:
    """Return status and body; `Host` is as given, or left out when it is empty."""
    parts = urlsplit(daemon.http)
    connection = http.client.HTTPConnection(parts.hostname or "", parts.port, timeout=30)
    connection.putrequest(method, path, skip_host=True)
    for name, value in {"Host": parts.netloc, "Content-Length": str(len(body)), **headers}.items():
        if value:
            connection.putheader(name, value)
    connection.endheaders(body)
    answer = connection.getresponse()
    given = answer.status, answer.read()
    connection.close()
    return given


def hello(daemon: Daemon, **headers: str) -> int:
    return asked(daemon, "POST", "/api/v1/DaemonService/Hello", {**JSON, **headers}, HELLO)[0]


def refusal(answer: tuple[int, bytes]) -> tuple[int, str, str]:
    content = json.loads(answer[1])
    assert content["status"] == answer[0]
    return answer[0], content["code"], content["detail"]


@pytest.mark.parametrize("host", ["127.0.0.1", "127.0.0.1:1", "[::1]:50751", "localhost", "LOCALHOST:9", "127.8.8.8"])
def test_this_machine_is_asked_by_its_own_addresses(daemon: Daemon, host: str) -> None:
    assert hello(daemon, Host=host) == 200


@pytest.mark.parametrize(
    "host",
    [
        "rebound.example", "127.0.0.1.example", "127.example:50751", "localhost.example", "127.1", "10.0.0.7:50751",
        "[::2]", "user@127.0.0.1", "127.0.0.1:port", "0x7f000001", "",
    ],
)  # fmt: skip
def test_a_name_that_a_page_gave_this_machine_is_refused(daemon: Daemon, host: str) -> None:
    for method, path in (("GET", "/healthz"), ("GET", "/openapi.json"), ("POST", "/api/v1/DaemonService/Hello")):
        answer = asked(daemon, method, path, {**JSON, "Host": host}, HELLO if method == "POST" else b"")
        assert answer[0] in {400, 403}  # 400: a request without Host is no HTTP/1.1
        assert b"serving" not in answer[1]


@pytest.mark.parametrize(
    "origin",
    [
        "http://evil.example", "https://127.0.0.1.evil.example", "null", "http://127.0.0.1", "http://127.0.0.1:1",
        "chrome-extension://abc", "http://localhost:99999", "http://[", "file://elsewhere", "http://127.0.0.1:0x1",
    ],
)  # fmt: skip
def test_pages_of_other_places_are_refused(daemon: Daemon, origin: str) -> None:
    status, code, detail = refusal(
        asked(daemon, "POST", "/api/v1/DaemonService/Hello", {**JSON, "Origin": origin}, HELLO)
    )
    assert (status, code) == (403, "PERMISSION_DENIED")
    assert origin in detail
    assert "http_origins" in detail
    with (
        pytest.raises(InvalidStatus) as refused,
        open_socket(daemon.http, additional_headers={"Origin": origin}),
    ):
        pass
    assert refused.value.response.status_code == 403
    assert origin in json.loads(refused.value.response.body or b"")["detail"]


def test_the_daemons_own_page_and_files_of_this_machine_may_ask(daemon: Daemon) -> None:
    for origin in (daemon.http, "file://", ""):
        assert hello(daemon, Origin=origin) == 200
    with open_socket(daemon.http, additional_headers={"Origin": "file://"}):
        pass


def test_a_setting_names_further_pages_and_by_what_name_they_know_the_daemon(guarded: Daemon) -> None:
    for origin in ("https://tools.studio.example", "null", "HTTP://ROTO-BOX:50751"):
        assert hello(guarded, Origin=origin) == 200
    for origin in ("file://", "http://tools.studio.example", "https://tools.studio.example:444"):
        assert hello(guarded, Origin=origin) == 403
    assert hello(guarded, Host="roto-box:50751", Origin="http://roto-box:50751") == 200
    assert hello(guarded, Host="roto-box") == 200
    assert hello(guarded, Host="other-box") == 403


@pytest.mark.parametrize("kind", ["text/plain", "application/x-www-form-urlencoded", "multipart/form-data", ""])
def test_forms_that_a_page_can_send_without_asking_are_refused(daemon: Daemon, kind: str) -> None:
    status, code, detail = refusal(asked(daemon, "POST", "/api/v1/DaemonService/Hello", {"Content-Type": kind}, HELLO))
    assert (status, code) == (415, "INVALID_ARGUMENT")
    assert "application/json" in detail


def test_no_page_is_told_that_it_may_ask(guarded: Daemon) -> None:
    parts = urlsplit(guarded.http)
    connection = http.client.HTTPConnection(parts.hostname or "", parts.port, timeout=30)
    asks = {"Origin": "https://tools.studio.example", "Access-Control-Request-Method": "POST"}
    connection.request("OPTIONS", "/api/v1/DaemonService/Hello", headers=asks)
    answer = connection.getresponse()
    assert answer.status == 405
    assert not [name for name in answer.headers if name.lower().startswith("access-control")]
    assert "frame-ancestors 'none'" in answer.headers["Content-Security-Policy"]
    connection.close()


def test_a_body_over_the_limit_is_refused_and_the_next_is_answered(daemon: Daemon) -> None:
    body = json.dumps({"client": "x" * (9 << 20)}).encode()
    status, media_type, content = post(daemon.http, "DaemonService/Hello", body, JSON)
    assert (status, media_type) == (413, "application/problem+json")
    assert json.loads(content)["code"] == "RESOURCE_EXHAUSTED"
    assert hello(daemon) == 200


@pytest.mark.parametrize(
    ("body", "words"),
    [
        (b"{", "not JSON"),
        (b"\xff", "not JSON"),
        (b"[]", "give a map"),
        (b'{"api": {"major": 1e999}}', "api.major"),
        (b'{"api": {"major": NaN}}', "NaN"),
        (b'{"api": {"major": -1}}', "api.major is -1"),
        (b'{"api": {"major": 4294967296}}', "api.major is 4294967296"),
        (b'{"api": {"major": true}}', "a whole number"),
        (b'{"api": "1.1"}', "api is '1.1'"),
        (b'{"client": ["a"]}', "client is a list: give text"),
        (b'{"client": "\\ud800"}', "client"),
        (b'{"clint": "a"}', "it has: api, client"),
        (b"[" * 5000 + b"]" * 5000, "lists and maps"),
        (b"9" * 5000, "not JSON"),
    ],
)
def test_a_body_that_is_no_request_is_refused_by_the_name_of_what_is_wrong(
    daemon: Daemon, body: bytes, words: str
) -> None:
    status, media_type, content = post(daemon.http, "DaemonService/Hello", body, JSON)
    assert (status, media_type) == (400, "application/problem+json"), content
    assert words in json.loads(content)["detail"]


def test_what_a_newer_client_does_not_ask_for_is_no_error(daemon: Daemon) -> None:
    body = {"api": {"major": 1, "minor": 1, "patch": 0}, "client": None, "later": {}, "also": False, "and": ""}
    assert post(daemon.http, "DaemonService/Hello", json.dumps(body).encode(), JSON)[0] == 200


def test_the_answer_has_the_form_that_is_asked_for(daemon: Daemon) -> None:
    for accept, expected in {
        "": "application/json",
        "*/*": "application/json",
        "application/msgpack": "application/msgpack",
        "text/html, application/x-msgpack;q=0.5": "application/msgpack",
    }.items():
        headers = {**JSON, **({"Accept": accept} if accept else {})}
        assert post(daemon.http, "DaemonService/Hello", HELLO, headers)[1] == expected
    packed = {**JSON, "Accept": "application/msgpack"}
    assert post(daemon.http, "DaemonService/Hello", b"{", packed)[1] == "application/problem+msgpack"


def test_what_is_not_here_is_told_in_a_sentence(daemon: Daemon) -> None:
    for path, words in {
        "/": "/openapi.json",
        "/api/v1/DaemonService/Nothing": "/openapi.json",
        "/panel/nothing.js": "panel_folder",
        "/docs": "/openapi.json",
    }.items():
        status, code, detail = refusal(asked(daemon, "GET", path, {}))
        assert (status, code) == (404, "UNIMPLEMENTED")
        assert words in detail
    status, code, detail = refusal(asked(daemon, "POST", "/api/v1/SessionService/Propagate", JSON, b"{}"))
    assert (status, code) == (404, "UNIMPLEMENTED")
    assert "/ws" in detail


def test_the_panel_of_this_installation_is_served_by_default(daemon: Daemon) -> None:
    assert b"<title>Rotolink" in asked(daemon, "GET", "/panel/", {})[1]
    assert b"Rotolink.Desk" in asked(daemon, "GET", "/panel/panel.js", {})[1].replace(b"rotolink.", b"Rotolink.")


def test_the_panel_is_served_from_its_folder_and_nothing_outside_it(guarded: Daemon) -> None:
    assert b"<title>Panel" in asked(guarded, "GET", "/panel/", {})[1]
    (guarded.state.parent / "secret.txt").write_text("secret")
    for path in ("/panel/../secret.txt", "/panel/%2e%2e/secret.txt", "/panel/..%2fsecret.txt"):
        assert asked(guarded, "GET", path, {})[0] == 404


def test_the_daemon_says_that_it_is_healthy(daemon: Daemon) -> None:
    status, content = asked(daemon, "GET", "/healthz", {})
    assert (status, json.loads(content)["status"]) == (200, "serving")


def test_a_socket_without_its_subprotocol_is_refused_with_the_reason(daemon: Daemon) -> None:
    with pytest.raises(InvalidStatus) as refused, connect(daemon.http.replace("http", "ws") + "/ws"):
        pass
    assert refused.value.response.status_code == 400
    assert "roto.v1.msgpack" in json.loads(refused.value.response.body or b"")["detail"]
