"""A project whose app has a user, toggles and shared paths, with two web hosts of its own."""

import json
import time

from tests.hosts.conftest import FILES
from tests.hosts.live import Live, provisioned

APP = """
    project: {project}
    lease: {{ttl: 8s}}
    groups:
      web: [app]
    apps:
      app:
        groups: [web]
        build: ./build.sh
        artifact: dist/app-*.tar.gz
        path: /srv/app
        user: shop
        services: [app]
        health: {{http: "http://127.0.0.1:8000/health", within: 4s}}
        confirm_within: 12s
        batches: [1, 100%]
        keep: 2
        shared: {{directories: [uploads, var/log], files: [config/local.ini]}}
        toggles_reload: true
        toggles:
          new_checkout: {{doc: The checkout in one page, owner: anna}}
          search: {{default: on, doc: Search}}
          sick: {{doc: Makes the health check fail}}
          odd: {{doc: Makes the smoke tests fail}}
"""
SERVE = """
    import http.server, json, os, signal, socketserver
    VERSION = open("VERSION").read().strip()
    def load(*ignored):
        global TOGGLES
        TOGGLES = json.load(open("/srv/app/shared/toggles.json"))
    load()
    signal.signal(signal.SIGHUP, load)
    class Answer(http.server.BaseHTTPRequestHandler):
        def do_GET(self):
            self.send_response(500 if self.path == "/health" and TOGGLES["sick"] else 200)
            self.end_headers()
            if self.path == "/upload":
                open("uploads/received", "a").write(VERSION + " ")
            on = [name for name, value in sorted(TOGGLES.items()) if value]
            self.wfile.write(" ".join([VERSION, *on]).encode())
        def log_message(self, *ignored):
            open("var/log/access", "a").write(self.path)
    socketserver.ThreadingTCPServer.allow_reuse_address = True
    socketserver.ThreadingTCPServer(("", 8000), Answer).serve_forever()
"""
ROLE = """
    resources:
      - package: [python3, curl]
      - user: shop
        system: true
      - directory: "{{ each }}"
        for_each: [/srv/app, /srv/app/shared, /srv/app/shared/config]
      - file: /srv/app/shared/config/local.ini
        content: "[local]\\n"
      - systemd_unit: app.service
        template: app.service.j2
      - service: app
        enabled: true
"""
UNIT = """
    [Service]
    User=shop
    WorkingDirectory=/srv/app/current
    ExecStart=/usr/bin/python3 -B /srv/app/current/serve.py
    ExecReload=/bin/kill -HUP $MAINPID
    [Install]
    WantedBy=multi-user.target
"""
SMOKE = """
    def test_it_serves_its_own_version(host):
        wanted = host.file("/srv/app/current/VERSION").content_string.strip()
        assert host.check_output("curl -fsS http://127.0.0.1:8000/").split()[0] == wanted

    def test_it_isnt_odd(host):
        assert "odd" not in host.check_output("curl -fsS http://127.0.0.1:8000/").split()
"""
TOGGLES = "inventories/dev/toggles.yml"
ORIGINAL = "# What is on here.\napp:\n  search: on  # for ever\n"


class Switchable(Live):
    """The project; `file` is its toggles.yml."""

    @property
    def file(self):
        return (self.root / TOGGLES).read_text()

    def said(self):
        """What each host serves, without its version."""
        return {host: text.split()[1:] for host, text in self.served().items()}

    def values(self, host):
        return json.loads(self.on(host, "cat /srv/app/shared/toggles.json"))

    def newer(self):
        """Builds another version, and returns it."""
        return self.commit(note=str(time.time_ns()))


def switchable(folder, project, apps=""):
    """The project, with more apps if there are some, and hosts that run; removed at the end."""
    files = FILES | {
        "cdconf.yml": APP.format(project=project) + apps,
        "serve.py": SERVE,
        "roles/app/role.yml": ROLE,
        "roles/app/templates/app.service.j2": UNIT,
        "roles/app/smoke/test_app.py": SMOKE,
        TOGGLES: ORIGINAL,
    }
    return provisioned(folder, files, Switchable)
