"""Invoke mode: the model is loaded once, then called over HTTP for every new content of --input.

    GET /health    200 once the model is loaded; the port opens only then
    POST /invoke   201 when the output is written; 500 with the reason of every image that failed;
                   503 where too many calls wait already

Each call processes --input as process.py does; results of the call before it are removed.
"""

from __future__ import annotations

import argparse
import sys
import threading

from batch.allocator import share_memory_of_threads
from batch.garbage import pause_collections, resume_collections
from batch.http_server import Calls, answer, application, listen
from batch.options import option_parser
from batch.processors import use_processors
from batch.signals import exit_on_sigterm


def main(arguments: list[str] | None = None) -> int:
    """Serve until a signal ends the process; the exit status is 2 for a wrong call."""
    options = parse_options(arguments)
    use_processors()  # before anything imports torch
    share_memory_of_threads()
    exit_on_sigterm()

    from batch.folder import process_folder
    from batch.settings import folder_settings, load_detector

    calls: Calls = Calls()
    try:
        detector = load_detector(options)
        settings = folder_settings(options, detector)
        server = listen(application(calls), options.host, options.port)
    except (ValueError, OSError) as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    resume_collections()
    threading.Thread(target=server.run, daemon=True).start()
    print(f"the model is loaded, listening on {options.host}:{options.port}")
    while True:
        answer(calls.get(), lambda: process_folder(detector, settings))


def parse_options(arguments: list[str] | None) -> argparse.Namespace:
    """The options of process.py, which hold for every call, and where to listen."""
    parser = option_parser()
    parser.prog = "serve.py"
    parser.usage = "serve.py [--input IN] [--output OUT] [--host ADDRESS] [--port N] [options]"
    parser.description = "Serve POST /invoke and GET /health; every call processes --input."
    group = parser.add_argument_group("HTTP")
    group.add_argument("--host", default="127.0.0.1", help="address to listen on [%(default)s]")
    group.add_argument("--port", type=int, default=4743, help="[%(default)s, the platform's]")
    return parser.parse_args(arguments)


if __name__ == "__main__":
    pause_collections()
    sys.exit(main())
