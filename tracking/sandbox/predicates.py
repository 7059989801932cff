"""commercetools' query predicates: the text of a ``where`` becomes a function that says yes or no to a document.

    predicate  = conjunction ("or" conjunction)* ; conjunction = term ("and" term)*
    term       = "not" "(" predicate ")" | "(" predicate ")" | path ( "(" predicate ")" | comparison )
    comparison = (= | != | <> | < | > | <= | >=) value | ["not"] "in" "(" value, … ")"
               | "is" ["not"] ("defined" | "empty")
               | "contains" ("any" | "all") "(" value, … ")"

A path that meets a list is true if it is true for any element. ``:name`` is replaced by the query parameter
``var.name``.
"""

from __future__ import annotations

import operator
import re
from collections.abc import Callable, Iterator, Mapping
from functools import lru_cache
from typing import Any

from tracking.sandbox.clock import millis, read_moment

Test = Callable[[Any], bool]
TOKEN = re.compile(
    r"""\s*(?:(?P<text>"(?:\\.|[^"\\])*")|(?P<number>-?\d+(?:\.\d+)?)|(?P<variable>:[A-Za-z]\w*)"""
    r"""|(?P<name>`[^`]+`|[A-Za-z_][\w-]*)|(?P<sign><>|!=|<=|>=|[=<>(),]))"""
)
COMPARISONS: dict[str, Callable[[Any, Any], bool]] = {
    "=": operator.eq,
    "!=": operator.ne,
    "<>": operator.ne,
    "<": operator.lt,
    ">": operator.gt,
    "<=": operator.le,
    ">=": operator.ge,
}


class PredicateError(ValueError):
    """The predicate is malformed; the message says where."""


@lru_cache(maxsize=512)
def _compiled(text: str, variables: tuple[tuple[str, str], ...]) -> Test:
    return _Parser(text, dict(variables)).parse()


def compile_predicate(text: str, variables: Mapping[str, str] | None = None) -> Test:
    """A function of a document. ``variables`` holds the values of ``:name`` by name. Raises PredicateError."""
    return _compiled(text, tuple(sorted((variables or {}).items())))


class _Parser:
    def __init__(self, text: str, variables: dict[str, str]) -> None:
        self.text, self.variables = text, variables
        self.tokens = list(_tokens(text))
        self.position = 0

    def parse(self) -> Test:
        test = self.any_of()
        if self.peek() is not None:
            raise self.unexpected()
        return test

    def any_of(self) -> Test:
        tests = [self.all_of()]
        while self.take_word("or"):
            tests.append(self.all_of())
        return tests[0] if len(tests) == 1 else lambda thing: any(test(thing) for test in tests)

    def all_of(self) -> Test:
        tests = [self.term()]
        while self.take_word("and"):
            tests.append(self.term())
        return tests[0] if len(tests) == 1 else lambda thing: all(test(thing) for test in tests)

    def term(self) -> Test:
        if self.peek() == ("sign", "("):
            return self.in_parentheses()
        if self.take_word("not"):
            test = self.in_parentheses()
            return lambda thing: not test(thing)
        kind, name = self.next()
        if kind != "name":
            raise self.unexpected(back=1)
        name = name.strip("`")
        inner = self.in_parentheses() if self.peek() == ("sign", "(") else None
        return _nested(name, inner) if inner else _field(name, *self.comparison())

    def in_parentheses(self) -> Test:
        self.expect("(")
        test = self.any_of()
        self.expect(")")
        return test

    def comparison(self) -> tuple[Test, bool]:
        """The test of one value, and whether it takes a list as a whole."""
        kind, sign = self.next()
        if kind == "sign" and sign in COMPARISONS:
            compare, wanted = COMPARISONS[sign], self.value()
            return (lambda value: _comparable(value, wanted) and compare(value, wanted)), False
        if kind == "name":
            negated = sign == "not" or (sign == "is" and self.take_word("not"))
            if sign == "not":
                kind, sign = self.next()
            test, whole = self.word_comparison(sign)
            return (lambda value: not test(value)) if negated else test, whole or negated
        raise self.unexpected(back=1)

    def word_comparison(self, word: str) -> tuple[Test, bool]:
        """The test behind a word (in, is defined, is empty, contains any or all), and whether it takes a list whole.

        Raises PredicateError at any other word.
        """
        if word == "in":
            wanted = self.values()
            return (lambda value: value in wanted), False
        if word == "is":
            if self.take_word("defined"):
                return (lambda value: value is not None), True
            if self.take_word("empty"):
                return (lambda value: value in (None, [], {}, "")), True
        if word == "contains" and self.peek() in (("name", "any"), ("name", "all")):
            quantifier = any if self.next()[1] == "any" else all
            wanted = self.values()
            return (lambda value: isinstance(value, list) and quantifier(item in value for item in wanted)), True
        raise self.unexpected(back=1)

    def values(self) -> list[Any]:
        self.expect("(")
        values = [self.value()]
        while self.peek() == ("sign", ","):
            self.next()
            values.append(self.value())
        self.expect(")")
        return values

    def value(self) -> Any:
        """One literal, or the value of a variable. Raises PredicateError where it is neither."""
        kind, text = self.next()
        if kind == "variable":
            if text[1:] not in self.variables:
                raise PredicateError(f"no value for the variable '{text}'")
            return _literal(self.variables[text[1:]])
        if kind == "text":
            return _literal(re.sub(r"\\(.)", r"\1", text[1:-1]))
        if kind == "number":
            return float(text) if "." in text else int(text)
        if text in ("true", "false"):
            return text == "true"
        raise self.unexpected(back=1)

    def peek(self) -> tuple[str, str] | None:
        return self.tokens[self.position] if self.position < len(self.tokens) else None

    def next(self) -> tuple[str, str]:
        token = self.peek()
        self.position += 1
        if token is None:
            raise PredicateError("unexpected end")
        return token

    def take_word(self, word: str) -> bool:
        if self.peek() != ("name", word):
            return False
        self.position += 1
        return True

    def expect(self, sign: str) -> None:
        if self.next() != ("sign", sign):
            raise self.unexpected(back=1)

    def unexpected(self, back: int = 0) -> PredicateError:
        position = self.position - back
        found = self.tokens[position][1] if position < len(self.tokens) else "end"
        return PredicateError(f"unexpected '{found}' in '{self.text}'")


def _tokens(text: str) -> Iterator[tuple[str, str]]:
    position, text = 0, text.strip()
    while position < len(text):
        match = TOKEN.match(text, position)
        if match is None or match.lastgroup is None:
            raise PredicateError(f"unexpected character at {position} in '{text}'")
        yield match.lastgroup, match[match.lastgroup]
        position = match.end()


def _literal(text: str) -> str:
    """Date-times are compared in commercetools' own spelling."""
    moment = read_moment(text)
    return millis(moment) if moment else text


def _comparable(value: Any, wanted: Any) -> bool:
    if isinstance(wanted, bool) or isinstance(value, bool):
        return isinstance(wanted, bool) and isinstance(value, bool)
    numbers = isinstance(value, int | float) and isinstance(wanted, int | float)
    return numbers or (isinstance(value, str) and isinstance(wanted, str))


def _field(name: str, test: Test, whole: bool) -> Test:
    def check(thing: Any) -> bool:
        value = thing.get(name) if isinstance(thing, dict) else None
        if isinstance(value, list) and not whole:
            return any(test(item) for item in value)
        return test(value)

    return check


def _nested(name: str, inner: Test) -> Test:
    def check(thing: Any) -> bool:
        value = thing.get(name) if isinstance(thing, dict) else None
        if isinstance(value, list):
            return any(inner(item) for item in value)
        return isinstance(value, dict) and inner(value)

    return check
