"""What's done to a builder's file system before it becomes a snapshot, while nothing runs in it.

The scripts are those of a POSIX sh: they run in containers, as root.
"""

from __future__ import annotations

import io
import tarfile

FOLDER = ".cdconf-snapshot"  # in the builder's root directory while it's scrubbed
REFUSED = 3  # the script's exit status when something is left that hosts mustn't share; it has printed what
# The builder's first process: what the image would start, until the script has been laid beside it.
START = f'if [ -e /{FOLDER}/scrub ]; then exec /bin/sh /{FOLDER}/scrub; fi; exec "$@"'

# Each part is about one thing that two hosts mustn't have in common, or that no host has a use for.
SCRIPT = r"""
set -eu
here=/.cdconf-snapshot

# Who this host is: keys, machine-id(5), systemd's own secrets.
rm -rf /etc/ssh/ssh_host_* /root/.ssh /var/lib/dbus/machine-id /var/lib/systemd/random-seed \
    /var/lib/systemd/credential.secret
: > /etc/machine-id

# What cdconf knows of it; the agent's code stays, and which archives are unpacked, as they are in the snapshot.
find /var/lib/cdconf -mindepth 1 -maxdepth 1 ! -name .agent ! -name .archives -exec rm -rf {} + 2> /dev/null || true

# What has happened on it.
rm -rf /var/log/journal/* /tmp/* /tmp/.[!.]* /var/tmp/* /var/tmp/.[!.]* /var/lib/systemd/coredump/*
find /var/log -xdev -type f \( -name '*.gz' -o -name '*.[0-9]' -o -name '*.old' \) -exec rm -f {} +
find /var/log -xdev -type f -exec sh -c 'for file; do : > "$file"; done' sh {} +
find /root /home -xdev -maxdepth 3 -type f \( -name '.*_history' -o -name '.lesshst' -o -name '.viminfo' \) \
    -exec rm -f {} + 2> /dev/null || true
rm -f /var/cache/apt/archives/*.deb /var/cache/apt/*.bin
rm -rf /var/cache/dnf/*/packages
if [ -e /var/cache/debconf/passwords.dat ]; then : > /var/cache/debconf/passwords.dat; fi
rm -f /var/cache/debconf/passwords.dat-old

# What packages make for each host when they're installed. It's made anew at the first boot.
renew=
if [ -e /etc/ssl/private/ssl-cert-snakeoil.key ]; then
    rm -f /etc/ssl/private/ssl-cert-snakeoil.key /etc/ssl/certs/ssl-cert-snakeoil.pem
    renew=1
fi
for config in /etc/postgresql/*/*/postgresql.conf; do
    if [ -e "$config" ]; then
        cluster=${config#/etc/postgresql/}
        rm -rf "/var/lib/postgresql/${cluster%/postgresql.conf}"
        renew=1
    fi
done
if [ -n "$renew" ]; then
    install -D -m 0755 $here/renew /usr/local/lib/cdconf/renew
    cat > /etc/systemd/system/cdconf-renew.service << END
[Unit]
Description=Make what this host shares with no other one
DefaultDependencies=no
After=sysinit.target
Before=basic.target shutdown.target
Conflicts=shutdown.target
[Service]
Type=oneshot
ExecStart=/usr/local/lib/cdconf/renew
END
    mkdir -p /etc/systemd/system/basic.target.wants
    ln -sf ../cdconf-renew.service /etc/systemd/system/basic.target.wants/cdconf-renew.service
fi

# Whatever else is private and comes from no package was made for this host alone, by something unknown.
owned() {
    if command -v dpkg > /dev/null; then dpkg -S "$1" > /dev/null 2>&1
    elif command -v rpm > /dev/null; then rpm -qf "$1" > /dev/null 2>&1
    else return 1; fi
}
found=$here/found
: > $found
{
    find /etc /var/lib -xdev -type f ! -perm -o=r
    find /etc /root /home /srv /opt /var -xdev -type f -size -64k -exec \
        grep -lE -e '^-----BEGIN ([A-Z]+ )?PRIVATE KEY-----' {} +
} 2> /dev/null | sort -u | while read -r file; do
    case "$file" in
    /etc/shadow* | /etc/gshadow* | /etc/.pwd.lock | /etc/security/opasswd | /etc/postgresql/*) continue ;;
    /var/lib/dpkg/* | /var/lib/apt/* | /var/lib/rpm/* | /var/lib/dnf/* | /var/lib/cdconf/.agent/* |\
        /var/lib/cdconf/.archives/*) continue ;;
    esac
    if ! grep -qxF -e "$file" $here/managed && ! owned "$file"; then echo "$file" >> $found; fi
done
if [ -s $found ]; then
    cat $found
    exit 3
fi
rm -rf $here
"""

RENEW = r"""#!/bin/sh
# Runs once, when a host first boots from a snapshot: makes what packages make for each host when they're installed.
set -eu
if [ -x /usr/sbin/make-ssl-cert ] && [ ! -e /etc/ssl/private/ssl-cert-snakeoil.key ]; then
    make-ssl-cert generate-default-snakeoil
fi
if [ -r /etc/default/locale ]; then
    . /etc/default/locale
    if [ -n "${LANG-}" ]; then export LANG; fi
fi
for folder in /etc/postgresql/*/*; do
    cluster=${folder#/etc/postgresql/}
    if [ -e "$folder/postgresql.conf" ] && [ ! -e "/var/lib/postgresql/$cluster" ]; then
        kept=/etc/postgresql/.${cluster#*/}.kept
        mv "$folder" "$kept"
        pg_createcluster "${cluster%/*}" "${cluster#*/}"
        rm -rf "$folder"
        mv "$kept" "$folder"
    fi
done
rm -rf /etc/systemd/system/cdconf-renew.service /usr/local/lib/cdconf/renew \
    /etc/systemd/system/basic.target.wants/cdconf-renew.service
rmdir /etc/systemd/system/basic.target.wants /usr/local/lib/cdconf 2> /dev/null || true
"""


def archive(managed: list[str]) -> bytes:
    """A tar with the script and what it needs, for the root directory.

    Args:
        managed: Paths whose content is the project's own: they may be private.
    """
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w") as out:
        folder = tarfile.TarInfo(FOLDER)
        folder.type, folder.mode = tarfile.DIRTYPE, 0o700
        out.addfile(folder)
        for name, text in {"scrub": SCRIPT, "renew": RENEW, "managed": "".join(f"{one}\n" for one in managed)}.items():
            entry = tarfile.TarInfo(f"{FOLDER}/{name}")
            data = text.encode("utf-8", "surrogateescape")
            entry.size, entry.mode = len(data), 0o600
            out.addfile(entry, io.BytesIO(data))
    return buffer.getvalue()
