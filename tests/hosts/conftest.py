"""Real hosts: containers with systemd and sshd, made by cdconf's own provider from a project in a temp directory."""

import pytest

from tests.hosts.live import provisioned

FILES = {
    "cdconf.yml": """
        project: e2e
        lease: {ttl: 8s}
        groups:
          web: [app]
        apps:
          app:
            groups: [web]
            build: ./build.sh
            artifact: dist/app-*.tar.gz
            path: /srv/app
            services: [app]
            health: {http: "http://127.0.0.1:8000/", within: 8s}
            migrate: {expand: "echo $(cat VERSION) >> /srv/app/expanded"}
            batches: [1, 100%]
    """,
    "inventories/dev/hosts.yml": """
        provider: docker
        hosts:
          web1: {groups: [web]}
          web2: {groups: [web]}
    """,
    "build.sh": """
        #!/bin/sh -e
        rm -rf out dist && mkdir -p out/app dist
        cp serve.py out/app/ && echo "$CDCONF_VERSION" > out/app/VERSION
        tar -C out/app -czf "dist/app-$CDCONF_VERSION.tar.gz" .
    """,
    "serve.py": """
        import http.server, socketserver
        VERSION = open("VERSION").read()
        class Answer(http.server.BaseHTTPRequestHandler):
            def do_GET(self):
                self.send_response(200)
                self.end_headers()
                self.wfile.write(VERSION.encode())
        socketserver.ThreadingTCPServer.allow_reuse_address = True
        socketserver.ThreadingTCPServer(("", 8000), Answer).serve_forever()
    """,
    "roles/app/role.yml": """
        resources:
          - package: [python3, curl]
          - directory: /srv/app
          - file: /etc/app.conf
            content: "port=8000\\n"
            mode: "0640"
            notify: restart app
          - systemd_unit: app.service
            template: app.service.j2
            notify: restart app
          - service: app
            enabled: true
        handlers:
          restart app: {service: app, action: restart}
    """,
    "roles/app/templates/app.service.j2": """
        [Service]
        WorkingDirectory=/srv/app/current
        ExecStart=/usr/bin/python3 /srv/app/current/serve.py
        [Install]
        WantedBy=multi-user.target
    """,
    "roles/app/smoke/test_app.py": """
        def test_it_serves_its_own_version(host):
            wanted = host.file("/srv/app/current/VERSION").content_string.strip()
            assert host.check_output("curl -fsS http://127.0.0.1:8000/") == wanted
    """,
    ".gitignore": ".cdconf/\nout/\ndist/\n",
}


@pytest.fixture(scope="session")
def live(tmp_path_factory):
    with provisioned(tmp_path_factory.mktemp("e2e"), FILES) as one:
        yield one
