"""Querysets that are compiled once, for what every request asks.

Django takes three times longer to put such a question into SQL than Postgres takes to answer it.
"""

import functools
from collections.abc import Callable
from typing import Any, Generic, TypeVar

from django.db import connection, models
from django.db.models.query import get_related_populators

M = TypeVar("M", bound=models.Model)


class Compiled(Generic[M]):
    """`build` gives the queryset with any values of the right kind in its filters; `first` puts others in their place,
    in the order in which they stand in the SQL. `select_related` works, annotations do not."""

    def __init__(self, build: Callable[[], models.QuerySet[M]]) -> None:
        self._build = build

    def first(self, *values: Any) -> M | None:
        """The first row as a model instance."""
        sql, model, fields, related = self._compiled
        with connection.cursor() as cursor:
            cursor.execute(sql, values)
            row = cursor.fetchone()
        if row is None:
            return None
        instance = model.from_db(connection.alias, fields, row[: len(fields)])
        for populator in related:
            populator.populate(row, instance)
        return instance

    @functools.cached_property
    def _compiled(self) -> tuple[str, type[M], list[str], list[Any]]:
        compiler = self._build().order_by().query.get_compiler(connection.alias)
        sql, _ = compiler.as_sql()
        facts, select = compiler.klass_info, compiler.select
        assert facts is not None
        assert select is not None
        assert not compiler.get_converters(column for column, *_ in select)
        fields = [select[place][0].target.attname for place in facts["select_fields"]]
        return sql, facts["model"], fields, get_related_populators(facts, select, connection.alias)  # type: ignore[call-arg]  # stubs of a later Django
