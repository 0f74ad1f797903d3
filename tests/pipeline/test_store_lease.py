"""Of those who want the same work, one has it; a dead one's is taken over; who has lost it finds out."""

import threading
import time

from cdconf.artifacts import ArtifactStore
from cdconf.artifacts.leftovers import sweep
from cdconf.inventory import load_project
from cdconf.pipeline import store_lease
from cdconf.pipeline.entries import StageNoted
from cdconf.pipeline.record import RunRecorder
from cdconf.pipeline.store_lease import TTL, about_of, holders, key_of, listed, take

KEY, OTHER = key_of("stage", "demo", "manual"), key_of("stage", "demo", "release")


def test_one_has_it_until_it_gives_it_back(place):
    now = time.time()
    first = take(place, KEY, {"by": "one"}, now)
    assert take(place, KEY, {"by": "two"}, now) is None
    assert take(place, OTHER, {"by": "two"}, now) is not None
    assert about_of(place, KEY)["by"] == "one"
    assert first.beat()
    assert first.beat()
    assert len(place.entries(store_lease.BEAT + KEY)) == 1
    first.release()
    assert listed(place, KEY) == []
    assert take(place, KEY, {"by": "two"}, now).beat()


def test_of_many_at_once_one_has_it(place):
    taken, ready = [], threading.Barrier(6)

    def run():
        ready.wait()
        taken.append(take(place, KEY, {}, time.time()))

    threads = [threading.Thread(target=run) for _ in range(6)]
    for one in threads:
        one.start()
    for one in threads:
        one.join()
    assert len([one for one in taken if one is not None]) == 1


def test_a_dead_one_s_is_taken_over_and_it_finds_out(folder, age):
    dead = take(folder, KEY, {}, time.time())
    assert dead.beat()
    age(TTL + 5)
    heir = take(folder, KEY, {}, time.time())
    assert heir is not None
    assert not dead.beat()
    assert dead.lost
    assert heir.beat()
    assert take(folder, KEY, {}, time.time()) is None
    heir.release()
    assert listed(folder, KEY) == []


def test_who_slept_while_others_had_it_and_gave_it_back_has_lost_it(folder, age):
    slept = take(folder, KEY, {}, time.time())
    age(TTL + 5)
    take(folder, KEY, {}, time.time()).release()
    assert not slept.beat()


def test_a_process_that_is_known_to_be_dead_need_not_be_waited_for(folder):
    take(folder, KEY, {}, time.time())
    assert take(folder, KEY, {}, time.time(), is_dead=True).beat()


def test_an_epoch_that_was_decided_on_old_news_is_given_up(folder, age, monkeypatch):
    """Two see a dead one's; one takes it and gives it back, and a third takes it anew, before the other goes on."""
    take(folder, KEY, {}, time.time())
    age(TTL + 5)
    create, done = folder.create, []

    def late(name, data):
        if not done:
            done.append(name)
            take(folder, KEY, {}, time.time()).release()
            done.append(take(folder, KEY, {}, time.time()))
        return create(name, data)

    monkeypatch.setattr(folder, "create", late)
    assert take(folder, KEY, {}, time.time()) is None
    assert done[1].beat()


def test_what_it_is_not_is_overlooked(folder):
    folder.create(f"pipelease-{KEY}-1.json", b"x")
    assert holders(folder.entries("pipe")) == {}
    assert take(folder, KEY, {}, time.time()) is not None


def test_the_store_s_own_cleaning_up_takes_what_dead_runners_left(app, monkeypatch):
    project = load_project(app)
    store = ArtifactStore(project)
    dead = take(store.place, KEY, {}, time.time())
    assert dead.beat()
    written = RunRecorder(store.place, "demo", "c" * 40)
    written.note(StageNoted(1.0, "one", "running"))
    kept = {one.name for one in store.place.entries("pipeline-")}
    assert sweep(project, store).count == 0
    assert sweep(project, store, grace=-60.0).count == 2
    assert listed(store.place) == []
    assert {one.name for one in store.place.entries("pipeline-")} == kept
