"""Observes and applies certificates with their keys."""

import os
import time

from cdconf.agent import files, texts
from cdconf.agent.commands.execute import last_lines, run
from cdconf.agent.crypto import der
from cdconf.agent.errors import Failed
from cdconf.agent.records import store as state_of

DAY = 86400
OTHERS_WRITE = 0o022
LIMIT = 4 * 1024 * 1024  # bytes that are read; what's larger is another file than the wanted one


def observe(fields):
    """What the two files hold; None when one of them isn't there, or they don't belong together."""
    owner = fields.get("owner")
    texts = [_read(fields["path"], owner), _read(fields["key"], owner)]
    if fields.get("absent"):
        return None if texts == [None, None] else {}
    if None in texts:
        return None
    certificate, key = files.lstat(fields["path"]), files.lstat(fields["key"])
    if certificate is None or key is None:
        return None
    state = files.ownership(key, fields)
    _note_the_other(state, files.ownership(certificate, fields), fields)
    if "content" in fields:
        state["content"], state["key_content"] = texts
    try:
        certificate = der.certificate(texts[0])
        if der.belongs(texts[1], certificate.public_key) is False:
            return None if "names" in fields else state
    except der.MalformedDer:
        return None if "names" in fields else state
    if "names" in fields and not certificate.self_issued:
        state["key_type"] = "of a certificate that isn't self-signed"
    else:
        state["key_type"] = certificate.key_type
    if "names" in fields and _known(fields["path"]) not in (None, _digest(texts[0])):
        state["key_type"] = "of another certificate than the one that was made here"
    state["names"] = certificate.names
    state["common_name"] = certificate.common_name
    if "renew_before" in fields:
        state["renew_before"] = _time_left(certificate, fields["renew_before"])
    return state


def _store():
    return state_of.HostStore("certificates", os.path.join(state_of.root(), ".certificates"))


def _record(path):
    return "certificate-{}.json".format(_digest(path))


def _digest(text):
    import hashlib

    return hashlib.sha256(text.encode("utf-8", "surrogateescape")).hexdigest()


def _known(path):
    """The SHA-256 of the certificate that was made at a path; None when none was, so that any may be there."""
    return (_store().read(_record(path)) or {}).get("sha256")


def _read(path, owner):
    data = files.read(path, owner, limit=LIMIT)
    return None if data is None else data.decode("utf-8", "replace")


def _note_the_other(state, certificate, fields):
    """Owner and group are of both files: what the certificate's are comes up where the key's are right.

    The certificate's own mode is nobody's business, unless others could write to it.
    """
    if int(certificate["mode"], 8) & OTHERS_WRITE and state["mode"] == fields.get("mode"):
        state["mode"] = "{} (the certificate: {})".format(state["mode"], certificate["mode"])
    for name in ("owner", "group"):
        if name in fields and certificate[name] != fields[name]:
            state[name] = certificate[name]


def _closed(status):
    """The mode for a certificate to which others can write; None for one that keeps its own."""
    return "0644" if status is not None and status.st_mode & OTHERS_WRITE else None


def _time_left(certificate, wanted):
    left = certificate.not_after - time.time()
    if left > int(wanted[:-1]) * DAY:
        return wanted
    date = time.strftime("%Y-%m-%d", time.gmtime(certificate.not_after))
    return "expired on {}".format(date) if left < 0 else "expires on {}".format(date)


def apply(fields, difference):
    """Removes both; writes what's given; makes a new one; or only changes owner and mode."""
    if difference.get("exists") == (True, False):
        for path in (fields["path"], fields["key"]):
            files.remove(path)
        _store().remove(_record(fields["path"]))
        return
    for path in (fields["path"], fields["key"]):
        files.need_directory(os.path.dirname(path))
    files.check_owners(difference)
    if not set(difference) - {"owner", "group", "mode"}:
        own = {name: difference[name] for name in ("owner", "group") if name in difference}
        mode = _closed(files.lstat(fields["path"]))
        own.update({"mode": (None, mode)} if mode else {})
        files.set_ownership(fields["path"], own, fields.get("owner"))
        files.set_ownership(fields["key"], difference, fields.get("owner"), fields["mode"])
        return
    if "content" in fields:
        if "renew_before" in fields:
            left = _time_left(der.certificate(fields["content"]), fields["renew_before"])
            if left != fields["renew_before"]:
                raise Failed("the certificate that is given {}: it has to be replaced by a newer one".format(left))
        certificate, key = fields["content"], fields["key_content"]
    else:
        certificate, key = _make(fields)
    if "validate" in fields:
        files.check_content(fields["validate"], fields["path"], certificate.encode("utf-8"))
    owner, group = fields.get("owner"), fields.get("group")
    # The key first: should the run end in between, the pair doesn't match, which the next run sees.
    files.write_atomic(fields["key"], key.encode("utf-8"), owner, group, fields["mode"])
    files.write_atomic(fields["path"], certificate.encode("utf-8"), owner, group, _closed(files.lstat(fields["path"])))
    if "content" not in fields:
        _store().write(_record(fields["path"]), {"path": fields["path"], "sha256": _digest(certificate)})


CONFIG = """\
[req]
prompt = no
distinguished_name = subject
x509_extensions = extensions
[subject]
CN = {name}
[extensions]
basicConstraints = critical, CA:FALSE
keyUsage = critical, digitalSignature, keyEncipherment
extendedKeyUsage = serverAuth
subjectKeyIdentifier = hash
subjectAltName = {names}
"""


def _make(fields):
    """A new certificate and its key, by one openssl that reads and writes nothing but pipes."""
    kind, _, size = fields["key_type"].partition("-")
    if kind == "rsa":
        key = ["-newkey", "rsa:" + size]
    else:
        curve = {"p256": "prime256v1", "p384": "secp384r1"}[size]
        key = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:" + curve, "-pkeyopt", "ec_param_enc:named_curve"]
    names = ", ".join(("IP:" if _is_address(name) else "DNS:") + name for name in fields["names"])
    text = CONFIG.format(name=fields.get("common_name", fields["names"][0]), names=names)
    argv = ["openssl", "req", "-x509", "-nodes", "-sha256", "-days", str(fields["days"])] + key
    argv += ["-config", "/dev/stdin", "-keyout", "/dev/stdout", "-out", "/dev/stdout"]
    result = run(argv, input=text, timeout=120)
    if result.status != 0:
        # Its output may begin with the key; only what it says about the error is shown.
        raise Failed("openssl failed", command=" ".join(argv), status=result.status, output=last_lines(result.err))
    blocks = {}
    for label in ("CERTIFICATE", "PRIVATE KEY"):
        begin, end = "-----BEGIN {}-----".format(label), "-----END {}-----".format(label)
        if begin not in result.out or end not in result.out:
            raise Failed("openssl made no {}".format(label.lower()))
        blocks[label] = begin + result.out.split(begin, 1)[1].split(end, 1)[0] + end + "\n"
    return blocks["CERTIFICATE"], blocks["PRIVATE KEY"]


def _is_address(name):
    return ":" in name or texts.is_number(name.replace(".", ""))
