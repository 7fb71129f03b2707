# SPDX-License-Identifier: MIT
"""A sweep on Dask's distributed executor: a scheduler and workers of their own, here on this machine."""
import numpy as np
import pytest

from duality import lab

distributed = pytest.importorskip("distributed")

OPTIONS = {"families": ["cable_ftth", "mobile_hotspot"], "variants": "all", "seeds": [2, 5, 7], "seconds": 3}


def test_a_sweep_on_a_cluster_is_the_serial_one():
    alone = lab.sweep(**OPTIONS)
    with distributed.LocalCluster(n_workers=2, threads_per_worker=1, processes=True, dashboard_address=None) as cluster:
        with distributed.Client(cluster) as client:
            there = lab.sweep(**OPTIONS, executor=client.get_executor())
            assert len(client.scheduler_info()["workers"]) == 2
    assert (there.event_hash == alone.event_hash).all()
    assert there.figures.keys() == alone.figures.keys()
    for name, values in alone.figures.items():
        np.testing.assert_array_equal(there[name], values, err_msg=name)
    assert len(set(alone.event_hash.flat)) == alone.event_hash.size


def test_a_wrong_setting_comes_back_from_the_cluster_as_it_is():
    from duality import ConfigError

    with distributed.LocalCluster(n_workers=1, threads_per_worker=1, processes=True, dashboard_address=None) as cluster:
        with distributed.Client(cluster) as client:
            with pytest.raises(ConfigError) as caught:
                lab.sweep("reference", seeds=1, payload=15, executor=client.get_executor())
    assert caught.value.field == "payload"
