"""PostgreSQL, the job ledger."""

import os
import pwd
import shutil
import signal
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

from deploy.local.probes import postgres_takes_clients
from deploy.local.programs import Programs, StackError, run
from deploy.local.server import HOST, Command, Server, Tls

USER = "semstream"
DATABASE = "semstream"
INSTALL = "apt-get install postgresql"


@dataclass(frozen=True)
class Postgres(Server):
    """PostgreSQL 15 or newer."""

    name: ClassVar[str] = "postgres"
    stop_signal: ClassVar[signal.Signals] = signal.SIGINT  # after SIGTERM it waits for its clients to leave
    port: int = 25432
    tls: Tls | None = None
    password: str | None = None

    def prepare(self, folder: Path, programs: Programs) -> None:
        """Make the cluster and, before anything can connect, the database."""
        data = folder / "data"
        if not (folder / "made").exists():
            shutil.rmtree(data, ignore_errors=True)
            data.mkdir(mode=0o700)
            _give_to_server(data)
            self._make_cluster(data, programs)
            (folder / "made").touch()
        (data / "pg_hba.conf").write_text(self._who_may_connect(), encoding="utf-8")
        if self.tls:
            _copy_private(self.tls.certificate, data / "server.crt")
            _copy_private(self.tls.key, data / "server.key")

    def command(self, folder: Path, programs: Programs) -> Command:
        """Give the command that serves from ``folder``."""
        options = [f"listen_addresses={HOST}", "unix_socket_directories="]
        if self.tls:
            options += ["ssl=on", "ssl_cert_file=server.crt", "ssl_key_file=server.key"]
        given = (argument for option in options for argument in ("-c", option))
        server = (_program(programs, "postgres"), "-D", str(folder / "data"), "-p", str(self.port), *given)
        return Command((*_unprivileged(programs), *server))

    def answers(self) -> bool:
        """Whether it lets a client in, or refuses it for another reason than that it is starting."""
        return postgres_takes_clients(self.port, USER)

    def settings(self) -> Mapping[str, Mapping[str, str]]:
        """Give the table ``postgres``."""
        secured = "?sslmode=verify-full" if self.tls else ""
        table = {"url": f"postgresql://{USER}@{HOST}:{self.port}/{DATABASE}{secured}"}
        if self.tls:
            table["ca_file"] = str(self.tls.authority)
        if self.password:
            table["password"] = self.password
        return {"postgres": table}

    def _make_cluster(self, data: Path, programs: Programs) -> None:
        user = _unprivileged(programs)
        run((*user, _program(programs, "initdb"), "-D", str(data), "-A", "trust", "-U", USER, "-N"), failure="initdb")
        statements = [f"CREATE DATABASE {DATABASE}"]
        if self.password:
            statements.append(f"ALTER USER {USER} PASSWORD '{self.password}'")
        single = (*user, _program(programs, "postgres"), "--single", "-D", str(data), "postgres")
        run(single, said="\n".join(statements) + "\n", failure=f"cannot make the database {DATABASE}")

    def _who_may_connect(self) -> str:
        return (
            f"{'hostssl' if self.tls else 'host'} all all {HOST}/32 {'scram-sha-256' if self.password else 'trust'}\n"
        )


def _program(programs: Programs, name: str) -> str:
    """Find a program; Debian keeps those of the server off ``PATH``, a folder for each version."""
    newest_first = sorted(Path("/usr/lib/postgresql").glob("*/bin"), key=lambda place: place.parent.name, reverse=True)
    return programs.system(name, INSTALL, tuple(map(str, newest_first)))


def _unprivileged(programs: Programs) -> tuple[str, ...]:
    """Give what comes before a command when root gives it: PostgreSQL refuses root.

    Its user keeps one capability, to pass through folders that are closed to all but root (a clone in root's home, or
    a test's folder).
    """
    if os.geteuid():
        return ()
    setpriv, user = programs.system("setpriv", "apt-get install util-linux"), _account()
    who = (f"--reuid={user.pw_uid}", f"--regid={user.pw_gid}", "--clear-groups")
    return (setpriv, *who, "--inh-caps=+dac_override", "--ambient-caps=+dac_override")


def _copy_private(source: Path, target: Path) -> None:
    shutil.copyfile(source, target)
    target.chmod(0o600)  # it refuses a key that others can read
    _give_to_server(target)


def _give_to_server(path: Path) -> None:
    if os.geteuid() == 0:
        os.chown(path, _account().pw_uid, _account().pw_gid)


def _account() -> pwd.struct_passwd:
    try:
        return pwd.getpwnam("postgres")
    except KeyError as error:
        raise StackError(f"PostgreSQL refuses to run as root, and there is no user postgres: {INSTALL}") from error
