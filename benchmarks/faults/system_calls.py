"""The writes of a command and of all its processes, recorded by strace, and replayed up to any of them."""

import re
import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path

from benchmarks.faults.file_system import File, FileSystem

CALLS = (
    "openat,creat,write,writev,pwrite64,sendfile,copy_file_range,lseek,truncate,ftruncate,fsync,fdatasync,close,dup,dup2,dup3,fcntl,"
    "rename,renameat,renameat2,link,linkat,unlink,unlinkat,mkdir,mkdirat,rmdir,clone,clone3,fork,vfork"
)
BY_PATH = [*CALLS.partition("rename,")[2].split(","), "openat", "creat", "truncate", "rename"]


def strace() -> str | None:
    """Return the path of strace; None if it is missing or may not trace."""
    path = shutil.which("strace")
    works = path and subprocess.run([path, "-o", "/dev/null", "true"], capture_output=True, check=False).returncode == 0
    return path if works else None


def options(log: Path) -> list[str]:
    """Return the command line of strace, up to what it traces."""
    return ["strace", "-f", "-y", "-xx", "-qq", "-s", "1000000000", "-e", "signal=none", "-e", f"trace={CALLS}", "-o", str(log)]


@dataclass
class Call:
    """A system call that succeeded.

    Args:
        thread: that made it.
        name: of the call.
        arguments: as text.
        result: a number.
    """

    thread: int
    name: str
    arguments: str
    result: int


@dataclass
class Open:
    """An open file: where the next byte goes."""

    file: File
    at: int = 0
    append: bool = False


def calls(log: Path) -> list[Call]:
    """Return the calls of a log in the order in which they ended."""
    found, begun = [], dict[int, str]()
    for line in log.read_text().splitlines():
        number, _, text = line.partition(" ")
        thread, text = int(number), text.strip()
        if text.endswith("<unfinished ...>"):
            begun[thread] = text.removesuffix("<unfinished ...>").strip()
            continue
        if resumed := re.match(r"<\.\.\. \w+ resumed>", text):
            text = begun.pop(thread) + text[resumed.end() :]
        match = re.fullmatch(r"(\w+)\((.*)\)\s+= (\d+)(<.*?>)?.*", text)
        if match:
            found.append(Call(thread, match[1], match[2], int(match[3])))
    return found


class Replay:
    """Replays calls below a folder, of which each returned one changed something there.

    Args:
        log: of strace.
        root: the folder.
    """

    def __init__(self, log: Path, root: Path):
        self.root = str(root)
        self._below = "".join(f"\\x{byte:02x}" for byte in self.root.encode())
        recorded = calls(log)
        self._tables = _tables(recorded)
        self.steps = [call for call in recorded if call.name.startswith(("clone", "fork", "vfork")) or self._is_below(call)]

    def __len__(self) -> int:
        return len(self.steps)

    def upto(self, count: int) -> FileSystem:
        """Return the file system after so many calls."""
        system, tables = FileSystem(), dict[int, dict[int, Open]]()
        for call in self.steps[:count]:
            table = tables.setdefault(self._tables.get(call.thread, call.thread), {})
            if call.name.startswith(("clone", "fork", "vfork")):
                child = self._tables.get(call.result, call.result)
                if child != self._tables.get(call.thread, call.thread):
                    tables[child] = dict(table) | tables.get(child, {})
            else:
                getattr(self, f"_{call.name}")(system, table, call)
        return system

    def _is_below(self, call: Call) -> bool:
        """Whether a call names a file below the root: by its path, or by the path that strace writes behind the number of an open file."""
        named = re.findall(r"\d+<([^>]*)>", call.arguments[: 3 * len(self._below) + 300])
        if call.name in BY_PATH:
            named += [part.strip().strip('"') for part in _split(call.arguments) if part.strip().startswith('"')]
        return any(name.startswith(self._below) for name in named)

    def _path(self, text: str) -> str:
        """Return the path in quotes, below the root."""
        path = _text(text)
        assert path.startswith(self.root), path
        return path.removeprefix(self.root).strip("/")

    def _openat(self, system: FileSystem, table: dict[int, Open], call: Call) -> None:
        _, path, flags = _split(call.arguments)[:3]
        self._opened(system, table, call, self._path(path), flags)

    def _creat(self, system: FileSystem, table: dict[int, Open], call: Call) -> None:
        self._opened(system, table, call, self._path(_split(call.arguments)[0]), "O_CREAT|O_TRUNC")

    def _opened(self, system: FileSystem, table: dict[int, Open], call: Call, path: str, flags: str) -> None:
        file = system.at(path)
        if file is None:
            file = system.put(path, File()) if "O_CREAT" in flags else File()
        if "O_TRUNC" in flags:
            file.data.clear()
        table[call.result] = Open(file, append="O_APPEND" in flags)

    def _write(self, system: FileSystem, table: dict[int, Open], call: Call) -> None:
        number, data = _split(call.arguments)[:2]
        _put(table[_number(number)], _bytes(data)[: call.result])

    def _writev(self, system: FileSystem, table: dict[int, Open], call: Call) -> None:
        data = b"".join(map(_bytes, re.findall(r'iov_base=("[^"]*")', call.arguments)))
        _put(table[_number(call.arguments)], data[: call.result])

    def _pwrite64(self, system: FileSystem, table: dict[int, Open], call: Call) -> None:
        number, data, _, at = _split(call.arguments)
        table[_number(number)].file.write(_bytes(data)[: call.result], int(at))

    def _sendfile(self, system: FileSystem, table: dict[int, Open], call: Call) -> None:
        target, source, at, _ = _split(call.arguments)
        begin = int(re.findall(r"\d+", at)[0]) if at != "NULL" else table[_number(source)].at
        _put(table[_number(target)], bytes(table[_number(source)].file.data[begin : begin + call.result]))
        if at == "NULL":
            table[_number(source)].at += call.result

    def _copy_file_range(self, system: FileSystem, table: dict[int, Open], call: Call) -> None:
        source, target = (_number(part) for part in (_split(call.arguments)[0], _split(call.arguments)[2]))
        begin = table[source].at
        _put(table[target], bytes(table[source].file.data[begin : begin + call.result]))
        table[source].at += call.result

    def _lseek(self, system: FileSystem, table: dict[int, Open], call: Call) -> None:
        table[_number(call.arguments)].at = call.result

    def _ftruncate(self, system: FileSystem, table: dict[int, Open], call: Call) -> None:
        number, size = _split(call.arguments)
        _resize(table[_number(number)].file, int(size))

    def _truncate(self, system: FileSystem, table: dict[int, Open], call: Call) -> None:
        path, size = _split(call.arguments)
        file = system.at(self._path(path))
        assert file is not None
        _resize(file, int(size))

    def _fsync(self, system: FileSystem, table: dict[int, Open], call: Call) -> None:
        table[_number(call.arguments)].file.flush()

    _fdatasync = _fsync

    def _close(self, system: FileSystem, table: dict[int, Open], call: Call) -> None:
        table.pop(_number(call.arguments), None)

    def _dup(self, system: FileSystem, table: dict[int, Open], call: Call) -> None:
        if (file := table.get(_number(call.arguments))) is not None:
            table[call.result] = file

    _dup2 = _dup3 = _dup

    def _fcntl(self, system: FileSystem, table: dict[int, Open], call: Call) -> None:
        if "F_DUPFD" in call.arguments:
            self._dup(system, table, call)

    def _rename(self, system: FileSystem, table: dict[int, Open], call: Call) -> None:
        before, after = (self._path(part) for part in _split(call.arguments) if part.startswith('"'))
        system.put(after, system.take(before))

    _renameat = _renameat2 = _rename

    def _link(self, system: FileSystem, table: dict[int, Open], call: Call) -> None:
        before, after = (self._path(part) for part in _split(call.arguments) if part.startswith('"'))
        file = system.at(before)
        assert file is not None
        system.put(after, file)

    _linkat = _link

    def _unlink(self, system: FileSystem, table: dict[int, Open], call: Call) -> None:
        path = next(_text(part) for part in _split(call.arguments) if part.startswith('"'))
        if not path.startswith("/"):  # beside an open folder, as shutil.rmtree does it
            path = f"{_text(re.findall(r'<([^>]*)>', call.arguments)[0])}/{path}"
        system.take(path.removeprefix(self.root).strip("/"))

    _unlinkat = _rmdir = _unlink

    def _mkdir(self, system: FileSystem, table: dict[int, Open], call: Call) -> None:
        system.put(self._path(next(part for part in _split(call.arguments) if part.startswith('"'))), File(names={}))

    _mkdirat = _mkdir


def _tables(recorded: list[Call]) -> dict[int, int]:
    """Return for each thread the process whose table of open files it shares."""
    owner: dict[int, int] = {}
    for call in recorded:
        if call.name.startswith("clone") and "CLONE_FILES" in call.arguments:
            owner[call.result] = owner.get(call.thread, call.thread)
    return owner


def _split(arguments: str) -> list[str]:
    """Return arguments one by one. In -xx no text holds a comma or a quote."""
    return [part.strip() for part in arguments.split(",")]


def _number(argument: str) -> int:
    match = re.match(r"\d+", argument.strip())
    assert match is not None, argument[:80]
    return int(match[0])


def _bytes(quoted: str) -> bytes:
    match = re.fullmatch(r'"((?:\\x[0-9a-f]{2})*)"', quoted)
    assert match is not None, quoted[:80]
    return bytes.fromhex(match[1].replace("\\x", ""))


def _text(quoted: str) -> str:
    return bytes.fromhex(re.sub(r'["<>]|\\x', "", quoted)).decode()


def _put(file: Open, data: bytes) -> None:
    at = len(file.file.data) if file.append else file.at
    file.file.write(data, at)
    file.at = at + len(data)


def _resize(file: File, size: int) -> None:
    del file.data[size:]
    file.data.extend(bytes(size - len(file.data)))
