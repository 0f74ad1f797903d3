"""What of a difference is shown."""

from cdconf.agent.converge import compare


def test_of_a_sensitive_file_that_is_shown_which_everybody_on_the_host_sees():
    resource = {"title": "/etc/key", "sensitive": True}
    differing = {"content": ("old", "new"), "mode": ("0644", "0600"), "owner": ("root", "shop")}
    text = "content: (sensitive)\nmode: 0644 -> 0600\nowner: root -> shop\n"
    assert compare.text(resource, differing) == text
    assert compare.text(resource, {"exists": (False, True), **differing}).splitlines()[2] == "mode: 0600"
