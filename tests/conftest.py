"""Fixtures of the system, comparison and crash tests.  A test that needs a program which is not
there fails: ./check installs them all."""
import pathlib
import sys

import pytest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent / "tools"))

import harness  # noqa: E402


def pytest_report_header(config):
    return "build under test: %s, %s" % (
        harness.BUILD, "as root (root mode and single-uid mode)" if harness.IS_ROOT
        else "as an ordinary user (single-uid mode)")


MODES = ["root", "single-uid"] if harness.IS_ROOT else ["single-uid"]


@pytest.fixture
def folder(tmp_path):
    """A folder that every user may enter (the parents are private)."""
    import shutil
    import tempfile
    path = pathlib.Path(tempfile.mkdtemp(prefix="malote-test-"))
    path.chmod(0o755)
    yield path
    shutil.rmtree(path, ignore_errors=True)


@pytest.fixture
def make_instance(folder):
    """make_instance(name="a", single_uid=False, **kw): an Instance that is
    stopped, and checked for sanitizer reports, when the test is over."""
    made = []

    def make(name="a", **kw):
        kw.setdefault("single_uid", not harness.IS_ROOT)
        instance = harness.Instance(folder / name, **kw)
        made.append(instance)
        return instance
    yield make
    problems = []
    for instance in made:
        try:
            instance.close()
        except harness.Trouble as trouble:
            problems.append(str(trouble))
    assert not problems, "\n".join(problems)


@pytest.fixture
def instance(make_instance):
    """A fresh instance in the mode this user gives, not started."""
    return make_instance()


@pytest.fixture(params=MODES)
def any_instance(request, make_instance):
    """A fresh instance, once per mode (root mode, single-uid mode)."""
    return make_instance(single_uid=request.param == "single-uid")


@pytest.fixture
def closing():
    """closing(thing): thing.close() when the test is over; returns thing."""
    things = []

    def add(thing):
        things.append(thing)
        return thing
    yield add
    for thing in reversed(things):
        thing.close()
