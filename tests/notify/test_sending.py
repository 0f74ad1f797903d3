"""What the sender does with what waits: purely, with a clock that's set by hand."""

import pytest

from cdconf.notify.digest import MOST, PERIOD, NotBefore, choose
from cdconf.notify.marks import MAYBE
from cdconf.notify.patience import Patience, is_due
from cdconf.notify.settings import Ping
from tests.notify.boxes import Box

OPS = "json://ops"


def test_each_is_sent_once(tmp_path):
    box = Box(tmp_path, "ops", "dev")
    box.add("one", "two")
    assert box.drain()
    assert sorted(box.sent) == [("json://dev", "one"), ("json://dev", "two"), (OPS, "one"), (OPS, "two")]
    box.add("one")
    assert box.drain()
    assert len(box.sent) == 4


def test_more_than_five_go_together(tmp_path):
    box = Box(tmp_path)
    box.add(*(f"event {number}" for number in range(6)))
    box.drain()
    assert box.titles == ["demo: 6 events: 6 released"]


def test_after_five_in_a_minute_what_follows_waits_and_goes_together(tmp_path):
    box = Box(tmp_path)
    for number in range(9):
        box.add(f"event {number}")
        box.drain()
        box.time.now += 1
    assert box.titles == [f"event {number}" for number in range(MOST)]
    box.time.now += PERIOD - 9
    box.drain()
    assert box.titles[MOST:] == ["demo: 4 events: 4 released"]
    box.time.now += PERIOD
    assert box.drain()
    assert len(box.titles) == MOST + 1


def test_a_single_one_that_waited_for_the_minute_is_itself(tmp_path):
    box = Box(tmp_path)
    box.add(*(f"event {number}" for number in range(MOST)))
    box.drain()
    box.add("the sixth")
    assert not box.drain()
    box.time.now += PERIOD
    assert box.drain()
    assert box.titles[-1] == "the sixth"


def test_the_minute_is_each_targets_own(tmp_path):
    box = Box(tmp_path, "ops", "dev")
    box.answers["json://dev"] = ("refused", "no")
    box.add(*(f"event {number}" for number in range(MOST)))
    box.drain()
    assert [where for where, _ in box.sent].count("json://dev") == MOST


def test_a_digest_is_as_bad_as_the_worst_in_it(tmp_path):
    box = Box(tmp_path)
    box.add(*"abcde", kind="released")
    box.add("f", kind="stage_failed")
    parcel = choose(box.outbox.messages("waiting"), [], box.time.now, "demo")
    assert (parcel.severity, len(parcel.ids)) == ("failure", 6)
    assert parcel.body.splitlines() == [f"- {one}" for one in "abcdef"]


def test_nothing_goes_before_the_minute_is_over(tmp_path):
    box = Box(tmp_path)
    box.add("a")
    found = choose(box.outbox.messages("waiting"), [box.time.now - 10] * MOST, box.time.now, "demo")
    assert found == NotBefore(box.time.now + 50)


@pytest.mark.parametrize(
    ("answer", "pauses"), [("unreachable", (1.0, 2.0)), ("refused", (1.0, 2.0)), ("unanswered", (3.0,))]
)
def test_what_fails_is_tried_again_with_growing_pauses_and_then_given_up(tmp_path, answer, pauses):
    box = Box(tmp_path)
    box.answers[OPS] = (answer, "because")
    box.add("one")
    for place, pause in enumerate(pauses, 1):
        assert not box.drain()
        assert len(box.sent) == place
        box.time.now += pause - 0.5
        box.drain()
        assert len(box.sent) == place, "it came too early"
        box.time.now += 0.5
    assert box.drain()
    (given_up,) = box.outbox.messages("given_up")
    assert given_up.why.startswith(f"because ({len(pauses) + 1} attempts")
    assert (MAYBE in given_up.why) is (answer == "unanswered")


def test_pauses_survive_the_process(tmp_path):
    box = Box(tmp_path)
    box.answers[OPS] = [("refused", "no"), ("sent", "")]
    box.add("one")
    box.drain()
    box.outbox.close()
    again = Box(tmp_path)
    assert not again.drain()
    assert again.sent == []
    again.time.now += 1
    assert again.drain()
    assert again.titles == ["one"]


def test_a_clock_that_was_set_back_keeps_nothing_waiting(tmp_path):
    assert [is_due(100.0, 5.0, now) for now in (94.0, 95.0, 99.0, 100.0)] == [True, False, False, True]
    box = Box(tmp_path)
    box.answers[OPS] = [("refused", "no"), ("sent", "")]
    box.add("one")
    box.drain()
    box.time.now -= 86400
    assert box.drain()
    assert len(box.sent) == 2


def test_others_wait_for_a_receiver_that_is_away_without_losing_an_attempt(tmp_path):
    box = Box(tmp_path)
    box.answers[OPS] = [("unreachable", "away"), ("sent", ""), ("sent", "")]
    box.add("one", "two")
    box.drain()
    assert box.titles == ["one"]
    assert [one.attempts for one in box.outbox.messages("waiting")] == [1, 0]
    box.time.now += 1
    assert box.drain()
    assert box.titles == ["one", "one", "two"]


def test_one_that_is_refused_keeps_no_other_waiting(tmp_path):
    box = Box(tmp_path)
    box.answers[OPS] = [("refused", "HTTP 400"), ("sent", "")]
    box.add("one", "two")
    box.drain()
    assert box.titles == ["one", "two"]


def test_what_a_killed_sender_was_at_may_have_arrived(tmp_path):
    box = Box(tmp_path)
    box.add("one")
    box.outbox.run("UPDATE message SET state = 'sending'")
    assert not box.drain()
    assert box.sent == []
    box.time.now += 3
    assert box.drain()
    assert box.titles == ["one"]


def test_a_sender_that_is_killed_each_time_repeats_it_a_bounded_number_of_times(tmp_path):
    box = Box(tmp_path)
    box.add("one")
    for _ in range(5):
        box.outbox.run("UPDATE message SET state = 'sending' WHERE state = 'waiting'")
        box.drain()
    (given_up,) = box.outbox.messages("given_up")
    assert MAYBE in given_up.why
    assert box.outbox.is_empty()


def test_what_waits_for_days_is_given_up(tmp_path):
    box = Box(tmp_path, patience=Patience(sure=(1e9,)))
    box.answers[OPS] = ("unreachable", "away")
    box.add("one")
    box.drain()
    box.time.now += 3 * 86400 + 1
    assert box.drain()
    assert [one.why for one in box.outbox.messages("given_up")] == ["it waited for 3 days, at last: away"]


def test_what_waits_for_a_target_that_is_gone_is_given_up(tmp_path):
    box = Box(tmp_path)
    box.add("one")
    box.targets = {}
    assert box.drain()
    assert [one.why for one in box.outbox.messages("given_up")] == ["notify.yml doesn't have this target any more"]


def test_without_apprise_nothing_is_lost(tmp_path):
    box = Box(tmp_path)
    box.answers[OPS] = [("missing", "no Apprise"), ("sent", "")]
    box.add("one", "two")
    assert not box.drain()
    assert [(one.attempts, one.unsure) for one in box.outbox.messages("waiting")] == [(0, 0), (0, 0)]
    assert len(box.sent) == 1


class TestPings:
    URL = "http://ping"

    def box(self, folder, *answers):
        box = Box(folder)
        box.pings = (Ping("dev", self.URL),)
        if answers:
            box.answers[self.URL] = list(answers)
        with box.outbox.change():
            box.outbox.add_ping("dev")
        return box

    def test_it_is_sent_once(self, tmp_path):
        box = self.box(tmp_path)
        box.drain()
        assert box.drain()
        assert box.sent == [(self.URL, None)]

    def test_it_is_tried_again_for_some_minutes_alone(self, tmp_path):
        box = self.box(tmp_path, *[("unreachable", "away")] * 9)
        for _ in range(600):
            box.drain()
            box.time.now += 1
        assert len(box.sent) == 4
        assert box.outbox.is_empty()

    def test_one_that_is_late_is_not_sent(self, tmp_path):
        box = self.box(tmp_path)
        box.time.now += 301
        assert box.drain()
        assert box.sent == []

    def test_a_newer_one_takes_its_place(self, tmp_path):
        box = self.box(tmp_path, ("refused", "no"), ("sent", ""))
        box.drain()
        box.time.now += 1
        with box.outbox.change():
            box.outbox.add_ping("dev")
        box.drain()
        assert box.drain()
        assert len(box.sent) == 2
