"""The audit of the requirements: its verdict on each kind of answer, and the audit itself."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from typing import Any

import pytest

from tools.audit import AUDITED, NOT_AUDITED, VULNERABLE, main, verdict

CLEAN = {"name": "jinja2", "version": "3.1.6", "vulns": []}
SKIPPED = {"name": "waitress", "skip_reason": "Dependency not found on PyPI"}
BAD = {"name": "x", "version": "1", "vulns": [{"id": "CVE-1", "fix_versions": ["2"]}]}


@pytest.mark.parametrize(
    ("answers", "status", "text"),
    [
        ([[CLEAN], [CLEAN]], AUDITED, "1 packages audited, no known vulnerability"),
        ([[CLEAN], [SKIPPED]], NOT_AUDITED, "NOT AUDITED, only 1 packages were: the advisory"),
        ([[CLEAN], "no route"], NOT_AUDITED, "NOT AUDITED, only 1 packages were: no route"),
        (["a", "b"], NOT_AUDITED, "NOT AUDITED, only 0 packages were: a; b"),
        ([[], []], NOT_AUDITED, "NOT AUDITED, only 0"),
        ([[BAD], "no route"], VULNERABLE, "1 KNOWN VULNERABILITIES\nx 1: CVE-1, fixed in 2"),
        ([[BAD], [BAD, CLEAN]], VULNERABLE, "1 KNOWN VULNERABILITIES\nx 1: CVE-1, fixed in 2"),
    ],
)
def test_verdict(answers: list[list[dict[str, Any]] | str], status: int, text: str) -> None:
    found, message = verdict(answers)
    assert found == status and message.startswith(text)


class Advisories(BaseHTTPRequestHandler):
    """An advisory service in the format of osv.dev that knows one vulnerability, in jinja2."""

    def do_POST(self) -> None:
        asked = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        package = {"name": "jinja2", "ecosystem": "PyPI"}
        ranges = [{"type": "ECOSYSTEM", "events": [{"introduced": "0"}, {"fixed": "99"}]}]
        vulnerability = {
            "id": "GHSA-0000", "summary": "made up", "published": "2026-01-01T00:00:00Z",
            "affected": [{"package": package, "ranges": ranges}],
        }  # fmt: skip
        hit = asked["package"]["name"] == "jinja2"
        answer = json.dumps({"vulns": [vulnerability]} if hit else {}).encode()
        self.send_response(200)
        self.end_headers()
        self.wfile.write(answer)

    def log_message(self, *_: object) -> None:
        pass


@pytest.fixture
def advisories() -> Iterator[str]:
    server = HTTPServer(("127.0.0.1", 0), Advisories)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}/v1/query"
    server.shutdown()
    thread.join()
    server.server_close()


def test_a_known_vulnerability_is_found(
    advisories: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """pip-audit itself, with a local advisory service."""
    assert main(["--vulnerability-service", "osv", "--osv-url", advisories]) == VULNERABLE
    assert "jinja2 3.1.6: GHSA-0000, fixed in 99" in capsys.readouterr().out


def test_no_known_vulnerability_in_what_is_shipped(capsys: pytest.CaptureFixture[str]) -> None:
    status = main([])
    text = capsys.readouterr().out.strip()
    if status == NOT_AUDITED:
        pytest.skip(text)
    assert status == AUDITED, text
