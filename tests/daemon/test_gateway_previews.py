"""What a reader loses who asked for the latest: previews that newer ones replaced, never anything else."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Sequence

import pytest
from google.protobuf.message import Message

from roto_daemon.gateway.previews import latest
from roto_proto.v1 import sessions_pb2 as pb
from roto_proto.v1 import values_pb2

FRAMES = 50
PIECES = 3


def run_of(frames: int) -> list[pb.PropagateResponse]:
    """Return what a track sends: for each frame that it is done, how far it is, and its matte in pieces."""
    messages = []
    for frame in range(1, frames + 1):
        messages.append(pb.PropagateResponse(frame=pb.FrameDone(frame=frame)))
        messages.append(pb.PropagateResponse(progress=values_pb2.Progress(done=frame, total=frames)))
        for piece in range(PIECES):
            header = values_pb2.MatteHeader(frame=frame, size=4 * PIECES) if piece == 0 else None
            messages.append(pb.PropagateResponse(matte=values_pb2.MattePart(header=header, data=bytes([frame] * 4))))
    return messages


async def given(messages: Sequence[Message], error: Exception | None = None) -> AsyncGenerator[Message, None]:
    for message in messages:
        yield message
    if error:
        raise error


async def read(answers: AsyncGenerator[Message, None], blocked_after: int) -> list[Message]:
    """Read, and rest after so many answers until all has been made."""
    taken: list[Message] = []
    async for message in answers:
        taken.append(message)
        if len(taken) == blocked_after:
            for _ in range(50 * FRAMES):
                await asyncio.sleep(0)
    return taken


def kinds(messages: Sequence[Message]) -> list[str]:
    return [str(message.WhichOneof("event")) for message in messages]


def test_a_blocked_reader_loses_previews_alone_and_gets_the_newest() -> None:
    taken = asyncio.run(read(latest(given(run_of(FRAMES))), 2))
    frames = [each.frame.frame for each in taken if each.WhichOneof("event") == "frame"]  # type: ignore[attr-defined]
    assert frames == list(range(1, FRAMES + 1))
    assert kinds(taken).count("progress") <= 2
    assert kinds(taken).count("matte") <= 2 * PIECES
    assert taken[-1].matte.data == bytes([FRAMES] * 4)  # type: ignore[attr-defined]
    done = [each.progress.done for each in taken if each.WhichOneof("event") == "progress"]  # type: ignore[attr-defined]
    assert done[-1] == FRAMES


def test_a_matte_comes_whole_or_not_at_all() -> None:
    for blocked_after in range(1, 8):
        taken = asyncio.run(read(latest(given(run_of(FRAMES))), blocked_after))
        mattes = [each.matte for each in taken if each.WhichOneof("event") == "matte"]  # type: ignore[attr-defined]
        starts = [index for index, each in enumerate(mattes) if each.HasField("header")]
        assert starts == list(range(0, len(mattes), PIECES))
        assert len(mattes) % PIECES == 0
        assert all(mattes[start + 2].data[0] == mattes[start].header.frame for start in starts)


@pytest.mark.parametrize(
    "messages",
    [
        [pb.ReadMattesResponse(matte=values_pb2.MattePart(data=bytes([n]))) for n in range(FRAMES)],
        [pb.SetPromptResponse(matte=values_pb2.MattePart(data=bytes([n]))) for n in range(FRAMES)],
        [pb.ExportResponse(file=pb.FilePart(data=bytes([n]))) for n in range(FRAMES)],
        [pb.PropagateResponse(unreadable=pb.FrameUnreadable(frame=n)) for n in range(FRAMES)],
        [pb.FitShapesResponse(result=pb.FittedShapes(report=pb.FitReport(shapes=n))) for n in range(FRAMES)],
    ],
    ids=["mattes asked for", "mattes of clicks", "files", "unreadable frames", "shapes"],
)
def test_results_all_come_in_their_order(messages: list[Message]) -> None:
    assert asyncio.run(read(latest(given(messages)), 1)) == messages


def test_what_ends_the_run_reaches_the_reader_after_all_else() -> None:
    taken: list[Message] = []

    async def scenario() -> None:
        async for message in latest(given(run_of(3), ValueError("the end"))):
            taken.append(message)  # noqa: PERF401 - kept when the stream fails

    with pytest.raises(ValueError, match="the end"):
        asyncio.run(scenario())
    assert kinds(taken).count("frame") == 3


def test_a_reader_who_leaves_ends_the_run() -> None:
    ended = []

    async def endless() -> AsyncGenerator[Message, None]:
        try:
            while True:
                yield pb.PropagateResponse(progress=values_pb2.Progress())
                await asyncio.sleep(0)
        finally:
            ended.append(True)

    async def scenario() -> None:
        answers = latest(endless())
        await anext(answers)
        await answers.aclose()
        assert ended

    asyncio.run(scenario())


@pytest.mark.parametrize(("size", "least", "most"), [(0, 4096, 4200), (1 << 20, 8, 12)], ids=["small", "large"])
def test_a_reader_who_takes_nothing_holds_the_run_up_once_much_waits(size: int, least: int, most: int) -> None:
    made = 0

    async def files() -> AsyncGenerator[Message, None]:
        nonlocal made
        while True:
            made += 1
            yield pb.ExportResponse(file=pb.FilePart(data=bytes(size)))

    async def scenario() -> None:
        answers = latest(files())
        await anext(answers)
        for _ in range(5 * most):
            await asyncio.sleep(0)
        await answers.aclose()

    asyncio.run(scenario())
    assert least <= made <= most
