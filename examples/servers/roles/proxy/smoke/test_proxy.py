import re

CURL = "curl -sk -o /dev/null -D - --max-time 10 --resolve %s:80:127.0.0.1 --resolve %s:443:127.0.0.1 %s"


def served(host):
    """The names of the virtual hosts."""
    names = host.check_output("cd /etc/nginx/sites-enabled && ls -1").split()
    return [name for name in names if name != "default"]


def head(host, name, url):
    return host.check_output(CURL, name, name, url)


def test_nginx_runs_and_accepts_its_configuration(host):
    assert host.service("nginx").is_running
    assert host.service("nginx").is_enabled
    assert host.run("nginx -t").rc == 0


def test_every_virtual_host_sends_browsers_to_https(host):
    assert served(host)
    for name in served(host):
        answer = head(host, name, f"http://{name}/a?b=c")
        assert answer.startswith("HTTP/1.1 308")
        assert f"Location: https://{name}/a?b=c" in answer


def test_every_virtual_host_answers_over_tls_with_its_own_certificate(host):
    for name in served(host):
        answer = head(host, name, f"https://{name}/")
        assert re.search(r"(?im)^strict-transport-security: max-age=\d+", answer)
        shown = host.check_output(
            "openssl s_client -connect 127.0.0.1:443 -servername %s </dev/null 2>/dev/null"
            " | openssl x509 -noout -checkhost %s",
            name,
            name,
        )
        assert "does match" in shown


def test_old_protocols_and_unknown_names_are_refused(host):
    name = served(host)[0]
    old = host.run("openssl s_client -connect 127.0.0.1:443 -servername %s -tls1_1 </dev/null", name)
    assert old.rc != 0
    assert host.run("curl -sk --max-time 10 --resolve x.invalid:443:127.0.0.1 https://x.invalid/").rc == 35
    assert host.run("curl -s --max-time 10 -H 'Host: x.invalid' http://127.0.0.1/").rc == 52


def test_keys_are_for_root_alone(host):
    assert host.check_output("find /etc/nginx/tls -name '*.key' -perm /077") == ""
