"""What the sender writes into the outbox about messages that it's at."""

from __future__ import annotations

from collections.abc import Sequence

from cdconf.notify.outbox import Message, Outbox
from cdconf.notify.patience import Patience
from cdconf.notify.receiver import Outcome

MAYBE = "it may have arrived"


class MessageMarks:
    """Notes what becomes of messages.

    Args:
        outbox: The outbox.
        patience: How often something is tried.
    """

    def __init__(self, outbox: Outbox, patience: Patience) -> None:
        self._outbox = outbox
        self._patience = patience

    def begin(self, ids: Sequence[int]) -> None:
        """They're on their way: whoever finds them so later knows that nobody knows."""
        with self._outbox.change():
            for one in ids:
                self._outbox.run("UPDATE message SET state = 'sending' WHERE id = ?", one)

    def recover(self) -> int:
        """Those that a sender was at when it was killed may have arrived; returns how many there were."""
        found = self._outbox.messages("sending")
        if found:
            with self._outbox.change():
                for message in found:
                    self._failed(message, "unanswered", "the sender was killed meanwhile")
        return len(found)

    def end(self, ids: Sequence[int], outcome: Outcome, why: str) -> None:
        """How an attempt ended."""
        now = self._outbox.clock.here()
        with self._outbox.change():
            sending = {message.id: message for message in self._outbox.messages("sending")}
            found = [sending[one] for one in ids if one in sending]
            for message in found:
                if outcome == "sent":
                    self._outbox.run(
                        "UPDATE message SET state = 'sent', ended = ?, why = NULL WHERE id = ?", now, message.id
                    )
                elif outcome == "missing":
                    self._outbox.run("UPDATE message SET state = 'waiting', why = ? WHERE id = ?", why, message.id)
                else:
                    self._failed(message, outcome, why)
            if found and outcome in ("sent", "unanswered"):
                self._outbox.run("INSERT INTO delivered VALUES (?, ?)", found[0].target, now)
            if found and outcome in ("unreachable", "unanswered"):
                self._put_off_others(found[0], outcome)

    def give_up(self, message: Message, why: str) -> None:
        """Nobody tries any more; `notify list` tells why."""
        values = (self._outbox.clock.here(), why, message.id)
        self._outbox.run("UPDATE message SET state = 'given_up', ended = ?, why = ? WHERE id = ?", *values)

    def _failed(self, message: Message, outcome: Outcome, why: str) -> None:
        is_unsure = outcome == "unanswered"
        pauses, count = (
            (self._patience.unsure, message.unsure) if is_unsure else (self._patience.sure, message.attempts)
        )
        attempts, unsure = message.attempts + (not is_unsure), message.unsure + is_unsure
        update = "UPDATE message SET attempts = ?, unsure = ?"
        if count >= len(pauses):
            self._outbox.run(f"{update} WHERE id = ?", attempts, unsure, message.id)
            times = attempts + unsure
            maybe = f"; {MAYBE}" if unsure else ""
            self.give_up(message, f"{why} ({times} attempt{'' if times == 1 else 's'}{maybe})")
            return
        pause = pauses[count]
        next_at = self._outbox.clock.here() + pause
        self._outbox.run(
            f"{update}, state = 'waiting', next_at = ?, pause = ?, why = ? WHERE id = ?",
            *(attempts, unsure, next_at, pause, why, message.id),
        )

    def _put_off_others(self, message: Message, outcome: Outcome) -> None:
        """What else waits for a receiver that doesn't answer waits as long as this."""
        pauses = self._patience.unsure if outcome == "unanswered" else self._patience.sure
        pause = (
            pauses[min(message.unsure if outcome == "unanswered" else message.attempts, len(pauses) - 1)]
            if pauses
            else 0.0
        )
        until = self._outbox.clock.here() + pause
        self._outbox.run(
            "UPDATE message SET next_at = ?, pause = ? WHERE target = ? AND state = 'waiting' AND next_at < ?",
            *(until, pause, message.target, until),
        )
