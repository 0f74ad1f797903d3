"""What counts of a look at a case's host."""

from cdconf.authoring.host_state import counted, parts

LOOK = """\
/etc/changed f 644 root root 3
== files
/run/a 644 root root 1
== mounts
proc /proc proc rw 0 0
overlay /var/lib/containers/x overlay rw 0 0
== units
nginx.service      loaded active running A web server
session-3.scope    loaded active running Session 3 of User root
ssh.service        loaded active running OpenBSD Secure Shell server
podman-1.scope     loaded active running podman
my-podman.service  loaded active running mine
== services
MainPID=7
Id=nginx.service
StateChangeTimestampMonotonic=5

MainPID=9
Id=ssh.service
StateChangeTimestampMonotonic=6
== kernel
/proc/sys/net/ipv4/ip_forward:1
/proc/sys/net/netfilter/nf_conntrack_count:8
== network
1: lo inet 127.0.0.1/8
== processes 21
    1     1 systemd
   20    20 python3
   21    21 sh
   22    21 ps
   30    30 nginx
   31    30 nginx
   40    40 sshd
   41    41 postgres: writer
   42     0 kworker/0:1
== moment
12.5
"""


def test_what_comes_and_goes_by_itself_does_not_count():
    look = parts(LOOK)
    assert look[""] == ["/etc/changed f 644 root root 3"]
    assert look["moment"] == ["12.5"]
    assert counted(look) == {
        "/run/a 644 root root 1",
        "proc /proc proc rw 0 0",
        "nginx.service loaded active running A web server",
        "my-podman.service loaded active running mine",
        "MainPID=7 Id=nginx.service StateChangeTimestampMonotonic=5",
        "/proc/sys/net/ipv4/ip_forward:1",
        "1: lo inet 127.0.0.1/8",
        "1 systemd",
        "1 python3",
        "2 nginx",
    }


def test_a_restart_shows_in_when_it_was():
    later = LOOK.replace("Monotonic=5", "Monotonic=8")
    assert counted(parts(later)) ^ counted(parts(LOOK)) == {
        "MainPID=7 Id=nginx.service StateChangeTimestampMonotonic=5",
        "MainPID=7 Id=nginx.service StateChangeTimestampMonotonic=8",
    }
