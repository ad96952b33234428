"""The last question of the demo: what a log says, beside what is true."""

from __future__ import annotations

import shutil
from contextlib import closing

import pytest

from vlclip.engine.opening.encoders import Encoders
from vlclip.engine.opening.stores import open_store
from vlclip.service.demo.which_arm import ARMS, which_arm
from vlclip.service.settings import Settings


@pytest.fixture(scope="module")
def answer(filled, tmp_path_factory):
    folder = tmp_path_factory.mktemp("which") / "store"
    shutil.copytree(filled, folder)
    settings = Settings.load(store=str(folder))
    with closing(open_store(settings.store, settings)) as store:
        yield which_arm(store, Encoders(settings, store.info).load, settings.search, lists=400)


def test_shoppers_who_go_by_the_photo_get_more_from_an_arm_that_does(answer):
    photo, words = (answer.truth[arm.id].value for arm in ARMS)
    assert photo > words


def test_the_log_says_so_too(answer):
    photo, words = answer.report.arms
    value = {
        arm.arm.partition("@")[0]: next(e for e in arm.estimates if e.estimator == arm.best)
        for arm in (photo, words)
    }
    assert value["more-photo"].value > value["more-words"].value
    for name, estimate in value.items():
        assert estimate.low <= answer.truth[name].value <= estimate.high
