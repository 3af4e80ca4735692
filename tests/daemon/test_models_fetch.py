"""Fetching checkpoints from a web server that is as bad as they come."""

from __future__ import annotations

import hashlib
import os
import resource
import shutil
import signal
import subprocess
import sys
import threading
import time
import urllib.request
from collections.abc import Iterator
from dataclasses import replace
from http.client import HTTPResponse
from pathlib import Path

import numpy as np
import pytest
from file_server import Served, serving

from roto_daemon.checkpoints import Checkpoint, ModelsFolder, Policy, checkpoint
from roto_daemon.checkpoints.fetch import Patience, pull
from roto_daemon.config import Config
from roto_daemon.errors import ConflictError, FetchError, OutputError, UnavailableError, WeightsError

CONTENT = np.random.default_rng(3).bytes(3_000_000)
SUM = hashlib.sha256(CONTENT).hexdigest()
WANTED = replace(checkpoint("edgetam"), sha256=SUM)
BRISK = Patience(silence_s=0.3, tries=2, pause_s=0.01)
COMMAND = [sys.executable, "-m", "roto_daemon", "models"]


@pytest.fixture
def served() -> Iterator[Served]:
    with serving(CONTENT) as running:
        yield running


@pytest.fixture
def models(tmp_path: Path) -> ModelsFolder:
    return ModelsFolder.of(Config(models_dir=str(tmp_path / "models")))


def fetch(models: ModelsFolder, served: Served, wanted: Checkpoint = WANTED) -> str:
    with models.locked():
        return pull(models, wanted, lambda *_: None, served.url, BRISK)


def left_over(models: ModelsFolder) -> set[str]:
    return {each.name for each in models.path.iterdir()} - {".lock", "SHA256SUMS", WANTED.file}


def test_a_checkpoint_is_fetched_verified_and_noted(models: ModelsFolder, served: Served) -> None:
    told: list[tuple[int, int | None]] = []
    with models.locked():
        words = pull(models, WANTED, lambda *step: told.append(step), served.url, BRISK)
    assert words == "its sha256 is the published one"
    assert models.file(WANTED).read_bytes() == CONTENT
    assert models.sums() == {WANTED.file: SUM}
    assert told[0] == (0, len(CONTENT))
    assert told[-1] == (len(CONTENT), len(CONTENT))
    assert left_over(models) == set()
    assert fetch(models, served).startswith("already here")
    assert served.asked == [""]


def test_what_breaks_off_is_gone_on_with_where_it_ended(models: ModelsFolder, served: Served) -> None:
    served.cuts = [1_000_000, 500_000]
    assert fetch(models, served) == "its sha256 is the published one"
    assert served.asked == ["", "bytes=1000000-", "bytes=1500000-"]


def test_a_connection_that_brings_nothing_several_times_ends_with_a_sentence_and_keeps_what_came(
    models: ModelsFolder, served: Served
) -> None:
    served.cuts = [1_000_000, 0, 0]
    with pytest.raises(FetchError, match=r"did not come: the connection broke off.*kept \(1\.0 MB\)"):
        fetch(models, served)
    served.cuts.clear()
    assert fetch(models, served) == "its sha256 is the published one"
    assert served.asked[-1] == "bytes=1000000-"


def test_a_file_that_changed_at_the_server_is_begun_anew(models: ModelsFolder, served: Served) -> None:
    served.cuts = [1_000_000, 0, 0]
    with pytest.raises(FetchError):
        fetch(models, served)
    served.cuts.clear()
    served.content, served.mark = CONTENT[::-1], '"two"'
    wanted = replace(WANTED, sha256=hashlib.sha256(served.content).hexdigest())
    assert fetch(models, served, wanted) == "its sha256 is the published one"


@pytest.mark.parametrize(("ranges", "mark"), [(False, '"one"'), (True, ""), (True, 'W/"one"')])
def test_a_server_that_cannot_go_on_begins_anew(
    models: ModelsFolder,
    served: Served,
    ranges: bool,  # noqa: FBT001 - a case
    mark: str,
) -> None:
    served.ranges, served.mark, served.cuts = ranges, mark, [1_000_000]
    assert fetch(models, served) == "its sha256 is the published one"
    assert served.asked == ["", "" if ranges else "bytes=1000000-"]  # only a strong mark says that bytes are the same


@pytest.mark.parametrize("more", [b"", b"and more"])
def test_a_part_that_is_whole_already_is_taken_and_a_longer_one_is_not(
    models: ModelsFolder, served: Served, more: bytes
) -> None:
    served.cuts = [1_000_000, 0, 0]
    with pytest.raises(FetchError):
        fetch(models, served)
    served.cuts.clear()
    (models.path / f"{WANTED.file}.part").write_bytes(CONTENT + more)
    assert fetch(models, served) == "its sha256 is the published one"
    assert served.asked[3:] == [f"bytes={3_000_000 + len(more)}-", ""][: 2 if more else 1]


def test_a_server_that_sends_another_part_is_asked_for_the_whole(models: ModelsFolder, served: Served) -> None:
    served.cuts, served.shift = [1_000_000], -10
    assert fetch(models, served) == "its sha256 is the published one"
    assert served.asked == ["", "bytes=1000000-", ""]


def test_a_wrong_checksum_is_refused_and_the_file_kept_apart_and_named(models: ModelsFolder, served: Served) -> None:
    served.content = CONTENT[:-1] + b"?"
    with pytest.raises(WeightsError, match=rf"not {SUM}.*kept as '.*{WANTED.file}\.refused'"):
        fetch(models, served)
    assert not models.has(WANTED)
    assert left_over(models) == {f"{WANTED.file}.refused"}
    assert models.unavailable(WANTED.name)


def test_a_damaged_file_that_is_here_is_set_aside_and_fetched_again(models: ModelsFolder, served: Served) -> None:
    models.path.mkdir()
    models.file(WANTED).write_bytes(b"damaged")
    assert fetch(models, served) == "its sha256 is the published one"
    assert (models.path / f"{WANTED.file}.refused").read_bytes() == b"damaged"


def test_without_a_published_sum_the_md5_counts_and_else_it_says_unverified(
    models: ModelsFolder, served: Served
) -> None:
    by_md5 = replace(WANTED, sha256="", md5=hashlib.md5(CONTENT, usedforsecurity=False).hexdigest())
    assert fetch(models, served, by_md5).startswith("its md5 is the published one")
    models.file(WANTED).unlink()
    (models.path / "SHA256SUMS").unlink()
    with pytest.raises(WeightsError):
        fetch(models, served, replace(by_md5, md5="0" * 32))
    assert fetch(models, served, replace(WANTED, sha256="")).startswith("unverified: nobody publishes a checksum")
    models.file(WANTED).unlink()
    served.content = CONTENT[::-1]
    with pytest.raises(WeightsError, match="another file than the one noted in SHA256SUMS"):
        fetch(models, served, replace(WANTED, sha256=""))


def test_another_size_than_the_published_one_is_refused_before_it_is_fetched(
    models: ModelsFolder, served: Served
) -> None:
    with pytest.raises(WeightsError, match=r"3000000 bytes long .* has 4000000"):
        fetch(models, served, replace(WANTED, size_bytes=4_000_000))
    assert left_over(models) == set()


def test_a_server_that_never_stops_is_stopped(models: ModelsFolder, served: Served) -> None:
    served.length = False
    with pytest.raises(FetchError, match="more than the 2000000 bytes"):
        fetch(models, served, replace(WANTED, about_mb=1))


def test_silence_ends_with_a_sentence(models: ModelsFolder, served: Served) -> None:
    served.stall = threading.Event()
    with pytest.raises(FetchError, match=r"nothing came for 0\.3 s"):
        fetch(models, served)


@pytest.mark.parametrize(("status", "again"), [(404, False), (403, False), (503, True)])
def test_a_refusal_of_the_server_is_told_and_only_what_may_pass_is_asked_again(
    models: ModelsFolder,
    served: Served,
    status: int,
    again: bool,  # noqa: FBT001 - a case
) -> None:
    served.statuses = [status] * 9
    with pytest.raises(FetchError, match=f"the server answers {status}"):
        fetch(models, served)
    assert len(served.asked) == (BRISK.tries if again else 1)


def test_nobody_there_and_no_address_are_told(models: ModelsFolder) -> None:
    for mirror, why in [("http://127.0.0.1:1/x", "connection failed"), ("ftp://x", "must begin with https://")]:
        with models.locked(), pytest.raises(FetchError, match=why):
            pull(models, WANTED, lambda *_: None, mirror, BRISK)


def test_an_encrypted_address_that_leads_to_a_plain_one_is_not_followed(
    models: ModelsFolder, served: Served, monkeypatch: pytest.MonkeyPatch
) -> None:
    class LeadsAway(urllib.request.HTTPSHandler):
        def https_open(self, req: urllib.request.Request) -> HTTPResponse:
            answer: HTTPResponse = urllib.request.build_opener().open(f"{served.url}/{WANTED.file}")
            return answer

    monkeypatch.setattr(urllib.request, "_opener", urllib.request.build_opener(LeadsAway))
    with models.locked(), pytest.raises(FetchError, match=r"leads to 'http://.*which is not encrypted"):
        pull(models, WANTED, lambda *_: None, "https://example.invalid", BRISK)
    assert left_over(models) == set()


def test_a_full_disk_is_told_before_anything_is_fetched(
    models: ModelsFolder, served: Served, monkeypatch: pytest.MonkeyPatch
) -> None:
    usage = shutil.disk_usage("/")
    monkeypatch.setattr(shutil, "disk_usage", lambda _: usage._replace(free=1_000_000))
    with pytest.raises(OutputError, match="has 1 MB free and 70 MB are needed"):
        fetch(models, served)
    assert not (models.path / f"{WANTED.file}.part").exists()


def test_a_disk_that_fills_on_the_way_keeps_what_came(models: ModelsFolder, served: Served) -> None:
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (1_500_000, before[1]))
    try:
        with pytest.raises(OutputError, match=r"\.part' cannot be written: File too large"):
            fetch(models, served)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
    assert fetch(models, served) == "its sha256 is the published one"
    assert served.asked[1].startswith("bytes=1")


def test_a_folder_that_cannot_be_made_is_told(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    models = ModelsFolder(tmp_path / "file" / "models", Policy())
    with pytest.raises(OutputError, match="cannot be written"), models.locked():
        pass


def test_two_pulls_do_not_meet_in_one_folder(models: ModelsFolder) -> None:
    other = ModelsFolder(models.path, models.policy)
    with models.locked(), pytest.raises(ConflictError, match="wait for it to end"), other.locked():
        pass
    with other.locked():
        pass


@pytest.mark.parametrize("name", ["sam3", "matanyone2", "vitmatte-small-composition-1k"])
def test_what_licence_or_publisher_forbid_is_never_asked_for(name: str, models: ModelsFolder, served: Served) -> None:
    with pytest.raises(UnavailableError, match=f"'{name}'"):
        fetch(models, served, checkpoint(name))
    assert served.asked == []


def settings(models: ModelsFolder, served: Served) -> dict[str, str]:
    return {**os.environ, "ROTO_MODELS_DIR": str(models.path), "ROTO_MODELS_MIRROR": served.url, "COLUMNS": "200"}


def test_a_pull_that_was_killed_goes_on_where_it_was(models: ModelsFolder, served: Served) -> None:
    served.stall = threading.Event()
    xmem = checkpoint("xmem")
    part = models.path / f"{xmem.file}.part"
    with subprocess.Popen(
        [*COMMAND, "pull", "xmem"], env=settings(models, served), stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    ) as process:
        deadline = time.monotonic() + 60
        while not (part.exists() and part.stat().st_size == len(CONTENT) // 2):
            assert time.monotonic() < deadline
            assert process.poll() is None
            time.sleep(0.02)
        process.send_signal(signal.SIGKILL)
    assert not models.has(xmem)
    served.stall.set()
    again = subprocess.run(
        [*COMMAND, "pull", "xmem"], env=settings(models, served), capture_output=True, text=True, timeout=60, check=True
    )
    assert served.asked == ["", f"bytes={len(CONTENT) // 2}-"]
    assert models.file(xmem).read_bytes() == CONTENT
    assert f"unverified: nobody publishes a checksum. Its sha256 is {SUM}" in again.stdout
    assert "ask counsel" in again.stdout
