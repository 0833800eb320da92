"""Reading plain data from the pickles in PyTorch's files, without Python's own unpickler.

Takes a file and the few names that its format needs. Returns numbers, texts, tuples, lists and dictionaries,
and what the functions behind those names return. Does not know what the data mean.

Python's unpickler calls what a pickle names, and even one that may call nothing can be made to crash, to hang
or to fill the memory: by a deep tuple as the key of a dictionary, by a tuple that contains itself 2^40 times,
by attributes that are set on shared objects, by the index of a memo. The reader here knows only the opcodes
that state dictionaries are written with. It hashes texts only, sets no attributes, and its time and memory
are proportional to the size of the pickle, which is limited.
"""

from __future__ import annotations

import io
import pickletools
from collections.abc import Callable, Mapping
from typing import Any, BinaryIO, Protocol, TypeAlias, cast

from nst_core.vgg.unpickling import RefusedPickle

MAX_PICKLE_BYTES = 1024**2
"""Largest pickle that is read. That of a VGG's state dictionary has 6 kB: the numbers are outside it."""

MAX_STEPS = 50_000
"""Most steps of reading a pickle, which take less than half a second. A VGG's pickle takes less than 2000."""

Names: TypeAlias = Mapping[tuple[str, str], Any]
"""What a pickle may name, by module and name: functions, which it may call, and plain objects."""

OPCODES = {opcode.code: opcode for opcode in pickletools.opcodes}
CONSTANTS = {"NONE": None, "NEWTRUE": True, "NEWFALSE": False}
NUMBERS = ("BININT", "BININT1", "BININT2", "LONG1", "BINFLOAT")
TEXTS = ("BINSTRING", "SHORT_BINSTRING", "BINUNICODE", "SHORT_BINUNICODE")
LITERALS = (*NUMBERS, *TEXTS)
"""Opcodes whose argument is their value."""

LENGTHS = {"EMPTY_TUPLE": 0, "TUPLE1": 1, "TUPLE2": 2, "TUPLE3": 3}
IGNORED = ("PROTO", "FRAME")


class ReadableFile(Protocol):
    """A file that a pickle can be read from."""

    def read(self, size: int, /) -> bytes:
        """Read at most ``size`` bytes."""
        ...

    def readline(self) -> bytes:
        """Read up to the end of the line."""
        ...


class LimitedReader:
    """Reads from a file, and refuses to read more than ``MAX_PICKLE_BYTES``."""

    def __init__(self, file: BinaryIO) -> None:
        self.file = file
        self.remaining = MAX_PICKLE_BYTES

    def count(self, block: bytes) -> bytes:
        """Subtract the size of ``block`` from the remaining bytes and return it."""
        self.remaining -= len(block)
        if self.remaining < 0:
            raise RefusedPickle("its index is too large")
        return block

    def read(self, size: int) -> bytes:
        """Read like a file."""
        return self.count(self.file.read(min(size, self.remaining + 1)))

    def readline(self) -> bytes:
        """Read a line like a file."""
        return self.count(self.file.readline(self.remaining + 1))


class PickleReader:
    """The state of reading one pickle: a stack, the stacks below its marks, and the memo."""

    def __init__(self, names: Names, resolve: Callable[[Any], Any] | None) -> None:
        self.names = names
        self.resolve = resolve
        self.stack: list[Any] = []
        self.marked: list[list[Any]] = []
        self.memo: dict[int, Any] = {}
        self.steps_left = MAX_STEPS
        self.actions: dict[str, Callable[[Any], None]] = {
            "MARK": self.mark,
            "TUPLE": lambda _: self.push(tuple(self.pop_to_mark())),
            "EMPTY_LIST": lambda _: self.push([]),
            "APPEND": lambda _: self.extend_list([self.stack.pop()]),
            "APPENDS": lambda _: self.extend_list(self.pop_to_mark()),
            "EMPTY_DICT": lambda _: self.push({}),
            "SETITEM": lambda _: self.set_items([self.stack.pop(-2), self.stack.pop()]),
            "SETITEMS": lambda _: self.set_items(self.pop_to_mark()),
            "BINPUT": self.remember,
            "LONG_BINPUT": self.remember,
            "MEMOIZE": lambda _: self.remember(len(self.memo)),
            "BINGET": lambda index: self.push(self.memo[index]),
            "LONG_BINGET": lambda index: self.push(self.memo[index]),
            "GLOBAL": lambda words: self.look_up(*words.split(" ", 1)),
            "STACK_GLOBAL": lambda _: self.look_up(self.stack.pop(-2), self.stack.pop()),
            "REDUCE": lambda _: self.call(self.stack.pop()),
            "BUILD": lambda _: self.stack.pop(),  # the attributes of a state dictionary are its versions
            "BINPERSID": lambda _: self.push(self.refer(self.stack.pop())),
        }

        self.known = {*self.actions, *LITERALS, *CONSTANTS, *LENGTHS, *IGNORED}

    def read(self, file: ReadableFile) -> Any:
        """Read one pickle and leave the position after it."""
        while code := file.read(1):
            self.spend(1)
            if code == b"." and not self.marked:
                (value,) = self.stack
                return value
            opcode = OPCODES.get(code.decode("latin-1"))
            # The opcode is checked before its argument is read: some arguments take long to convert.
            if opcode is None or opcode.name not in self.known:
                raise RefusedPickle("it contains more than weights, or is damaged")
            argument = opcode.arg.reader(cast(Any, file)) if opcode.arg else None
            self.step(opcode.name, argument)
        raise RefusedPickle("it is incomplete")

    def spend(self, steps: int) -> None:
        """Count steps: opcodes, and the values that a call looks at, which opcodes may share."""
        self.steps_left -= steps
        if self.steps_left < 0:
            raise RefusedPickle("its index is too large")

    def step(self, name: str, argument: Any) -> None:
        """Do what an opcode says."""
        if name in LITERALS:
            self.push(argument)
        elif name in self.actions:
            self.actions[name](argument)
        elif name in CONSTANTS:
            self.push(CONSTANTS[name])
        elif name in LENGTHS:
            items = [self.stack.pop() for _ in range(LENGTHS[name])]
            self.push(tuple(reversed(items)))

    def push(self, value: Any) -> None:
        """Put a value on the stack."""
        self.stack.append(value)

    def mark(self, _argument: None) -> None:
        """Start a new stack on top of the current one."""
        self.marked.append(self.stack)
        self.stack = []

    def pop_to_mark(self) -> list[Any]:
        """Return the values above the last mark, and go on with the stack below it."""
        values, self.stack = self.stack, self.marked.pop()
        return values

    def remember(self, index: int) -> None:
        """Store the top of the stack in the memo."""
        self.memo[index] = self.stack[-1]

    def extend_list(self, items: list[Any]) -> None:
        """Append to the list on top of the stack."""
        if not isinstance(self.stack[-1], list):
            raise TypeError
        self.stack[-1].extend(items)

    def set_items(self, items: list[Any]) -> None:
        """Set keys and values, which alternate, in the dictionary on top of the stack.

        Nothing that weights need has another key than a text, so only texts are kept.
        """
        if not isinstance(self.stack[-1], dict):
            raise TypeError
        self.stack[-1].update(text_items(zip(items[::2], items[1::2], strict=True)))

    def look_up(self, module: object, name: object) -> None:
        """Push what the pickle names."""
        if not isinstance(module, str) or not isinstance(name, str):
            raise TypeError
        if (module, name) not in self.names:
            function = f"{module}.{name}"
            shown = function if function.isprintable() and len(function) <= 100 else "something"
            raise RefusedPickle(f"it asks for {shown}, which weights do not need")
        self.push(self.names[module, name])

    def call(self, arguments: Any) -> None:
        """Call one of the functions that the pickle may name."""
        function = self.stack.pop()
        if not callable(function) or not isinstance(arguments, tuple):
            raise TypeError
        self.spend(total_length(arguments))
        self.push(function(*arguments))

    def refer(self, reference: Any) -> Any:
        """Resolve a reference to something outside the pickle."""
        if self.resolve is None:
            raise RefusedPickle("it refers to something outside itself")
        self.spend(total_length(reference))
        return self.resolve(reference)


def total_length(values: Any) -> int:
    """Return the number of values in a tuple, and in the tuples and lists in it."""
    if not isinstance(values, tuple):
        raise TypeError
    return len(values) + sum(len(value) for value in values if isinstance(value, (tuple, list)))


def text_items(pairs: Any) -> dict[str, Any]:
    """Return the pairs (key, value) whose key is a text."""
    return {key: value for key, value in pairs if isinstance(key, str)}


def read_pickle(file: ReadableFile | bytes, names: Names, resolve: Callable[[Any], Any] | None = None) -> Any:
    """Read one pickle from ``file`` and leave the position after it.

    ``resolve`` returns what a persistent reference refers to.

    Raises:
        RefusedPickle: the pickle is damaged, too large, or contains more than data and ``names``.
    """
    stream: ReadableFile = LimitedReader(io.BytesIO(file)) if isinstance(file, bytes) else file
    try:
        return PickleReader(names, resolve).read(stream)
    except (ValueError, TypeError, LookupError, ArithmeticError) as error:
        raise RefusedPickle(f"it is damaged ({type(error).__name__})") from None
