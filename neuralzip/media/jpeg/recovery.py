"""Pixels that a JPEG decoder made -> the coefficients that it made them of.

Colours give the samples of Y, Cb and Cr where none was clipped (`experts.image_lattice`), the samples of a
subsampled component the plane that was interpolated (`downsampling`), a plane its quantisation steps
(`steps_search`) and its coefficients (`block_search`). All is decoded again then; where pixels differ, their
blocks are searched once more, from what the others tell now. H rows, W columns; h, w of a component.
"""

import numpy as np

from neuralzip.experts import image_lattice
from neuralzip.media.jpeg.coefficients import FACTORS, MAX_SIDE, Coefficients, block_shapes
from neuralzip.media.jpeg.decoder import MIDDLE, colours_of
from neuralzip.media.jpeg.downsampling import downsample, sweep
from neuralzip.media.jpeg.luma_bounds import luma_bounds
from neuralzip.media.jpeg.recovery_plane import (
    Factors,
    Flags,
    Plane,
    Samples,
    Steps,
    around,
    blocks_of,
    by_blocks,
    counts,
    telling,
)
from neuralzip.media.jpeg.steps_search import example_for_chroma, find_steps
from neuralzip.media.jpeg.upsampling import plane_size, upsample

LEAST_SIDE = 16
"""Smaller pictures are not looked at."""
_WINDOW, _WINDOWS, _BORDER = 128, 3, 2
"""Pixels each way of what is tried first, choices each way, and blocks at its border that say nothing."""
_ROUNDS, _TRIAL_ROUNDS, _CHROMA_ROUNDS = 8, 2, 3
_HOPELESS, _STALLED = 0.6, 0.97
"""Shares of pixels that are wrong, of all and of those before, from which no round follows."""
_RELAXATION = 1.5
"""How far a wrong triple moves, by its distance from the nearest that gives the colour."""
_SLACK = 1
"""How far the samples of a plane that was interpolated may be off at first."""
_MISMATCH, _MOST_MISSED = 0.05, 0.2
"""Shares of samples that a subsampled plane, and its coefficients, may fail to give."""
_LEAST_OCTAVES = 0.5
"""Mean logarithm of the steps of Y, each as often as it is used, from which coefficients are worth it."""
_STRIP = 1 << 8
_TRIAL_ROWS = 1 << 9
MOST_WRONG = 0.12
"""Share of pixels that may differ."""
_MOST_WRONG_BLOCKS = 0.5
"""Share of the blocks within a window, of those where nothing is clipped, that may have such pixels."""


def recover(pixels: Samples) -> Coefficients | None:
    """Return the coefficients that decode to pixels [H, W, C], C = 1 or 3, but for some; None for other pixels."""
    height, width = pixels.shape[:2]
    if min(height, width) < LEAST_SIDE or max(height, width) > MAX_SIDE:
        return None
    some = pixels[:: 1 + height // _TRIAL_ROWS]
    if pixels.shape[2] == 3 and image_lattice.detect(some.astype(np.int32)) != image_lattice.JFIF:
        return None
    window = _window(pixels)
    if window.size < pixels.size and not _is_likely(window):
        return None
    found, wrong = _Recovery(pixels).run(_ROUNDS)
    return found if wrong <= MOST_WRONG and _is_coarse(found) else None


def _is_coarse(coefficients: Coefficients) -> bool:
    """Say whether coefficients are so few bits that pixels would take more."""
    luma = coefficients.components[0]
    used = (luma.coefficients != 0).sum((0, 1))
    return bool((used * np.log2(luma.quantisation)).sum() >= _LEAST_OCTAVES * used.sum())


def _window(pixels: Samples) -> Samples:
    """Return a part [_WINDOW, _WINDOW, C] of pixels, or all of few: the busiest of those with little clipped."""
    height, width = pixels.shape[:2]
    if min(height, width) <= _WINDOW:
        return pixels[: _WINDOW * 2, : _WINDOW * 2]
    best, most = pixels, -1.0
    for top in np.linspace(0, height - _WINDOW, _WINDOWS).astype(int) // 16 * 16:
        for left in np.linspace(0, width - _WINDOW, _WINDOWS).astype(int) // 16 * 16:
            part = pixels[top : top + _WINDOW, left : left + _WINDOW]
            clipped = ((part == 0) | (part == 255)).mean()
            activity = float(np.abs(np.diff(part.astype(np.int16), axis=1)).mean() * (1 - clipped) ** 4)
            if activity > most:
                best, most = part, activity
    return np.ascontiguousarray(best)


def _is_likely(window: Samples) -> bool:
    """Say whether most blocks of a window are a decoder's; those at its border had other neighbours."""
    recovery = _Recovery(window)
    found, _ = recovery.run(_TRIAL_ROUNDS)
    if not _is_coarse(found):
        return False
    wrong = by_blocks(recovery.wrong(), (8, 8), 0)
    clear = ~by_blocks(((window == 0) | (window == 255)).any(2), (8, 8), 8)
    clear[:_BORDER] = clear[:, :_BORDER] = clear[-_BORDER:] = clear[:, -_BORDER:] = False
    return not clear.any() or bool(wrong[clear].mean() <= _MOST_WRONG_BLOCKS)


def _samples(pixels: Samples) -> tuple[list[Samples], Flags]:
    """Return guesses at Y, Cb, Cr [H, W] of pixels [H, W, C], and which [H, W] are sure."""
    if pixels.shape[2] == 1:
        grey = np.ascontiguousarray(pixels[:, :, 0])
        return [grey], np.ones(grey.shape, np.bool_)
    planes = np.empty((3, *pixels.shape[:2]), np.uint8)
    known = (pixels.min(2) > 0) & (pixels.max(2) < 255)
    for first in range(0, len(pixels), _STRIP):
        strip = slice(first, first + _STRIP)
        triples, missed = image_lattice.fit(image_lattice.JFIF, pixels[strip].astype(np.int32))
        triples[:, :, 1:] += MIDDLE
        known[strip] &= ~missed & (triples >= 0).all(2) & (triples <= 255).all(2)
        planes[:, strip] = triples.clip(0, 255).transpose(2, 0, 1)
    return list(planes), known


class _Recovery:
    """Recovers the coefficients of pixels [H, W, C]."""

    def __init__(self, pixels: Samples) -> None:
        self._pixels = pixels
        self._size = pixels.shape[0], pixels.shape[1]

    def run(self, rounds: int) -> tuple[Coefficients, float]:
        """Return coefficients, and the share of pixels that they do not give after some rounds of searching."""
        self._targets, self._known = _samples(self._pixels)
        steps = find_steps(telling(self._targets[0], self._known))
        chroma = self._chroma(example_for_chroma(steps))
        mcu = chroma[0].factors if chroma else (1, 1)
        self._planes = chroma
        luma = self._new((1, 1), mcu)
        guess, low, high = self._luma_bounds(self._targets[0])
        luma.steps = steps
        luma.search(guess, low, high, np.ones(blocks_of(luma.size), np.bool_))
        self._planes = [luma, *chroma]
        wrong = self.wrong()
        for turn in range(rounds):
            before = wrong.mean()
            if before == 0 or before > _HOPELESS:
                break
            kept = [each.coefficients.copy() for each in self._planes]
            self._refine(wrong, turn % 2 == 0)
            worse = counts(self.wrong(), mcu) > counts(wrong, mcu)
            for each, old in zip(self._planes, kept, strict=True):
                each.restore(old, worse.repeat(mcu[1] // each.factors[1], 0).repeat(mcu[0] // each.factors[0], 1))
            wrong = self.wrong()
            if turn % 2 and wrong.mean() > _STALLED * before:
                break
        components = tuple(each.component(*mcu) for each in self._planes)
        return Coefficients(self._size[1], self._size[0], components), float(wrong.mean())

    def _new(self, factors: Factors, mcu: Factors) -> Plane:
        size = plane_size(*self._size, factors)
        rows, columns = block_shapes(self._size[1], self._size[0], [mcu, (1, 1)])[0]
        shape = rows // factors[1], columns // factors[0]
        return Plane(
            factors, size, np.ones(64, np.int64), np.zeros((*shape, 64), np.int16), np.zeros(size, np.uint8)
        )

    def _chroma(self, steps: Steps | None) -> list[Plane]:
        """Return Cb and Cr, or nothing for greys; their steps are those given, if most blocks have them."""
        found: list[Plane] = []
        for factors in reversed(FACTORS) if len(self._targets) == 3 else ():
            planes = [downsample(target, self._known, factors) for target in self._targets[1:]]
            if self._mismatch(planes, factors) > _MISMATCH:
                continue
            if steps is not None:
                found, missed = self._searched(planes, factors, steps)
                if missed <= _MOST_MISSED:
                    break
            sure = ~by_blocks(~self._known, factors, 1)
            own = find_steps(np.concatenate([telling(plane, sure) for plane in planes]))
            found, missed = self._searched(planes, factors, own)
            if missed <= _MOST_MISSED:
                break
        return found

    def _mismatch(self, planes: list[Samples], factors: Factors) -> float:
        """Return the share of samples that planes [h, w] do not give, far from clipped ones and the border."""
        clear = ~by_blocks(~self._known, (8, 8), 8).repeat(8, 0).repeat(8, 1)[: self._size[0], : self._size[1]]
        clear[:8] = clear[-8:] = clear[:, :8] = clear[:, -8:] = False
        where = clear if clear.any() else self._known
        pairs = zip(planes, self._targets[1:], strict=True)
        return max(float((upsample(one, factors, self._size) != other)[where].mean()) for one, other in pairs)

    def _searched(self, planes: list[Samples], factors: Factors, steps: Steps) -> tuple[list[Plane], float]:
        """Return Cb and Cr of planes [h, w], and the share of samples that they do not give."""
        known = ~by_blocks(~self._known, factors, 0)
        slack = _SLACK if factors != (1, 1) else 0
        found = []
        for plane, target in zip(planes, self._targets[1:], strict=True):
            each = self._new(factors, factors)
            each.steps = steps
            low, high = around(plane, slack)
            low, high = np.where(known, low, 0), np.where(known, high, 255)
            each.search(plane, low, high, np.ones(blocks_of(each.size), np.bool_))
            for _ in range(_CHROMA_ROUNDS if slack else 0):
                samples = sweep(each.samples, target, self._known, factors)
                low, high = np.where(known, samples, 0), np.where(known, samples, 255)
                each.search(samples, low, high, by_blocks(samples != each.samples, (8, 8), 0), careful=True)
            found.append(each)
        return found, self._mismatch([each.samples for each in found], factors)

    def _luma_bounds(self, guess: Samples) -> tuple[Samples, Samples, Samples]:
        if self._pixels.shape[2] == 1:
            return guess, guess, guess
        cb, cr = (upsample(each.samples, each.factors, self._size) for each in self._planes[-2:])
        return luma_bounds(self._pixels, cb, cr, guess)

    def _full(self) -> list[Samples]:
        return [upsample(each.samples, each.factors, self._size) for each in self._planes]

    def wrong(self) -> Flags:
        """Return which pixels [H, W] the coefficients do not give."""
        return (colours_of(self._full()) != self._pixels).any(2)

    def _refine(self, wrong: Flags, careful: bool) -> None:
        """Search the blocks of wrong pixels once more; if careful, trust samples of interpolated planes less."""
        full = self._full()
        if len(full) == 3:
            targets = [np.where(wrong, target, plane) for target, plane in zip(self._targets, full, strict=True)]
            guessed = wrong & ~self._known
            trusted = ~guessed if careful else np.ones_like(guessed)
            triples = np.stack([plane[guessed] for plane in full], axis=1).astype(np.int32)
            triples[:, 1:] -= MIDDLE
            colours = self._pixels[guessed].astype(np.int32)
            nearest = image_lattice.nearest(image_lattice.JFIF, colours, triples)
            moved = triples + _RELAXATION * (nearest - triples) + [0, MIDDLE, MIDDLE]
            for c in range(3):
                targets[c][guessed] = moved[:, c].clip(0, 255)
            for each, target, plane in zip(self._planes[1:], targets[1:], full[1:], strict=True):
                if (target != plane).any():
                    samples = sweep(each.samples, target, trusted, each.factors)
                    wanted = by_blocks(samples != each.samples, (8, 8), 0)
                    if each.factors == (1, 1):
                        low, high = np.where(self._known, samples, 0), np.where(self._known, samples, 255)
                        each.search(samples, low, high, wanted)
                    else:
                        wanted = each.search(samples, samples, samples, wanted, careful)
                        if careful:
                            each.search(samples, *around(samples, _SLACK), wanted)
            wrong = self.wrong()
            full[0] = targets[0]
        guess, low, high = self._luma_bounds(full[0])
        self._planes[0].search(guess, low, high, by_blocks(wrong, (8, 8), 0))
