"""A role with two secrets, and the store of its environment's."""

from cdconf.inventory import load_environment, load_project
from cdconf.secrets import SecretStore

ROLE = """
variables:
  pw: {secret: true, doc: x}
  other: {secret: true, doc: x}
resources:
  - {file: /x, content: "{{ pw }} {{ other }}", mode: "0600"}
"""


def store(root):
    project = load_project(root)
    return SecretStore(project, load_environment(project, "dev"))
