"""What leaves the enclave: three objects in these forms, parts of the first, and nothing else.

`results.jsonl` is for programs, one record a picture in the order of the listing; `summary.json`
says what the run was; `result` is for people, written last, so that it appears only when all is
there. All are of one run: `begin` takes the earlier run's away before anything else happens, which
also proves that results can be written before the model's owner is asked for anything. What an
earlier run left in parts is for `parts` to judge.

Of two runs at once, the one goes on whose `results.jsonl` is there: each remembers the generation
that it wrote, and ends when it finds another one. So none waits for a run that was killed.

This module knows no cloud and no engine.
"""

from __future__ import annotations

import datetime as dt
import json
from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from workload import records
from workload.checkpoints import Parts, writing
from workload.errors import Failure, WorkloadError

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from pathlib import Path

    from workload.checkpoints import Origin, Sink

SCHEMA = "confidential-inference/summary/v1"
RECORDS = "results.jsonl"
SUMMARY = "summary.json"
TEXT = "result"


@dataclass(frozen=True, kw_only=True)
class Summary:
    """How many pictures were classified, and how many could not be."""

    classified: int
    failed: int

    def __str__(self) -> str:
        """Both counts, for the log."""
        return f"classified {self.classified}, failed {self.failed}"


class Results:
    """The results of one run, in a private folder until they are complete.

    Every method raises RESULTS_NOT_WRITABLE if the bucket does not take what it is given.
    """

    def __init__(
        self,
        bucket: Sink,
        folder: Path,
        clock: Callable[[], dt.datetime] = lambda: dt.datetime.now(dt.UTC),
        *,
        mark: str | None = None,
        marked: Callable[[str], None] = lambda _: None,
    ) -> None:
        """`marked` is called with each new mark; `mark` is one of a process that has died."""
        self._bucket = bucket
        self._folder = folder
        self._clock = clock
        self._started = self._working = clock()
        self._mark = mark
        """The generation of the records that this run has written last."""
        self._marked = marked

    def begin(self) -> None:
        """Takes the results of an earlier run away."""
        with writing():
            # The text first: a run that gets no further leaves no text beside foreign records.
            self._bucket.remove(TEXT)
            self._bucket.remove(SUMMARY)
            self._file(RECORDS).write_text("")
            self._leave_mark()
            # Until the mark was there, another run could still leave its own.
            left = {name: self._bucket.generation(name) for name in (TEXT, SUMMARY)}
        self.check()
        self._take_back(left)

    def parts(self, origin: Origin) -> Parts:
        """Where records are noted; from now on counts the time that the summary's rate is about."""
        self._working = self._clock()
        return Parts(self._bucket, self._folder, origin, self.check)

    def check(self) -> None:
        """Raises RESULTS_TAKEN once another run has begun in the same bucket."""
        with writing():
            there = self._bucket.generation(RECORDS)
            if there is None:  # a person removed it: no run does, and the mark is free
                self._file(RECORDS).touch()
                self._leave_mark()
            elif there != self._mark:
                raise WorkloadError(Failure.RESULTS_TAKEN)

    def finish(self, parts: Parts) -> Summary:
        """Hands over what is in the parts, the text last; then they can be removed."""
        errors: Counter[str | None] = Counter()
        with (
            self._file(RECORDS).open("w", encoding="utf-8") as lines,
            self._file(TEXT).open("w", encoding="utf-8") as texts,
        ):
            between = ""
            for line in parts.lines():
                record = json.loads(line)
                lines.write(records.line(records.rounded(record)))
                texts.write(between + records.text(record))
                between = "\n"  # none behind the last: readers of the published example split here
                errors[record.get("error")] += 1
        classified = errors.pop(None, 0)
        self._file(SUMMARY).write_text(
            json.dumps(self._summary(parts, classified, dict(errors)), sort_keys=True) + "\n"
        )
        self.check()
        with writing():
            self._leave_mark()
            written = {name: self._hand_over(name) for name in (SUMMARY, TEXT)}
        try:
            self.check()
        except WorkloadError:
            self._take_back(written)
            raise
        return Summary(classified=classified, failed=errors.total())

    def fail(self, error: Exception) -> None:
        """Hands over why there are no results, in place of any that were noted.

        Nothing if another run has begun: what is there, or will be, is that run's.
        """
        if isinstance(error, WorkloadError) and error.failure is Failure.RESULTS_TAKEN:
            return
        self.check()
        record = records.failure(error)
        self._file(RECORDS).write_text(records.line(record))
        self._file(TEXT).write_text(records.text(record) + "\n")
        with writing():
            self._bucket.remove(SUMMARY)
            self._leave_mark()
            self._hand_over(TEXT)

    def _summary(
        self, parts: Parts, classified: int, errors: dict[str | None, int]
    ) -> dict[str, Any]:
        finished = self._clock()
        seconds = (finished - self._working).total_seconds()
        return {
            "schema": SCHEMA,
            "listed": parts.listed,
            "classified": classified,
            "failed": errors,
            "continued": parts.continued,
            "retried": parts.retried,
            "damagedParts": parts.damaged,
            "modelSha256": parts.origin.model_sha256,
            "engine": parts.origin.engine,
            "imageDigest": parts.origin.image_digest,
            "started": _rfc3339(self._started),
            "finished": _rfc3339(finished),
            "picturesPerSecond": round((parts.listed - parts.continued) / seconds, 1)
            if seconds > 0
            else None,
        }

    def _take_back(self, generations: Mapping[str, str | None]) -> None:
        """Removes what was there, and nothing that was written since."""
        with writing():
            for name, generation in generations.items():
                if generation:
                    self._bucket.remove(name, generation)

    def _file(self, name: str) -> Path:
        return self._folder / name

    def _leave_mark(self) -> None:
        self._mark = self._hand_over(RECORDS)
        self._marked(self._mark)

    def _hand_over(self, name: str) -> str:
        return self._bucket.write(name, self._file(name), _TYPES[name])


_TYPES = {
    RECORDS: "application/jsonl",
    SUMMARY: "application/json",
    TEXT: "text/plain; charset=utf-8",
}


def _rfc3339(time: dt.datetime) -> str:
    return time.astimezone(dt.UTC).isoformat(timespec="seconds").replace("+00:00", "Z")
