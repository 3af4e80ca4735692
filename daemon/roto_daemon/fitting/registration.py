"""Motions that carry samples from one frame near to where they lie on another, before they are matched one by one."""

from __future__ import annotations

from typing import Protocol

import numpy as np
from scipy.ndimage import gaussian_filter1d
from scipy.spatial import cKDTree

from roto_daemon.fitting.outline import Points
from roto_daemon.fitting.ring import Floats, Ring, unit

_SIMILAR_ROUNDS, _AFFINE_ROUNDS = 8, 4
_PULL_TO_PREDICTION = 1e-3
"""Holds what the outline does not determine, such as the rotation of a circle."""

_LEAST_SEEN = 0.05
"""Share of samples seen below which that pull grows no more."""

_PULL_TO_SIMILARITY = 1e-2
"""The same for strain: a turning ellipse looks to an affine motion like one that is stretched and squashed."""

_LOCAL_SHARE = 0.08
"""Standard deviation, in outlines, of the window whose samples move as one where motion is local."""


class Edge(Protocol):
    """Points (n, 2) along an edge and its unit tangents there."""

    @property
    def points(self) -> Points:
        """Return (n, 2) places in px."""
        ...

    @property
    def tangents(self) -> Points:
        """Return (n, 2) unit vectors."""
        ...


def register(start: Points, directions: Points, ring: Ring) -> tuple[Points, Points]:
    """Return samples and their tangents moved onto a ring by a robust point-to-line similarity, then affine.

    `start` is where the samples are thought to be. Point to point they would crawl along the edge and lose rotation.
    """
    return _registered(start, directions, ring, np.ones(len(start)), _AFFINE_ROUNDS)


def register_seen(start: Points, directions: Points, edge: Edge, seen: Floats) -> Points:
    """Return samples (M, 2) moved by the similarity that takes those with a weight `seen` (M,) onto an edge.

    No affine motion here: what a part of the outline stretches by says little about the rest.
    """
    return _registered(start, directions, edge, seen, 0)[0] if len(edge.points) else start


def _registered(
    start: Points, directions: Points, ring: Edge, seen: Floats, affine_rounds: int
) -> tuple[Points, Points]:
    tree = cKDTree(ring.points)
    some = seen > 0 if seen.any() else np.ones(len(seen), bool)
    # What few samples say about the rest of the outline is worth less than what was thought before.
    first_pull = _PULL_TO_PREDICTION / max(float(seen.mean()), _LEAST_SEEN) ** 3
    middle = start.mean(axis=0)
    scale = max(float(start.std()), 1.0)
    base = (start - middle) / scale
    matrix, shift = np.eye(2) * scale, middle
    held, pull = start, first_pull
    for number in range(_SIMILAR_ROUNDS + affine_rounds):
        moved = base @ matrix.T + shift
        if number == _SIMILAR_ROUNDS:
            held, pull = moved, _PULL_TO_SIMILARITY
        _, near = tree.query(moved)
        tangents = unit(directions @ (matrix / scale).T)
        agree = np.sum(tangents * ring.tangents[near], axis=1)
        normal = np.stack([ring.tangents[near, 1], -ring.tangents[near, 0]], axis=1)
        residual = np.sum(normal * (ring.points[near] - moved), axis=1)
        reach = max(2.0, 4 * float(np.median(np.abs(residual[some]))))
        weight = seen * np.clip(agree, 0, 1) / (1 + (residual / reach) ** 2) ** 2
        basis = _similarity_basis(base) if number < _SIMILAR_ROUNDS else _affine_basis(base)
        change = _solve_motion(basis, (normal, residual, weight), held - moved, pull)
        matrix, shift = _moved_by(change, matrix, shift)
    return base @ matrix.T + shift, unit(directions @ (matrix / scale).T)


def turn_between(start: Points, end: Points, weight: Floats) -> Floats:
    """Return the (2, 2) rotation that takes `start` (M, 2) nearest to `end`, each about its own middle."""
    total = max(float(weight.sum()), 1e-9)
    a, b = (points - weight @ points / total for points in (start, end))
    c = float(weight @ (a * b).sum(axis=1))
    s = float(weight @ (a[:, 0] * b[:, 1] - a[:, 1] * b[:, 0]))
    size = max(float(np.hypot(c, s)), 1e-9)
    return np.array([[c, -s], [s, c]]) / size


def carry_locally(start: Points, end: Points, weight: Floats) -> tuple[Points, Points]:
    """Return `start` (M, 2) moved by similarities of the samples around each, and the (M, 2) cosines and sines.

    What `end` has of errors along the outline is taken off, what neighbours share is kept.
    """
    terms = np.stack(
        [
            np.ones(len(start)),
            *start.T,
            *end.T,
            (start * start).sum(axis=1),
            (start * end).sum(axis=1),
            start[:, 0] * end[:, 1] - start[:, 1] * end[:, 0],
        ]
    )
    sums = gaussian_filter1d(terms * weight, _LOCAL_SHARE * len(start), axis=1, mode="wrap")
    x, y, to_x, to_y, square, dot, across = sums[1:] / np.maximum(sums[0], 1e-9)
    square = np.maximum(square - x * x - y * y, 1e-9)
    c = (dot - x * to_x - y * to_y) / square
    s = (across - x * to_y + y * to_x) / square
    own_x, own_y = start[:, 0] - x, start[:, 1] - y
    moved = np.stack([to_x + c * own_x - s * own_y, to_y + s * own_x + c * own_y], axis=1)
    return moved, unit(np.stack([c, s], axis=1))


def turned(directions: Points, turn: Points) -> Points:
    """Return directions (M, 2) turned by angles given as (M, 2) cosines and sines."""
    x, y = directions.T
    c, s = turn.T
    return np.stack([c * x - s * y, s * x + c * y], axis=1)


def _similarity_basis(base: Points) -> Floats:
    x, y = base.T
    one, zero = np.ones_like(x), np.zeros_like(x)
    return np.stack([np.stack([x, -y, one, zero], axis=1), np.stack([y, x, zero, one], axis=1)], axis=1)


def _affine_basis(base: Points) -> Floats:
    x, y = base.T
    one, zero = np.ones_like(x), np.zeros_like(x)
    return np.stack(
        [np.stack([x, y, zero, zero, one, zero], axis=1), np.stack([zero, zero, x, y, zero, one], axis=1)], axis=1
    )


def _solve_motion(basis: Floats, lines: tuple[Floats, Floats, Floats], missing: Points, pull: float) -> Floats:
    normal, residual, weight = lines
    rows = np.einsum("md,mdk->mk", normal, basis)
    left = (rows * weight[:, None]).T @ rows + pull * np.einsum("mdk,mdl->kl", basis, basis)
    right = rows.T @ (weight * residual) + pull * np.einsum("mdk,md->k", basis, missing)
    solved: Floats = np.linalg.solve(left, right)
    return solved


def _moved_by(change: Floats, matrix: Floats, shift: Floats) -> tuple[Floats, Floats]:
    if len(change) == 4:  # noqa: PLR2004 - the four numbers of a similarity
        a, b = change[:2]
        return matrix + np.array([[a, -b], [b, a]]), shift + change[2:]
    return matrix + change[:4].reshape(2, 2), shift + change[4:]
