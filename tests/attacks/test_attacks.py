"""A thin part of the attacks, which has every row; `make attacks` runs the whole."""

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from tests.attacks import table
from tests.attacks.world import attacked_host, bring, rows, tried
from tests.whole import rounds

CODE = Path(__file__).parents[2]
JOBS = 2


@pytest.fixture(scope="module")
def attacked(tmp_path_factory):
    folder = tmp_path_factory.mktemp("attacks")
    with attacked_host(folder / "project") as host:
        bring(host, rows(), CODE, folder)
        yield host


@pytest.fixture(scope="module")
def results(attacked):
    def part(number):
        return list(tried(attacked, most=1, share=f"{number}/{JOBS}"))

    with ThreadPoolExecutor(JOBS) as pool:
        return [one for found in pool.map(part, range(JOBS)) for one in found]


@pytest.mark.hosts
def test_no_attack_succeeds(results):
    assert table.successes(results) == [], table.reproduced(results)


@pytest.mark.hosts
def test_every_row_of_the_table_is_tried(results):
    assert set(table.before()) <= set(table.merged(results))
    assert all(one["tries"] for one in results)


@pytest.mark.hosts
def test_the_same_attacks_succeed_where_nobody_takes_care(results):
    """Else the harness would see nothing, whatever the agent did."""
    harmed = {one["attack"] for one in results if one["type"] == table.CARELESS and one["successes"]}
    assert {"link in a parent", "final link", "hard link", "FIFO"} <= harmed


@pytest.mark.hosts
def test_no_race_is_won(attacked):
    assert table.successes(list(tried(attacked, races=rounds(100, 300)))) == []
