"""Both edges of the daemon give the same answers and the same refusals, for every call there is.

The calls are taken from the protocol's descriptors: one that has no case here fails the suite.
"""

from __future__ import annotations

import json
import re
import urllib.request
import uuid
from collections.abc import Callable, Iterator, Mapping
from typing import Any

import cv2
import grpc
import pytest
from edges import METHODS, GrpcEdge, Outcome, PostEdge, SocketEdge, post
from grpc_reflection.v1alpha import reflection_pb2, reflection_pb2_grpc
from jsonschema import Draft202012Validator
from serving import FIRST, LAST, Daemon, centre, picture, serving

Edge = GrpcEdge | PostEdge | SocketEdge
Steps = list[dict[str, Any]]

UPLOADED = 16
X, Y = centre(FIRST)
OBJECT = {"session_id": "$session", "object_id": "$object"}
RANGE = {"first": FIRST, "last": LAST}
CLICK = {**OBJECT, "prompt": {"frame": FIRST, "points": [{"x": X, "y": Y, "foreground": True}]}}
FOLLOW = {**OBJECT, "frames": RANGE, "direction": "DIRECTION_FORWARD", "send_mattes": True}
HEADER = {
    "frame": 1,
    "pixels": {"width": 4, "height": 4, "channels": 1, "sample": "SAMPLE_TYPE_U8", "colour_space": "sRGB"},
    "size": UPLOADED,
}
SHAPE = {
    "name": "drawn",
    "closed": True,
    "lifetime": RANGE,
    "interpolation": "INTERPOLATION_SMOOTH",
    "colour": {"red": 0.25, "green": 0.5, "blue": 1.0},
    "keyframes": [
        {
            "frame": FIRST,
            "locked": True,
            "points": [
                {"x": 1.5, "y": 2.25, "in_x": -1.0, "out_x": 1.0, "corner": True, "feather": {"x": 0.5, "y": -0.5}},
                {"x": 20.0, "y": 2.0},
                {"x": 10.0, "y": 30.1},
            ],
        }
    ],
}

GOOD: dict[str, Steps] = {
    "DaemonService/Hello": [{"api": {"major": 1, "minor": 1}, "client": "the suite"}],
    "DaemonService/ListEngines": [{}],
    "PlateService/OpenPlate": [{"path": {"path": "$files", "frames": RANGE, "handles": 2}}],
    "PlateService/UploadFrames": [
        {"plate_id": "$upload", "header": HEADER},
        {"plate_id": "$upload", "data": bytes(range(UPLOADED // 2))},
        {"plate_id": "$upload", "data": bytes(range(UPLOADED // 2))},
    ],
    "PlateService/ReadPicture": [{"plate_id": "$plate", "frame": FIRST, "longest_px": 64}],
    "PlateService/FindObjects": [{"plate_id": "$plate", "frame": FIRST, "phrase": "red patch"}],
    "PlateService/ClosePlate": [{"plate_id": "$upload"}],
    "SessionService/OpenSession": [{"plate_id": "$plate", "engine": "disc", "native_edges": True}],
    "SessionService/ListSessions": [{"artist": "$artist"}],
    "SessionService/AttachSession": [{"session_id": "$session"}],
    "SessionService/WatchSession": [{"session_id": "$session"}],
    "SessionService/CloseSession": [{"session_id": "$session"}],
    "SessionService/AddObject": [{"session_id": "$session", "name": "another"}],
    "SessionService/RemoveObject": [OBJECT],
    "SessionService/SetPrompt": [CLICK],
    "SessionService/Propagate": [FOLLOW],
    "SessionService/ReadMattes": [{**OBJECT, "frames": RANGE}],
    "SessionService/FitShapes": [{**OBJECT, "tolerance_px": 0.5, "keyframes_at": [FIRST]}],
    "SessionService/GetShapes": [{"session_id": "$session", "layers": True}],
    "SessionService/SetShapes": [{**OBJECT, "shapes": [SHAPE]}],
    "SessionService/Undo": [OBJECT],
    "SessionService/Redo": [OBJECT],
    "SessionService/Export": [{"session_id": "$session", "format": "EXPORT_FORMAT_MATTE_PNG", "object_id": "$object"}],
}
"""What each call does well. The object was clicked on, and has shapes of its own."""

BAD: dict[str, Steps] = {
    "DaemonService/Hello": [{"api": {"major": 9}, "client": "tomorrow's"}],
    "PlateService/OpenPlate": [{"path": {"path": "/nowhere/plate.####.exr"}}],
    "PlateService/UploadFrames": [{"plate_id": "$upload", "data": b"before its header"}],
    "PlateService/ReadPicture": [{"plate_id": "$plate", "frame": LAST + 1, "longest_px": 64}],
    "PlateService/FindObjects": [{"plate_id": "none", "phrase": "disc"}],
    "PlateService/ClosePlate": [{"plate_id": "$plate"}],
    "SessionService/OpenSession": [{"plate_id": "$plate", "engine": "unavailable"}],
    "SessionService/AttachSession": [{"session_id": "none"}],
    "SessionService/WatchSession": [{"session_id": "none"}],
    "SessionService/CloseSession": [{"session_id": "none"}],
    "SessionService/AddObject": [{"session_id": "$session", "name": " "}],
    "SessionService/RemoveObject": [{"session_id": "$session", "object_id": 77}],
    "SessionService/SetPrompt": [{**OBJECT, "prompt": {"frame": LAST + 9, "points": [{"x": 1, "y": 1}]}}],
    "SessionService/Propagate": [{**OBJECT, "frames": RANGE}],
    "SessionService/ReadMattes": [OBJECT],
    "SessionService/FitShapes": [{**OBJECT, "threshold": 7.0}],
    "SessionService/GetShapes": [{"session_id": "none"}],
    "SessionService/SetShapes": [{**OBJECT, "shapes": [{"name": "nowhere"}]}],
    "SessionService/Undo": [{"session_id": "none"}],
    "SessionService/Redo": [{"session_id": "none"}],
    "SessionService/Export": [{"session_id": "$session"}],
}
"""What each call refuses."""
NEVER_REFUSED = {"DaemonService/ListEngines", "SessionService/ListSessions"}
ENDLESS = {"SessionService/WatchSession": 1}
"""Calls that go on until they are cancelled, and how many answers to take."""
ONE_ANSWER = [op for op, each in METHODS.items() if not each.client_streaming and not each.server_streaming]


@pytest.fixture(scope="module")
def daemon(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Daemon]:
    folder = tmp_path_factory.mktemp("edges")
    with serving(folder, extra_finders="colour_finder:ColourFinder", max_plates="1000", max_sessions="1000") as running:
        yield running


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> str:
    folder = tmp_path_factory.mktemp("plate")
    for frame in range(FIRST, LAST + 1):
        image = picture(frame)
        image[70:80, 5:25] = (20, 20, 220)  # something red, for who looks by words
        cv2.imwrite(str(folder / f"disc.{frame}.png"), image)
    return str(folder / "disc.####.png")


def edges_for(op: str) -> Mapping[str, Callable[[Daemon], Edge]]:
    socket: dict[str, Callable[[Daemon], Edge]] = {"socket": lambda daemon: SocketEdge(daemon.http)}
    if op not in ONE_ANSWER:
        return socket
    return {
        **socket,
        "json": lambda daemon: PostEdge(daemon.http, packed=False),
        "msgpack": lambda daemon: PostEdge(daemon.http, packed=True),
    }


class World:
    """A plate, an object that was clicked on and has a shape, and a plate for upload; made by gRPC, always alike."""

    def __init__(self, daemon: Daemon, files: str) -> None:
        self._names: dict[str, Any] = {"$files": files, "$artist": f"artist-{uuid.uuid4().hex}"}
        edge = GrpcEdge(daemon.address)
        for key, op, field, request in (
            ("$plate", "PlateService/OpenPlate", "plate_id", {"path": {"path": files}}),
            ("$upload", "PlateService/OpenPlate", "plate_id",
             {"upload": {"width": 4, "height": 4, "frames": {"first": 1, "last": 3}}}),
            ("$session", "SessionService/OpenSession", "session_id",
             {"plate_id": "$plate", "engine": "disc", "artist": "$artist"}),
            ("$object", "SessionService/AddObject", "object_id", {"session_id": "$session", "name": "disc"}),
            ("", "SessionService/SetPrompt", "", CLICK),
        ):  # fmt: skip
            outcome = edge.call(op, [self.filled(request)])
            assert outcome.code == "OK", outcome
            if key:
                self._names[key] = getattr(outcome.answers[0], field)
        edge.close()

    def prepare(self, daemon: Daemon, op: str) -> None:
        """Give the object a shape where the call is about shapes that are there."""
        if op == "SessionService/GetShapes":
            edge = GrpcEdge(daemon.address)
            assert (
                edge.call("SessionService/SetShapes", [self.filled(GOOD["SessionService/SetShapes"][0])]).code == "OK"
            )
            edge.close()

    def filled(self, template: Any) -> Any:  # noqa: ANN401 - any part of a request
        if isinstance(template, Mapping):
            return {key: self.filled(value) for key, value in template.items()}
        if isinstance(template, list):
            return [self.filled(each) for each in template]
        return self._names.get(template, template) if isinstance(template, str) else template

    def told(self, outcome: Outcome) -> tuple[list[str], str, str, str]:
        """Return an outcome without what is another one each time: ids, durations, signs of life."""
        answers = [str(each) for each in outcome.answers if not str(each).startswith("progress {")]
        texts = [*answers, outcome.detail]
        for key in ("$plate", "$upload", "$session", "$artist"):
            texts = [text.replace(self._names[key], key) for text in texts]
        other_each_time = re.compile(r'(_id: |(?:elapsed|touched)_s: )("[0-9a-f]{16}"|[0-9.e+-]+$)', re.MULTILINE)
        texts = [other_each_time.sub(r"\1…", text) for text in texts]
        return texts[:-1], outcome.code, texts[-1], outcome.reason


def told_by(daemon: Daemon, files: str, make: Callable[[Daemon], Edge], op: str, steps: Steps) -> Any:  # noqa: ANN401 - see World.told
    world = World(daemon, files)
    world.prepare(daemon, op)
    edge = make(daemon)
    try:
        return world.told(edge.call(op, [world.filled(step) for step in steps], ENDLESS.get(op)))
    finally:
        edge.close()


def by_grpc(daemon: Daemon) -> GrpcEdge:
    return GrpcEdge(daemon.address)


@pytest.mark.parametrize("op", METHODS)
def test_every_call_succeeds_alike_by_both_edges(daemon: Daemon, files: str, op: str) -> None:
    assert op in GOOD, f"{op} is new: say in GOOD and BAD what it does well, and what it refuses"
    expected = told_by(daemon, files, by_grpc, op, GOOD[op])
    assert expected[1] == "OK", expected
    for name, edge in edges_for(op).items():
        assert told_by(daemon, files, edge, op, GOOD[op]) == expected, name


@pytest.mark.parametrize("op", [op for op in METHODS if op not in NEVER_REFUSED])
def test_every_call_is_refused_alike_by_both_edges(daemon: Daemon, files: str, op: str) -> None:
    expected = told_by(daemon, files, by_grpc, op, BAD[op])
    assert expected[1] != "OK"
    assert expected[2]
    assert expected[3]
    for name, edge in edges_for(op).items():
        assert told_by(daemon, files, edge, op, BAD[op]) == expected, name


def test_the_suite_knows_every_service_of_the_daemon(daemon: Daemon) -> None:
    with grpc.insecure_channel(daemon.address) as channel:
        stub = reflection_pb2_grpc.ServerReflectionStub(channel)
        request = reflection_pb2.ServerReflectionRequest(list_services="*")
        answer = next(iter(stub.ServerReflectionInfo(iter([request]), timeout=10)))
    served = {each.name for each in answer.list_services_response.service if each.name.startswith("roto.")}
    assert served == {method.containing_service.full_name for method in METHODS.values()}


def test_every_call_is_described_in_the_published_schema(daemon: Daemon) -> None:
    with urllib.request.urlopen(f"{daemon.http}/openapi.json", timeout=10) as answer:  # noqa: S310 - our own daemon
        described = json.load(answer)
    assert described["paths"].keys() == {f"/api/v1/{op}" for op in METHODS}
    schemas = described["components"]["schemas"]
    for op, method in METHODS.items():
        operation = described["paths"][f"/api/v1/{op}"]["post"]
        asked = operation["requestBody"]["content"]["application/json"]["schema"]["$ref"].rpartition("/")[2]
        assert asked == method.input_type.name
        assert schemas[asked]["properties"].keys() == {field.name for field in method.input_type.fields}
        assert operation["description"]
    for name, schema in schemas.items():
        assert all(each.get("description") for each in schema["properties"].values()), name


@pytest.mark.parametrize("op", ONE_ANSWER)
def test_answers_are_as_the_published_schema_says(daemon: Daemon, files: str, op: str) -> None:
    world = World(daemon, files)
    world.prepare(daemon, op)
    with urllib.request.urlopen(f"{daemon.http}/openapi.json", timeout=10) as answer:  # noqa: S310 - our own daemon
        described = json.load(answer)
    body = json.dumps(world.filled(GOOD[op][0])).encode()
    status, _, content = post(daemon.http, op, body, {"Content-Type": "application/json"})
    assert status == 200
    schema = {"$ref": f"#/components/schemas/{METHODS[op].output_type.name}", "components": described["components"]}
    validator = Draft202012Validator(schema)
    validator.check_schema(schema)
    validator.validate(json.loads(content))
    fields = described["components"]["schemas"][METHODS[op].output_type.name]["properties"]
    assert json.loads(content).keys() <= fields.keys()
    assert not validator.is_valid(dict.fromkeys(fields) if fields else [])
