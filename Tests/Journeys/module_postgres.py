"""The fixtures of a PostgreSQL that all tests of a module share, for modules whose tests leave it as they found it: imported by
them, they take the place of those that `conftest` has for one test."""

import pytest

from postgres import running_database, temporary_folder


@pytest.fixture(scope="module")
def folder():
    with temporary_folder() as made:
        yield made


@pytest.fixture(scope="module")
def database(folder):
    with running_database(folder) as server:
        yield server
