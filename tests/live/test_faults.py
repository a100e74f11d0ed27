"""The wire that can break does what it says."""

import socket
import threading
from collections.abc import Iterator

import pytest

from tests.live.faults import Wire


@pytest.fixture
def echo() -> Iterator[tuple[str, int]]:
    """A server that says what it hears."""
    listener = socket.create_server(("127.0.0.1", 0))

    def serve() -> None:
        while True:
            try:
                connection, _ = listener.accept()
            except OSError:
                return
            threading.Thread(target=answer, args=(connection,), daemon=True).start()

    def answer(connection: socket.socket) -> None:
        with connection:
            try:
                while heard := connection.recv(4096):
                    connection.sendall(heard)
            except OSError:
                return

    thread = threading.Thread(target=serve, daemon=True)
    thread.start()
    yield listener.getsockname()
    listener.shutdown(socket.SHUT_RDWR)
    listener.close()
    thread.join()


@pytest.fixture
def wire(echo: tuple[str, int]) -> Iterator[Wire]:
    with Wire(*echo) as entered:
        yield entered


def connect(wire: Wire) -> socket.socket:
    return socket.create_connection(("127.0.0.1", wire.port), timeout=5)


def heard(connection: socket.socket, *, within: float = 5.0) -> bytes | None:
    connection.settimeout(within)
    try:
        return connection.recv(4096)
    except TimeoutError:
        return None


def test_it_passes_bytes_of_many_connections(wire: Wire):
    connections = [connect(wire) for _ in range(30)]
    for number, connection in enumerate(connections):
        connection.sendall(f"{number}".encode())
    assert [heard(connection) for connection in connections] == [f"{number}".encode() for number in range(30)]
    assert (wire.accepted, wire.connections) == (30, 30)
    for connection in connections:
        connection.close()


@pytest.mark.parametrize("direction", ["both", "to server", "to client"])
def test_what_it_swallows_arrives_after_healing(wire: Wire, direction):
    with connect(wire) as connection:
        connection.sendall(b"before")
        assert heard(connection) == b"before"
        wire.swallow(direction)
        connection.sendall(b"held")
        assert heard(connection, within=0.1) is None
        wire.heal()
        assert heard(connection) == b"held"


def test_a_connection_made_while_it_swallows_hangs_until_healing(wire: Wire):
    wire.swallow()
    with connect(wire) as connection:
        connection.sendall(b"hello")
        assert heard(connection, within=0.1) is None
        wire.heal()
        assert heard(connection) == b"hello"


def test_a_reset_ends_what_is_connected_and_nothing_later(wire: Wire):
    with connect(wire) as connection:
        connection.sendall(b"x")
        assert heard(connection) == b"x"
        wire.reset()
        with pytest.raises(ConnectionResetError):
            heard(connection)
    with connect(wire) as later:
        later.sendall(b"later")
        assert heard(later) == b"later"


def test_it_refuses_until_it_is_healed(wire: Wire):
    wire.refuse()
    with pytest.raises(ConnectionRefusedError):
        connect(wire)
    wire.heal()
    with connect(wire) as connection:
        connection.sendall(b"again")
        assert heard(connection) == b"again"


def test_it_takes_its_time(wire: Wire):
    wire.delay(0.15)
    with connect(wire) as connection:
        connection.sendall(b"slow")
        assert heard(connection, within=0.1) is None
        assert heard(connection) == b"slow"


def test_the_end_of_one_side_reaches_the_other(wire: Wire):
    with connect(wire) as connection:
        connection.sendall(b"bye")
        assert heard(connection) == b"bye"
        connection.shutdown(socket.SHUT_WR)
        assert heard(connection) == b""
