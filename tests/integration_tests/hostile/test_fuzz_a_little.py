"""A short run of the fuzzer; `make fuzz` is the long one."""

from __future__ import annotations

from fuzzing import Found, fuzz, request_of
from visioncraft_sandbox import Fault, Sandbox


def test_the_sandbox_bears_bent_and_broken_requests() -> None:
    with Sandbox(models=False) as sandbox:
        found = fuzz(sandbox.url, seed=7, requests=120, seconds=600, memory=lambda: 1)
    assert not found.failures
    assert found.memory  # measured however few requests there are
    assert sum(found.statuses.values()) > 20


def test_the_fuzzer_notices_an_error_of_the_server() -> None:
    with Sandbox(models=False) as sandbox:
        sandbox.faults.inject(Fault(status=500))
        found = fuzz(sandbox.url, requests=10, seconds=600)
    assert found.failures
    assert not found.is_good


def test_the_fuzzer_notices_growth() -> None:
    steady = [100 << 20] * 40
    assert Found(memory=steady).is_good
    assert not Found(memory=[size + (number << 23) for number, size in enumerate(steady)]).is_good


def test_a_request_is_known_by_its_number() -> None:
    assert [request_of(3, number) for number in range(50)] == [
        request_of(3, number) for number in range(50)
    ]
