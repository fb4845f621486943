"""Serves the review on the loopback address until it is stopped."""

from __future__ import annotations

import logging
import socket
from collections.abc import Callable
from pathlib import Path

from werkzeug.serving import make_server

from grader.batch.finish import refresh
from grader.errors import ConfigurationError
from grader.lab import Project
from grader.service.guard import Guard
from grader.service.refresher import Refresher
from grader.service.review import make_app
from grader.service.shelf import Shelf

LOOPBACK = "127.0.0.1"


def serve_review(
    folder: Path, project: Project, who: str, port: int, ready: Callable[[str], None]
) -> None:
    """Serve the review of a batch until Ctrl-C.

    Parameters
    ----------
    folder : Path
        Of the batch.
    project : Project
        The lab.
    who : str
        The person who decides, until they say another name.
    port : int
        Where to listen; 0 for any that is free.
    ready : callable
        Told the address to open, which lets in whoever has it.

    Raises
    ------
    ConfigurationError
        If there is no batch, or nothing can listen there.
    """
    shelf = Shelf(folder)
    # Whatever was decided by other means since is brought up to date first.
    refresh(shelf, project)
    listening = _listen(port)
    guard = Guard(listening.getsockname()[1])
    refresher = Refresher(lambda: refresh(shelf, project))
    app = make_app(shelf, guard, who, refresher.ask, lambda: refresher.problem)
    # Its log would hold the address, and tell the person nothing.
    logging.getLogger("werkzeug").setLevel(logging.ERROR)
    with listening:
        server = make_server(
            LOOPBACK, listening.getsockname()[1], app, threaded=True, fd=listening.fileno()
        )
        ready(guard.address)
        try:
            server.serve_forever()
        finally:
            server.server_close()
            refresher.close()


def _listen(port: int) -> socket.socket:
    listening = socket.socket()
    listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listening.bind((LOOPBACK, port))
        listening.listen()
    except OSError as error:
        listening.close()
        raise ConfigurationError(
            f"Nothing can listen on port {port} ({error.strerror}).",
            "Choose another with --port, or leave it out.",
        ) from error
    return listening
