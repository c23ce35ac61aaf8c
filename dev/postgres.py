"""A private PostgreSQL, unless DATABASE_URL names one, and databases made from templates."""

import fcntl
import hashlib
import os
import pwd
import shutil
import socket
import subprocess
from contextlib import contextmanager
from pathlib import Path
from typing import Dict, Iterator, List, Optional
from urllib.parse import urlsplit, urlunsplit

from dev.console import Trouble, run, say, step
from dev.places import CACHE, REPO, SALEOR_VERSION
from dev.setup import Environment, python_environment

EXTENSIONS = ("hstore", "pg_trgm", "btree_gin", "pgcrypto")
SETTINGS = {
    "listen_addresses": "127.0.0.1",
    "max_connections": "200",
    "shared_buffers": "256MB",
    "max_wal_size": "2GB",
}


# Nothing here must survive a power cut, so everything may be faster; not so in benchmarks.
NOT_DURABLE = {"fsync": "off", "full_page_writes": "off", "synchronous_commit": "off"}


class Server:
    """A PostgreSQL server, by the URL of its maintenance database."""

    def __init__(self, url: str, bindir: Optional[Path] = None) -> None:
        self.url = url
        self.bindir = bindir

    def database_url(self, name: str) -> str:
        """Return the URL of a database on this server."""
        return urlunsplit(urlsplit(self.url)._replace(path=f"/{name}"))

    def sql(self, statement: str) -> str:
        """Run a statement on the maintenance database and return its plain output."""
        psql = str(self.bindir / "psql") if self.bindir else "psql"
        command = [psql, "--no-psqlrc", "-v", "ON_ERROR_STOP=1", "-Atqc", statement]
        return run([*command, self.database_url("postgres")]).strip()

    @contextmanager
    def durable(self) -> Iterator[None]:
        """Write as safely as a shop's database does, for the time of a benchmark."""
        self.alter(dict.fromkeys(NOT_DURABLE, "on"))
        try:
            yield
        finally:
            self.alter(NOT_DURABLE)

    def alter(self, settings: Dict[str, str]) -> None:
        """Change settings of the running server."""
        for name, value in settings.items():
            self.sql(f"ALTER SYSTEM SET {name} = {value}")
        self.sql("SELECT pg_reload_conf()")

    def has(self, name: str) -> bool:
        """Tell whether a database exists."""
        return self.sql(f"SELECT 1 FROM pg_database WHERE datname = '{name}'") == "1"

    def drop(self, name: str) -> None:
        """Drop a database, whoever uses it."""
        self.sql(f'DROP DATABASE IF EXISTS "{name}" WITH (FORCE)')

    def copy(self, template: str, name: str) -> None:
        """Make a database from a template, replacing one of that name."""
        self.drop(name)
        self.sql(f'CREATE DATABASE "{name}" TEMPLATE "{template}"')


@contextmanager
def server() -> Iterator[Server]:
    """Give a running server: DATABASE_URL's, or our own, which stops with its last user."""
    configured = os.environ.get("DATABASE_URL")
    if configured:
        say(f"-> using PostgreSQL of DATABASE_URL ({urlsplit(configured).hostname})")
        yield Server(configured)
        return
    bindir = _find_bindir()
    home = _home(bindir)
    CACHE.mkdir(parents=True, exist_ok=True)
    with open(CACHE / "postgres.users", "a") as users:
        with _alone():
            fcntl.flock(users, fcntl.LOCK_SH)
            port = _ensure_running(bindir, home)
        try:
            yield Server(_url(port), bindir)
        finally:
            with _alone():
                try:
                    fcntl.flock(users, fcntl.LOCK_EX | fcntl.LOCK_NB)
                except OSError:
                    pass  # somebody else still uses it
                else:
                    _control(bindir, home, "stop", "-m", "fast")


@contextmanager
def _alone() -> Iterator[None]:
    """Let one process at a time start or stop the server."""
    with open(CACHE / "postgres.lock", "a") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def _find_bindir() -> Path:
    """Return the folder of a PostgreSQL that has what Saleor needs.

    Raises:
        Trouble: there is none; with what to install.

    """
    on_path = shutil.which("pg_config")
    candidates: List[Path] = []
    if on_path:
        candidates.append(Path(run([on_path, "--bindir"]).strip()))
    for pattern in (
        "/usr/lib/postgresql/*/bin",
        "/usr/pgsql-*/bin",
        "/opt/homebrew/opt/postgresql@*/bin",
        "/usr/local/opt/postgresql@*/bin",
        "/Applications/Postgres.app/Contents/Versions/*/bin",
    ):
        candidates.extend(sorted(Path("/").glob(pattern[1:]), reverse=True))
    for bindir in candidates:
        if (bindir / "initdb").exists() and (bindir / "pg_ctl").exists():
            share = (
                Path(run([bindir / "pg_config", "--sharedir"]).strip())
                if (bindir / "pg_config").exists()
                else Path("/usr/share/postgresql") / bindir.parent.name
            )
            if all((share / "extension" / f"{name}.control").exists() for name in EXTENSIONS):
                return bindir
    raise Trouble(
        "PostgreSQL 13 or newer with its contrib extensions is needed "
        "(Debian: apt install postgresql; macOS: brew install postgresql), "
        "or a DATABASE_URL whose user may create databases."
    )


def _home(bindir: Path) -> Path:
    """Return the folder of our server; for root it belongs to the user that PostgreSQL runs as."""
    version = _major_version(bindir)
    if os.geteuid() != 0:
        return CACHE / f"postgres-{version}"
    return Path(_service_user().pw_dir) / f"saleor-loyalty-{version}"


def _major_version(bindir: Path) -> str:
    words = run([bindir / "postgres", "--version"]).split()
    return words[2].split(".")[0]


def _service_user() -> pwd.struct_passwd:
    try:
        return pwd.getpwnam("postgres")
    except KeyError:
        raise Trouble(
            "PostgreSQL refuses to run as root, and there is no user postgres to run it as. "
            "Make one (useradd --create-home postgres), or set DATABASE_URL."
        ) from None


def _ensure_running(bindir: Path, home: Path) -> int:
    data = home / "data"
    if not (data / "PG_VERSION").exists():
        with step("creating a private PostgreSQL"):
            if os.geteuid() == 0:
                user = _service_user()
                home.mkdir(parents=True, exist_ok=True)
                os.chown(home, user.pw_uid, user.pw_gid)
            else:
                home.mkdir(parents=True, exist_ok=True)
            shutil.rmtree(data, ignore_errors=True)
            _as_service(
                [bindir / "initdb", "-D", data, "-U", "saleor", "--auth=trust"]
                + ["-E", "UTF8", "--locale=C.UTF-8", "--no-sync"],
                cwd=home,
            )
    running = _running_port(data)
    if running:
        return running
    port = _free_port()
    with step(f"starting PostgreSQL on port {port}"):
        settings = {**SETTINGS, "port": str(port), "unix_socket_directories": str(home)}
        options = " ".join(f"-c {name}={value}" for name, value in settings.items())
        _control(bindir, home, "start", "-w", "-l", str(home / "log"), "-o", options)
        Server(_url(port), bindir).alter(NOT_DURABLE)
    return port


def _url(port: int) -> str:
    return f"postgres://saleor@127.0.0.1:{port}/postgres"


def _running_port(data: Path) -> Optional[int]:
    """Return the port of our server if it runs, left over by a killed run perhaps."""
    try:
        lines = (data / "postmaster.pid").read_text().splitlines()
        pid, port = int(lines[0]), int(lines[3])
        os.kill(pid, 0)
        with socket.create_connection(("127.0.0.1", port), timeout=2):
            return port
    except (OSError, ValueError, IndexError):
        return None


def _control(bindir: Path, home: Path, action: str, *arguments: str) -> None:
    _as_service([bindir / "pg_ctl", "-D", home / "data", *arguments, action], cwd=home)


def _as_service(command: List[object], *, cwd: Path) -> None:
    """Run a command of PostgreSQL; as root, as the user that it may run as."""
    user = _service_user() if os.geteuid() == 0 else None
    switch = (
        {"user": user.pw_uid, "group": user.pw_gid, "extra_groups": []} if user is not None else {}
    )
    result = subprocess.run(
        [str(part) for part in command],
        cwd=str(cwd),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
        check=False,
        **switch,  # type: ignore[arg-type]
    )
    if result.returncode:
        raise Trouble(f"{command[0]} failed: {result.stderr.strip()}")


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


free_port = _free_port


def manage(environment: Environment, *arguments: str, url: str, log: Optional[Path] = None) -> str:
    """Run Saleor's manage.py on a database, with our package installed."""
    assert environment.saleor is not None
    return _manage(environment, environment.python, *arguments, url=url, log=log)


def _manage(
    environment: Environment,
    python: Path,
    *arguments: str,
    url: str,
    log: Optional[Path] = None,
    path: str = "",
) -> str:
    assert environment.saleor is not None
    variables = python_environment(environment)
    return run(
        [python, environment.saleor / "manage.py", *arguments],
        env={
            **variables,
            "PYTHONPATH": path or variables["PYTHONPATH"],
            "DATABASE_URL": url,
            "SECRET_KEY": "not-a-secret",
            "EMAIL_URL": "console://",
            "CELERY_BROKER_URL": "",
            "POPULATE_DEFAULTS": "False",
        },
        cwd=environment.saleor,
        log=log,
    )


def migrated_template(postgres: Server, environment: Environment) -> str:
    """Return the template with Saleor's tables, migrating it once (some 5 minutes)."""
    name = f"saleor_{SALEOR_VERSION.replace('.', '_').replace('-', '_')}"

    def build(building: str) -> None:
        with step(f"migrating a database for Saleor {SALEOR_VERSION} (some 5 minutes, once)"):
            postgres.drop(building)
            postgres.sql(f'CREATE DATABASE "{building}"')
            _manage_without_us(environment, "migrate", url=postgres.database_url(building))

    return _template(postgres, name, build)


def sample_template(postgres: Server, environment: Environment) -> str:
    """Return the template with Saleor's sample data, populating it once (some 1 minute)."""
    migrated = migrated_template(postgres, environment)

    def build(building: str) -> None:
        with step("filling a database with Saleor's sample data (some 1 minute, once)"):
            postgres.copy(migrated, building)
            _manage_without_us(
                environment, "populatedb", "--createsuperuser", url=postgres.database_url(building)
            )

    return _template(postgres, f"{migrated}_sample", build)


def with_our_tables(postgres: Server, environment: Environment, template: str) -> str:
    """Return a template with our tables too, renewed whenever our migrations change."""
    migrations = sorted((REPO / "saleor_loyalty" / "migrations").glob("*.py"))
    text = "".join(path.read_text() for path in migrations)
    digest = hashlib.sha256(text.encode()).hexdigest()[:10]

    def build(building: str) -> None:
        with step("migrating our own tables"):
            postgres.copy(template, building)
            manage(environment, "migrate", url=postgres.database_url(building))

    return _template(postgres, f"{template}_{digest}", build)


def _template(postgres: Server, name: str, build: object) -> str:
    with open(CACHE / f"{name}.lock", "a") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not postgres.has(name):
            building = f"{name}_building"
            build(building)  # type: ignore[operator]
            postgres.sql(f'ALTER DATABASE "{building}" RENAME TO "{name}"')
    return name


def _manage_without_us(environment: Environment, *arguments: str, url: str) -> None:
    """Run manage.py with Saleor alone, so that the template serves every version of ours."""
    _manage(
        environment,
        environment.tools / "python",
        *arguments,
        url=url,
        path=str(environment.saleor),  # not the repository: its metadata names our plugin
    )
