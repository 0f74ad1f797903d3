"""A server that speaks S3's protocol, as a process of its own: prints its URL, and serves until its stdin ends."""

import sys
import threading

from moto.server import ThreadedMotoServer


def one_at_a_time(server):
    """Moto's objects aren't made for threads: of two requests that write the same one, either may get a 500."""
    serve, lock = server.app, threading.Lock()

    def app(environ, start_response):
        with lock:
            return list(serve(environ, start_response))

    server.app = app


def main():
    server = ThreadedMotoServer(port=0, verbose=False)
    server.start()
    one_at_a_time(server._server)
    print("http://{}:{}".format(*server.get_host_and_port()), flush=True)
    sys.stdin.read()


if __name__ == "__main__":
    main()
