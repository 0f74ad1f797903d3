"""The project that chaos torments: a small app that ends gracefully, on web hosts behind a load balancer."""

import io
import tarfile
import textwrap

PARTS = 40  # files of a release; an answer tells the versions of all of them
POSTS = "/var/lib/app/posts"  # one line for each POST that a host has served

# What the kernel has accepted for the app before SIGTERM is still answered: a listening socket that's closed over
# its queue resets the connections in it.
SERVE = f"""
    import http.server, os, signal, socketserver, threading

    def version():
        found = {{open("VERSION").read().strip()}} | {{open("part%d" % n).read().strip() for n in range({PARTS})}}
        return "+".join(sorted(found)).encode()

    class Answer(http.server.BaseHTTPRequestHandler):
        timeout = 10

        def do_GET(self):
            if self.path == "/revision":
                return self.answer(os.environ.get("REVISION", "").encode())
            self.answer(version())

        def do_POST(self):
            body = self.rfile.read(int(self.headers["Content-Length"]))
            descriptor = os.open("{POSTS}", os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
            os.write(descriptor, body + b"\\n")
            os.close(descriptor)
            self.answer(version())

        def answer(self, text):
            self.send_response(200)
            self.send_header("Content-Length", str(len(text)))
            self.end_headers()
            self.wfile.write(text)

        def log_message(self, *words):
            pass

    class Server(socketserver.ThreadingTCPServer):
        allow_reuse_address = True
        request_queue_size = 128

    server = Server(("", 8000), Answer)
    signal.signal(signal.SIGTERM, lambda *_: threading.Thread(target=server.shutdown).start())
    server.serve_forever(poll_interval=0.05)
    server.socket.setblocking(False)
    while True:
        try:
            connection, address = server.get_request()
        except BlockingIOError:
            break
        connection.setblocking(True)
        server.process_request(connection, address)
    server.server_close()  # waits for the answers in hand
"""

FILES = {
    "serve.py": SERVE,
    "roles/app/role.yml": """
        variables:
          revision: {type: integer, default: 0, doc: what each provision of a sweep changes}
        resources:
          - directory: /srv/app
          - directory: /var/lib/app
          - file: /etc/app.env
            content: "REVISION={{ revision }}\n"
            notify: restart app
          - systemd_unit: app.service
            template: app.service.j2
          - service: app
            enabled: true
        handlers:
          restart app: {service: app, action: restart}
    """,
    "roles/app/templates/app.service.j2": """
        [Service]
        WorkingDirectory=/srv/app/current
        EnvironmentFile=/etc/app.env
        ExecStart=/usr/bin/python3 /srv/app/current/serve.py
        TimeoutStopSec=10
        [Install]
        WantedBy=multi-user.target
    """,
    "roles/app/smoke/test_app.py": """
        ASK = "import urllib.request as r; print(r.urlopen('http://127.0.0.1:8000/', timeout=5).read().decode())"

        def test_it_serves_its_own_version(host):
            wanted = host.file("/srv/app/current/VERSION").content_string.strip()
            assert host.check_output("python3 -c %s", ASK) == wanted
    """,
    "roles/balancer/role.yml": """
        resources:
          - package: [nginx-light, procps]
          - file: /usr/local/sbin/upstream
            source: upstream
            mode: "0755"
          - directory: /etc/nginx/upstream.d
          - file: "/etc/nginx/upstream.d/{{ each.name }}.conf"
            for_each: "{{ hosts.web }}"
            content: "server {{ each.address }}:8000 max_fails=0;\n"
            create_only: true
          - file: /etc/nginx/sites-enabled/default
            template: balancer.conf.j2
            notify: reload nginx
          - service: nginx
            enabled: true
            running: true
        handlers:
          reload nginx: {service: nginx, action: reload}
    """,
    # Whatever host answers nothing is passed over, at once; a POST that was sent already isn't sent again.
    "roles/balancer/templates/balancer.conf.j2": """
        upstream app {
            include /etc/nginx/upstream.d/*.conf;
        }
        server {
            listen 80 default_server;
            keepalive_requests 100000;
            location / {
                proxy_pass http://app;
                proxy_next_upstream error timeout;
                proxy_connect_timeout 1s;
                proxy_read_timeout 4s;
            }
        }
    """,
    # Comes back when no worker that knows the old servers takes requests any more.
    "roles/balancer/files/upstream": """
        #!/bin/sh -eu
        down=
        if [ "$1" = drain ]; then down=" down"; fi
        cd /etc/nginx/upstream.d
        echo "server $2:8000 max_fails=0$down;" > ".$2.new"
        mv ".$2.new" "$2.conf"
        old=$(pgrep -P "$(cat /run/nginx.pid)")
        nginx -s reload
        for _ in $(seq 100); do
            left=
            for pid in $old; do
                if tr -d '\\0' < "/proc/$pid/cmdline" 2> /dev/null | grep -q 'worker process$'; then left=$pid; fi
            done
            if [ -z "$left" ]; then exit 0; fi
            sleep 0.05
        done
        echo "nginx's worker $left has not heard of the reload" >&2
        exit 1
    """,
    "roles/balancer/smoke/test_balancer.py": """
        def test_it_listens(host):
            assert host.socket("tcp://0.0.0.0:80").is_listening
    """,
    ".gitignore": ".cdconf/\ndist/\n",
}


DRAIN = """
            drain:
              group: lb
              command: upstream drain "$CDCONF_HOST"
              undrain: upstream undrain "$CDCONF_HOST"
              wait: WAITs
"""


def project(webs, within, batches, wait):
    """The project's files.

    Args:
        webs: Names of the web hosts.
        within: `confirm_within` and the lease's time, in seconds.
        batches: As in cdconf.yml.
        wait: Seconds that drained hosts get for the requests that they have; None: hosts aren't drained.
    """
    config = f"""
        project: chaos
        lease: {{ttl: {within}s}}
        groups:
          web: [app]
          lb: [balancer]
        apps:
          app:
            groups: [web]
            artifact: dist/app-*.tar.gz
            path: /srv/app
            services: [app]
            health: {{http: "http://127.0.0.1:8000/", within: 10s}}
            batches: [{batches}]
            confirm_within: {within}s
    """
    if wait is not None:
        config = config.rstrip() + DRAIN.replace("WAIT", f"{wait:g}")
    hosts = "".join(f"  {name}: {{groups: [web], publish: [8000]}}\n" for name in webs)
    inventory = f"provider: docker\nhosts:\n{hosts}  lb1: {{groups: [lb], publish: [80]}}\n"
    return FILES | {"cdconf.yml": config, "inventories/dev/hosts.yml": inventory}


def artifact(path, version, **others):
    """Writes a release of the app as a tar.

    Args:
        path: The file.
        version: What all its parts say.
        others: More files, or others in place of the app's own: name -> content.
    """
    files = {"VERSION": version, "serve.py": textwrap.dedent(SERVE).lstrip("\n")}
    files |= {f"part{number}": version for number in range(PARTS)} | others
    path.parent.mkdir(exist_ok=True)
    with tarfile.open(path, "w:gz") as tar:
        for name, text in files.items():
            data = text.encode() if isinstance(text, str) else text
            entry = tarfile.TarInfo(name)
            entry.size = len(data)
            tar.addfile(entry, io.BytesIO(data))
    return path
