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
from workload.checkpoints import Checkpoints, bucket_errors_fail_the_run
from workload.errors import Failure, WorkloadError

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from pathlib import Path

    from workload.checkpoints import Origin, ResultBucket

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
        bucket: ResultBucket,
        folder: Path,
        clock: Callable[[], dt.datetime] = lambda: dt.datetime.now(dt.UTC),
        *,
        generation: str | None = None,
        on_generation: Callable[[str], None] = lambda _: None,
    ) -> None:
        """`marked` is called with each new mark; `mark` is one of a process that has died."""
        self._bucket = bucket
        self._folder = folder
        self._clock = clock
        self._started = self._classifying_since = clock()
        self._generation = generation
        """The generation of the records that this run has written last."""
        self._on_generation = on_generation

    def begin(self) -> None:
        """Takes the results of an earlier run away."""
        with bucket_errors_fail_the_run():
            # The text first: a run that gets no further leaves no text beside foreign records.
            self._bucket.remove(TEXT)
            self._bucket.remove(SUMMARY)
            self._file(RECORDS).write_text("")
            self._write_records()
            # Until the mark was there, another run could still leave its own.
            left = {name: self._bucket.generation(name) for name in (TEXT, SUMMARY)}
        self.check_ownership()
        self._remove_generations(left)

    def checkpoints(self, origin: Origin) -> Checkpoints:
        """Where records are noted; from now on counts the time that the summary's rate is about."""
        self._classifying_since = self._clock()
        return Checkpoints(self._bucket, self._folder, origin, self.check_ownership)

    def check_ownership(self) -> None:
        """Raises RESULTS_TAKEN once another run has begun in the same bucket."""
        with bucket_errors_fail_the_run():
            there = self._bucket.generation(RECORDS)
            if there is None:  # a person removed it: no run does, and the mark is free
                self._file(RECORDS).touch()
                self._write_records()
            elif there != self._generation:
                raise WorkloadError(Failure.RESULTS_TAKEN)

    def finish(self, checkpoints: Checkpoints) -> Summary:
        """Hands over what is in the parts, the text last; then they can be removed."""
        errors: Counter[str | None] = Counter()
        with (
            self._file(RECORDS).open("w", encoding="utf-8") as lines,
            self._file(TEXT).open("w", encoding="utf-8") as texts,
        ):
            between = ""
            for line in checkpoints.lines():
                record = json.loads(line)
                lines.write(records.line(records.rounded(record)))
                texts.write(between + records.text(record))
                between = "\n"  # none behind the last: readers of the published example split here
                errors[record.get("error")] += 1
        classified = errors.pop(None, 0)
        self._file(SUMMARY).write_text(
            json.dumps(self._summary(checkpoints, classified, dict(errors)), sort_keys=True) + "\n"
        )
        self.check_ownership()
        with bucket_errors_fail_the_run():
            self._write_records()
            written = {name: self._upload(name) for name in (SUMMARY, TEXT)}
        try:
            self.check_ownership()
        except WorkloadError:
            self._remove_generations(written)
            raise
        return Summary(classified=classified, failed=errors.total())

    def fail(self, error: Exception) -> None:
        """Hands over why there are no results, in place of any that were noted.

        Nothing if another run has begun: what is there, or will be, is that run's.
        """
        if isinstance(error, WorkloadError) and error.failure is Failure.RESULTS_TAKEN:
            return
        self.check_ownership()
        record = records.failure(error)
        self._file(RECORDS).write_text(records.line(record))
        self._file(TEXT).write_text(records.text(record) + "\n")
        with bucket_errors_fail_the_run():
            self._bucket.remove(SUMMARY)
            self._write_records()
            self._upload(TEXT)

    def _summary(
        self, checkpoints: Checkpoints, classified: int, errors: dict[str | None, int]
    ) -> dict[str, Any]:
        finished = self._clock()
        seconds = (finished - self._classifying_since).total_seconds()
        return {
            "schema": SCHEMA,
            "listed": checkpoints.listed,
            "classified": classified,
            "failed": errors,
            "continued": checkpoints.continued,
            "retried": checkpoints.retried,
            "damagedParts": checkpoints.damaged,
            "modelSha256": checkpoints.origin.model_sha256,
            "engine": checkpoints.origin.engine,
            "imageDigest": checkpoints.origin.image_digest,
            "started": _rfc3339(self._started),
            "finished": _rfc3339(finished),
            "picturesPerSecond": round((checkpoints.listed - checkpoints.continued) / seconds, 1)
            if seconds > 0
            else None,
        }

    def _remove_generations(self, generations: Mapping[str, str | None]) -> None:
        """Removes what was there, and nothing that was written since."""
        with bucket_errors_fail_the_run():
            for name, generation in generations.items():
                if generation:
                    self._bucket.remove(name, generation)

    def _file(self, name: str) -> Path:
        return self._folder / name

    def _write_records(self) -> None:
        self._generation = self._upload(RECORDS)
        self._on_generation(self._generation)

    def _upload(self, name: str) -> str:
        return self._bucket.write(name, self._file(name), _TYPES[name])


_TYPES = {
    RECORDS: "application/jsonl",
    SUMMARY: "application/json",
    TEXT: "text/plain; charset=utf-8",
}


def _rfc3339(time: dt.datetime) -> str:
    return time.astimezone(dt.UTC).isoformat(timespec="seconds").replace("+00:00", "Z")
