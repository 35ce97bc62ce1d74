"""A query costs what it finds. MiniStack parses the key condition anew for every item of the partition; here each
expression is parsed once, as on AWS.
"""

from functools import lru_cache

from ministack.services import dynamodb

# As many expressions as a run of all tests has, and more.
EXPRESSIONS = 4096


def install() -> None:
    tokens = lru_cache(EXPRESSIONS)(lambda expression, parse=dynamodb._tokenize: tuple(parse(expression)))
    dynamodb._tokenize = lambda expression: list(tokens(expression))
    dynamodb._condition_syntax_error = lru_cache(EXPRESSIONS)(dynamodb._condition_syntax_error)
    for name in ("_check_redundant_parens", "_check_reserved_keyword_usage"):
        check = lru_cache(EXPRESSIONS)(lambda tokens, *slot, check=getattr(dynamodb, name): check(list(tokens), *slot))
        setattr(dynamodb, name, lambda tokens, *slot, check=check: check(tuple(tokens), *slot))
