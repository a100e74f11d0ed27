"""`der dead`: messages that were given up. Look at them, send them again after an upgrade, or drop them."""

import argparse
import asyncio
import json
import sys
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime

from shared.contracts.topology import QUEUES, Queue
from shared.ports.dead_letters import PAGE, DeadLetter, DeadLetters
from shared.ports.errors import NotFoundError
from shared.runtime.cli import Parser, UsageError, positive
from shared.runtime.command import Command
from shared.runtime.resources import Resources
from shared.runtime.table import print_table

EXAMPLES = """\
  {program} list                                  the oldest 100 of each queue: age, type, attempts, reason
  {program} list --queue sync.readings-store.v1 --json
  {program} show ID                               one of them, whole
  {program} replay ID                             back to its queue, attempts counted anew
  {program} replay --all --reason 'message type'  all whose reason contains that
  {program} drop ID                               forget it
  {program} drop --all --queue features.table-build.v1 --yes"""

LINE = 80
"""Letters of a reason in the table; `show` and JSON have all of it."""
SHARED = {queue.name: queue for queue in QUEUES if queue.shared}


@dataclass(frozen=True, slots=True, kw_only=True)
class Choice:
    """Which dead letters a person means."""

    queues: tuple[Queue, ...]
    letter_id: str | None
    reason: str | None

    async def of(self, dead: DeadLetters, *, limit: int | None = None) -> list[tuple[Queue, DeadLetter]]:
        """They, in their queues' order, oldest first."""
        return [
            (queue, letter)
            for queue in self.queues
            for letter in await dead.page(queue, limit=await dead.count(queue) if limit is None or self.reason else limit)
            if self.letter_id in (None, letter.id) and (self.reason or "").casefold() in letter.reason.casefold()
        ][: None if limit is None else limit * len(self.queues)]

    def missing(self) -> NotFoundError:
        """Of a letter that is in none of these queues."""
        where = self.queues[0].dead if len(self.queues) == 1 else "any dead queue"
        return NotFoundError(f"no dead letter {self.letter_id!r} in {where}; `der dead list` shows their ids")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    actions = parser.add_subparsers(dest="action", required=True, metavar="ACTION", parser_class=Parser)
    for name, summary in (
        ("list", "what was given up, oldest first"),
        ("show", "one message, whole, as JSON"),
        ("replay", "send back to its own queue; attempts are counted anew"),
        ("drop", "forget for ever"),
    ):
        action = actions.add_parser(name, help=summary, description=f"Dead letters: {summary}.")
        action.add_argument("--queue", choices=sorted(SHARED), metavar="Q", help=f"of this queue alone: {', '.join(sorted(SHARED))}")
        if name != "list":
            action.add_argument("id", nargs=None if name == "show" else "?", metavar="ID", help="of the message, as the list shows it")
        if name != "show":
            action.add_argument("--reason", metavar="TEXT", help="those alone whose reason contains this")
        if name == "list":
            action.add_argument(
                "--limit", type=positive(int), default=PAGE, metavar="N", help=f"at most so many of a queue (default: {PAGE})"
            )
            action.add_argument("--json", action="store_true", help="print JSON instead of a table")
        if name in ("replay", "drop"):
            action.add_argument("--all", action="store_true", help="all of them instead of one")
        if name == "drop":
            action.add_argument("--yes", action="store_true", help="do not ask before dropping all")


def execute(options: argparse.Namespace, resources: Resources) -> int:
    choice = Choice(
        queues=tuple(SHARED.values()) if options.queue is None else (SHARED[options.queue],),
        letter_id=getattr(options, "id", None),
        reason=getattr(options, "reason", None),
    )
    if options.action in ("replay", "drop") and (choice.letter_id is None) is not options.all:
        raise UsageError(f"{options.action}: name either one ID or --all")
    return asyncio.run(_act(options, choice, resources))


async def _act(options: argparse.Namespace, choice: Choice, resources: Resources) -> int:
    bus = resources.shared_bus
    try:
        match options.action:
            case "list":
                _list(await choice.of(bus.dead, limit=options.limit), resources.clock.now(), as_json=options.json)
            case "show":
                print(json.dumps(_document(await _one(choice, bus.dead)), indent=1, ensure_ascii=False))
            case "replay":
                print(f"{_messages(await _replay(choice, bus.dead))} sent back")
            case _:
                if options.all and not options.yes and not await _confirmed(choice, bus.dead):
                    print("nothing was dropped")
                    return 0
                print(f"{_messages(await _drop(choice, bus.dead))} dropped")
    finally:
        await bus.close()
    return 0


async def _one(choice: Choice, dead: DeadLetters) -> DeadLetter:
    for queue in choice.queues:
        try:
            return await dead.find(queue, choice.letter_id or "")
        except NotFoundError:
            continue
    raise choice.missing()


async def _replay(choice: Choice, dead: DeadLetters) -> int:
    if choice.letter_id is None and choice.reason is None:
        return sum([await dead.replay(queue) for queue in choice.queues])
    return sum([await dead.replay(queue, letter.id) for queue, letter in await _chosen(choice, dead)])


async def _drop(choice: Choice, dead: DeadLetters) -> int:
    if choice.letter_id is None and choice.reason is None:
        return sum([await dead.drop(queue) for queue in choice.queues])
    return sum([await dead.drop(queue, letter.id) for queue, letter in await _chosen(choice, dead)])


async def _chosen(choice: Choice, dead: DeadLetters) -> Iterable[tuple[Queue, DeadLetter]]:
    """Those that are meant, an id of a queue once. Raises `NotFoundError` when one was named and is not there."""
    found = {(queue.name, letter.id): (queue, letter) for queue, letter in await choice.of(dead)}
    if choice.letter_id is not None and not found:
        raise choice.missing()
    return found.values()


async def _confirmed(choice: Choice, dead: DeadLetters) -> bool:
    """Asks at a terminal. Raises `UsageError` where nobody can answer."""
    count = len(await choice.of(dead)) if choice.reason else sum([await dead.count(queue) for queue in choice.queues])
    if not sys.stdin.isatty():
        raise UsageError(f"drop --all would forget {_messages(count)}: add --yes to do it without being asked")
    answer = await asyncio.to_thread(input, f"forget {_messages(count)} for ever? [y/N] ")
    return answer.strip().casefold() in ("y", "yes")


def _list(found: list[tuple[Queue, DeadLetter]], now: datetime, *, as_json: bool) -> None:
    if as_json:
        print(json.dumps([_document(letter) for _, letter in found], indent=1, ensure_ascii=False))
        return
    rows = [
        (letter.id, now - letter.last_at, letter.queue, letter.envelope and letter.envelope.type, letter.attempts, letter.reason[:LINE])
        for _, letter in found
    ]
    print_table(("id", "age", "queue", "type", "attempts", "reason"), rows)


def _document(letter: DeadLetter) -> dict[str, object]:
    return {
        "id": letter.id,
        "queue": letter.queue,
        "reason": letter.reason,
        "attempts": letter.attempts,
        "first_at": letter.first_at.isoformat(),
        "last_at": letter.last_at.isoformat(),
        "envelope": None if letter.envelope is None else letter.envelope.model_dump(mode="json"),
        # as text where it is no envelope: bytes that are no text show as \xNN
        "body": None if letter.envelope is not None else letter.body.decode(errors="backslashreplace"),
    }


def _messages(count: int) -> str:
    return f"{count} message{'' if count == 1 else 's'}"


DEAD = Command(
    name="dead",
    summary="Messages that were given up: list, show, replay, drop.",
    examples=EXAMPLES,
    add_arguments=add_arguments,
    execute=execute,
)
COMMANDS: tuple[Command, ...] = (DEAD,)
