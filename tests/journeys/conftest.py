"""Journeys need a running shop; `make test` starts one and says where it is."""

import json
import os
import subprocess
from pathlib import Path

import psycopg
import pytest

from dev.journey import Shop, set_up_program, switch_plugin


@pytest.fixture(scope="session")
def shop():
    """The running shop, with a programme: 10 Stars a dollar, worth a cent each."""
    if "SHOP_URL" not in os.environ:
        pytest.skip("no shop is running: use `make test`")
    shop = Shop(os.environ["SHOP_URL"], Path(os.environ["SHOP_MAIL_FOLDER"]))
    set_up_program(shop)
    return shop


@pytest.fixture
def shop_off(shop):
    """The shop with the plugin switched off for the time of a test."""
    switch_plugin(shop, on=False)
    yield shop
    switch_plugin(shop, on=True)


@pytest.fixture
def database(shop):
    """A connection to the shop's own database, to break things on purpose."""
    with psycopg.connect(os.environ["SHOP_DATABASE_URL"], autocommit=True) as connection:
        yield connection


class Worker:
    """The shop's Celery worker, which may be killed and started again."""

    def __init__(self, folder: Path, pid: int):
        self.recipe = json.loads((folder / "worker.json").read_text())
        self.log = folder / "worker-again.log"
        self.pid = pid
        self.started = []

    def kill(self):
        """Kill the worker and all of its children, with no chance to say goodbye."""
        found = subprocess.run(
            ["pgrep", "-P", str(self.pid)], capture_output=True, text=True, check=False
        )
        pids = [str(self.pid), *found.stdout.split()]
        subprocess.run(["kill", "-9", *pids], check=True)

    def start(self):
        """Start a worker like the one that the shop came with."""
        with self.log.open("ab") as log:
            process = subprocess.Popen(
                self.recipe["command"],
                cwd=self.recipe["cwd"],
                env={**os.environ, **self.recipe["env"]},
                stdout=log,
                stderr=log,
            )
        self.started.append(process)
        self.pid = process.pid


@pytest.fixture(scope="session")
def worker(shop):
    """The shop's worker."""
    worker = Worker(Path(os.environ["SHOP_LOG_FOLDER"]), int(os.environ["SHOP_WORKER_PID"]))
    yield worker
    for process in worker.started:
        process.terminate()
        process.wait(15)
