"""The tests of a Flux filter: equality and inequality of columns, joined by `and`, `or` and brackets."""

import re

_TOKEN = re.compile(
    r'\s*(?:(?P<mark>[()]|and\b|or\b)|r(?:\.(?P<name>[A-Za-z_]+)|\["(?P<quoted>[A-Za-z0-9_]+)"\])'
    r'\s*(?P<sign>==|!=)\s*(?P<value>"[^"]*"|[A-Za-z_][A-Za-z0-9_]*))'
)


def longest_chain(text):
    """How many tests the longest chain of `and` or `or` between two brackets joins: the server refuses 169."""
    longest, open_ = 1, [1]
    for token in _TOKEN.finditer(text):
        if token["mark"] == "(":
            open_.append(1)
        elif token["mark"] == ")":
            open_.pop()
        elif token["mark"]:
            open_[-1] += 1
            longest = max(longest, open_[-1])
    return longest


def passes(text, columns, bound):
    """Whether a row passes; `bound` holds the literals of the parameters that the text names."""
    tokens = list(_TOKEN.finditer(text))
    assert "".join(token[0] for token in tokens) == text, text
    result, rest = _any(tokens, columns, bound)
    assert not rest, text
    return result


def _any(tokens, columns, bound):
    result, tokens = _all(tokens, columns, bound)
    while tokens and tokens[0]["mark"] == "or":
        found, tokens = _all(tokens[1:], columns, bound)
        result = result or found
    return result, tokens


def _all(tokens, columns, bound):
    result, tokens = _one(tokens, columns, bound)
    while tokens and tokens[0]["mark"] == "and":
        found, tokens = _one(tokens[1:], columns, bound)
        result = result and found
    return result, tokens


def _one(tokens, columns, bound):
    if tokens[0]["mark"] == "(":
        result, tokens = _any(tokens[1:], columns, bound)
        assert tokens[0]["mark"] == ")"
        return result, tokens[1:]
    test = tokens[0]
    literal = test["value"]
    value = literal[1:-1] if literal.startswith('"') else bound[literal]["value"]
    found = columns.get(test["name"] or test["quoted"])
    return (found == value) is (test["sign"] == "=="), tokens[1:]
