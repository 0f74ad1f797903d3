"""Facts, gathered from file trees like those of real hosts, and from the machine that runs the tests."""

import os
import socket
import struct
import subprocess
import sys

import pytest

from cdconf.agent.errors import Failed
from cdconf.agent.facts import groups, network, system
from cdconf.agent.facts import machine as facts_machine
from tests.conftest import write

MOUNTINFO = r"""
22 27 0:21 / /proc rw,relatime - proc proc rw
27 1 254:0 / / rw,relatime - ext4 /dev/vda1 rw,errors=remount-ro
30 27 254:1 / /srv/my\040data rw,noatime shared:5 master:2 - xfs /dev/vdb ro,attr2
31 27 0:50 / /srv/nfs rw - nfs4 files.example.com:/x rw,vers=4.2
32 27 0:51 / /tmp rw - tmpfs tmpfs rw
33 27 0:52 / /var/lib/docker/overlay2/1/merged rw - overlay overlay rw,lowerdir=/a
34 27 7:1 / /snap/core/1 ro - squashfs /dev/loop1 ro
35 27 254:9 /hosts /etc/hosts rw - ext4 /dev/vda1 rw
36 27 254:2 / /old rw - ext4 /dev/vdc rw
37 36 0:53 / /old rw - tmpfs tmpfs rw
not a mount
"""


def link(root, name, target):
    path = root / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.symlink_to(target)


def one(root, group, fact):
    return groups.gather([group], str(root))[fact]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (
            'ID=debian\nVERSION_ID="12"\nVERSION_CODENAME=bookworm\nPRETTY_NAME="Debian GNU/Linux 12 (bookworm)"\n',
            ("debian", "12", "bookworm", "Debian GNU/Linux 12 (bookworm)", "debian", []),
        ),
        (
            'ID="rocky"\nID_LIKE="rhel centos fedora"\nVERSION_ID="9.3"\nPRETTY_NAME="Rocky Linux 9.3 (Blue Onyx)"\n',
            ("rocky", "9.3", "", "Rocky Linux 9.3 (Blue Onyx)", "rhel", ["rhel", "centos", "fedora"]),
        ),
        (
            "ID=alpine\nVERSION_ID=3.19.1\nPRETTY_NAME='Alpine \\Linux'\n",
            ("alpine", "3.19.1", "", "Alpine \\Linux", "alpine", []),
        ),
        (
            'ID=linuxmint\nID_LIKE="ubuntu debian"\n# ID=no\nPRETTY_NAME="A \\"B\\""\nVERSION_ID="2\n',
            ("linuxmint", "2", "", 'A "B"', "debian", ["ubuntu", "debian"]),
        ),
        ("ID=opensuse-leap\n", ("opensuse-leap", "", "", "", "suse", [])),
        ("", ("linux", "", "", "", "linux", [])),
    ],
)
def test_the_distribution(tmp_path, text, expected):
    write(tmp_path, {"etc/os-release": text})
    found = one(tmp_path, "os", "os")
    assert tuple(found[name] for name in ("id", "version", "codename", "name", "family", "like")) == expected


def test_os_release_may_be_in_usr_lib(tmp_path):
    write(tmp_path, {"usr/lib/os-release": "ID=fedora\n"})
    assert one(tmp_path, "os", "os")["family"] == "rhel"


def test_a_systemd_host(tmp_path):
    write(
        tmp_path,
        {
            "proc/sys/kernel/hostname": "web1\n",
            "proc/sys/kernel/osrelease": "6.1.0-18-amd64\n",
            "etc/hosts": "127.0.0.1 localhost\n127.0.1.1 web1.example.com web1 # web1.other.example\n",
            "etc/machine-id": "7c4b2f5e0b6d4c0c9d0b0b3c2f1e8a11\n",
            "sys/fs/selinux/enforce": "0",
            "usr/bin/apt-get": "",
            "run/systemd/system/x": "",
        },
    )
    link(tmp_path, "etc/localtime", "/usr/share/zoneinfo/Europe/Berlin")
    found = system.system(str(tmp_path))
    version = "{}.{}.{}".format(*sys.version_info[:3])
    assert found == {
        "hostname": "web1",
        "fqdn": "web1.example.com",
        "kernel": "6.1.0-18-amd64",
        "architecture": os.uname().machine,
        "machine_id": "7c4b2f5e0b6d4c0c9d0b0b3c2f1e8a11",
        "timezone": "Europe/Berlin",
        "init": "systemd",
        "package_manager": "apt",
        "python_version": version,
        "selinux": "permissive",
    }


def test_an_alpine_host_before_its_first_boot(tmp_path):
    write(
        tmp_path,
        {
            "proc/sys/kernel/hostname": "small\n",
            "etc/hosts": "127.0.0.1 localhost.localdomain small\n",
            "etc/machine-id": "uninitialized\n",
            "run/openrc/softlevel": "default",
            "sbin/apk": "",
        },
    )
    found = system.system(str(tmp_path))
    names = ("fqdn", "machine_id", "timezone", "init", "package_manager", "selinux")
    assert [found[name] for name in names] == ["small", None, "UTC", "openrc", "apk", "disabled"]


@pytest.mark.parametrize(
    ("files", "zone"),
    [
        ({"etc/localtime": "TZif2", "etc/timezone": "America/Lima\n"}, "America/Lima"),
        ({"etc/localtime": "TZif2"}, None),
    ],
)
def test_a_time_zone_without_a_link(tmp_path, files, zone):
    assert one(write(tmp_path, files), "system", "timezone") == zone


@pytest.mark.parametrize(
    ("files", "init"),
    [
        ({"proc/1/comm": "runit\n"}, "runit"),
        ({"proc/1/comm": "s6-svscan\n"}, "s6"),
        ({"proc/1/comm": "init\n", "etc/inittab": ""}, "sysvinit"),
        ({"proc/1/comm": "sh\n"}, None),
    ],
)
def test_what_runs_the_system(tmp_path, files, init):
    assert one(write(tmp_path, files), "system", "init") == init


DMI = "sys/class/dmi/id/"
CLOCKS = "sys/devices/system/clocksource/clocksource0/available_clocksource"


@pytest.mark.parametrize(
    ("files", "container", "machine"),
    [
        ({}, None, None),
        ({".dockerenv": ""}, "docker", None),
        ({"run/.containerenv": "engine=podman"}, "podman", None),
        ({"run/systemd/container": "systemd-nspawn\n"}, "systemd-nspawn", None),
        ({"proc/1/environ": "PATH=/bin\0container=lxc\0X=y"}, "lxc", None),
        ({"proc/1/environ": "container=oci", ".dockerenv": ""}, "docker", None),
        ({"proc/1/cgroup": "0::/kubepods/burstable/x"}, "kubernetes", None),
        ({f"{DMI}sys_vendor": "QEMU\n", CLOCKS: "tsc kvm-clock\n"}, None, "kvm"),
        ({f"{DMI}sys_vendor": "QEMU\n", CLOCKS: "tsc\n"}, None, "qemu"),
        ({f"{DMI}product_name": "VMware7,1\n"}, None, "vmware"),
        ({f"{DMI}product_name": "VirtualBox\n", f"{DMI}sys_vendor": "innotek GmbH\n"}, None, "oracle"),
        ({f"{DMI}product_name": "Virtual Machine\n", f"{DMI}sys_vendor": "Microsoft Corporation\n"}, None, "microsoft"),
        ({f"{DMI}product_name": "c5.large\n", f"{DMI}sys_vendor": "Amazon EC2\n"}, None, "amazon"),
        ({f"{DMI}product_name": "c5.metal\n", f"{DMI}sys_vendor": "Amazon EC2\n"}, None, None),
        ({f"{DMI}sys_vendor": "Dell Inc.\n", CLOCKS: "tsc hpet acpi_pm\n"}, None, None),
        ({"proc/xen/capabilities": "control_d\n", CLOCKS: "xen tsc\n"}, None, None),
        ({CLOCKS: "xen tsc\n"}, None, "xen"),
        ({"proc/device-tree/hypervisor/compatible": "linux,kvm\0"}, None, "kvm"),
        ({"proc/cpuinfo": "flags\t: fpu hypervisor lm\n"}, None, "other"),
        ({".dockerenv": "", CLOCKS: "tsc kvm-clock\n"}, "docker", "kvm"),
    ],
)
def test_virtualisation(tmp_path, files, container, machine):
    found = one(write(tmp_path, files), "virtualisation", "virtualisation")
    assert found == {"container": container, "machine": machine}


@pytest.mark.parametrize(
    ("text", "model"),
    [
        (
            "processor\t: 0\ncpu family\t: 25\nmodel\t\t: 1\nmodel name\t: AMD  EPYC 7763\ncpu MHz\t: 1\n",
            "AMD EPYC 7763",
        ),
        ("processor\t: 0\nBogoMIPS\t: 108\nModel\t\t: Raspberry Pi 4\n", "Raspberry Pi 4"),
        ("processor\t: 0\ncpu\t\t: POWER9\n", "POWER9"),
        ("processor\t: 0\n", ""),
    ],
)
def test_the_processors_model(tmp_path, text, model):
    found = one(write(tmp_path, {"proc/cpuinfo": text}), "cpu", "cpu")
    assert found == {"count": len(os.sched_getaffinity(0)), "model": model}


MEMINFO = (
    "MemTotal:        4194304 kB\nMemFree:           1 kB\nHugePages_Total:       0\nSwapTotal:       1048576 kB\n"
)


@pytest.mark.parametrize(
    ("limits", "memory"),
    [
        ({}, 4096),
        ({"sys/fs/cgroup/memory.max": "536870912\n"}, 512),
        ({"sys/fs/cgroup/memory.max": "max\n"}, 4096),
        ({"sys/fs/cgroup/memory/memory.limit_in_bytes": "9223372036854771712\n"}, 4096),
        (
            {
                "proc/1/cgroup": "9:pids:/docker/a1\n4:cpu,memory:/docker/a1/init.scope\n0::/docker/a1\n",
                "sys/fs/cgroup/memory/memory.limit_in_bytes": "9223372036854771712\n",
                "sys/fs/cgroup/memory/docker/a1/memory.limit_in_bytes": "268435456\n",
            },
            256,
        ),
        (
            {
                "proc/1/cgroup": "0::/system.slice/docker-a1.scope/init.scope\n",
                "sys/fs/cgroup/system.slice/memory.max": "max\n",
                "sys/fs/cgroup/system.slice/docker-a1.scope/memory.max": "268435456\n",
                "sys/fs/cgroup/memory.max": "536870912\n",
            },
            256,
        ),
        ({"proc/1/cgroup": "0::/../../b2\n", "b2/memory.max": "268435456\n"}, 4096),
        ({"proc/1/cgroup": "nonsense\n"}, 4096),
    ],
)
def test_memory(tmp_path, limits, memory):
    write(tmp_path, {"proc/meminfo": MEMINFO, **limits})
    assert groups.gather(["memory"], str(tmp_path)) == {"memory_mb": memory, "swap_mb": 1024}


def test_disks_that_stay(tmp_path):
    device = {"device/vendor": "x\n", "queue/rotational": "1\n", "removable": "0\n", "size": "83886080\n"}
    disks = {
        "sda": {**device, "device/model": "QEMU HARDDISK   \n"},
        "nvme0n1": {**device, "queue/rotational": "0\n"},
        "sdb": {**device, "removable": "1\n"},
        "sdc": {**device, "size": "0\n"},
        "sr0": device,
        "mmcblk0boot0": device,
        "loop0": {"size": "100\n"},
        "dm-0": {"size": "100\n"},
    }
    write(tmp_path, {f"sys/block/{disk}/{name}": text for disk, files in disks.items() for name, text in files.items()})
    assert one(tmp_path, "disks", "disks") == {
        "nvme0n1": {"name": "nvme0n1", "size_mb": 40960, "rotational": False, "model": ""},
        "sda": {"name": "sda", "size_mb": 40960, "rotational": True, "model": "QEMU HARDDISK"},
    }


def test_mounts_that_hold_data(tmp_path, monkeypatch):
    write(tmp_path, {"proc/self/mountinfo": MOUNTINFO, "etc/hosts": ""})
    for name in ("srv/my data", "srv/nfs", "tmp", "old", "snap/core/1", "var/lib/docker/overlay2/1/merged"):
        (tmp_path / name).mkdir(parents=True)
    asked = []
    monkeypatch.setattr(facts_machine, "_size", lambda path: asked.append(path) or 7)
    found = one(tmp_path, "mounts", "mounts")
    assert {path: (one["device"], one["type"], one["size_mb"]) for path, one in found.items()} == {
        "/": ("/dev/vda1", "ext4", 7),
        "/srv/my data": ("/dev/vdb", "xfs", 7),
        "/srv/nfs": ("files.example.com:/x", "nfs4", None),
    }
    assert found["/srv/my data"]["options"] == ["ro", "noatime", "attr2"]
    assert found["/"]["options"] == ["rw", "relatime", "errors=remount-ro"]
    assert str(tmp_path / "srv/nfs") not in asked, "a server that is gone would hang the agent"


def test_a_containers_root_is_a_mount_without_its_layers(tmp_path):
    write(tmp_path, {"proc/self/mountinfo": "1 2 0:3 / / rw - overlay overlay rw,lowerdir=/a:/b,upperdir=/c\n"})
    assert one(tmp_path, "mounts", "mounts")["/"]["options"] == ["rw"]


def message(kind, payload):
    length = 16 + len(payload)
    return struct.pack("=LHHLL", length, kind, 0, 1, 0) + payload + b"\0" * (-length % 4)


def address(index, text, prefix, flags=0, scope=0, peer=None):
    family = socket.AF_INET6 if ":" in text else socket.AF_INET
    raw, other = (socket.inet_pton(family, one) for one in (text, peer or text))
    attributes = struct.pack("=HH", 4 + len(other), 1) + other
    if family == socket.AF_INET or peer:
        attributes += struct.pack("=HH", 4 + len(raw), 2) + raw
    attributes += struct.pack("=HH", 7, 3) + b"e0\0" + b"\0"
    return message(20, struct.pack("=BBBBi", family, prefix, flags, scope, index) + attributes)


DONE = message(3, b"\0" * 4)
ROUTES = (
    "Iface\tDestination\tGateway \tFlags\tRefCnt\tUse\tMetric\tMask\t\tMTU\tWindow\tIRTT\n"
    "eth1\t00000000\t0101A8C0\t0003\t0\t0\t200\t00000000\t0\t0\t0\n"
    "eth0\t00000000\t010200C0\t0003\t0\t0\t100\t00000000\t0\t0\t0\n"
    "eth9\t00000000\t00000000\t0201\t0\t0\t0\t00000000\t0\t0\t0\n"
    "eth0\t000200C0\t00000000\t0001\t0\t0\t0\t00FFFFFF\t0\t0\t0\n"
)
ZERO = "0" * 32
ROUTES_6 = (
    f"{ZERO} 00 {ZERO} 00 fe800000000000000000000000000001 00000400 00000001 00000000 00450003 eth0\n"
    f"{ZERO} 00 {ZERO} 00 {ZERO} ffffffff 00000001 00000000 00200200 lo\n"
)


def interface(name, index, flags="0x1003", mac="52:54:00:12:34:56", mtu=1500):
    folder = f"sys/class/net/{name}"
    return {
        f"{folder}/ifindex": f"{index}\n",
        f"{folder}/flags": f"{flags}\n",
        f"{folder}/address": f"{mac}\n",
        f"{folder}/mtu": f"{mtu}\n",
    }


def test_the_network(tmp_path):
    write(
        tmp_path,
        {
            **interface("lo", 1, "0x9", "00:00:00:00:00:00", 65536),
            **interface("eth0", 2),
            **interface("eth1", 3, "0x1002"),
            **interface("veth05f5faa", 4),
            **interface("br-29096e959f4f", 5),
            "sys/class/net/bonding_masters": "bond0\n",
            "proc/net/route": ROUTES,
            "proc/net/ipv6_route": ROUTES_6,
        },
    )
    dump = (
        address(1, "127.0.0.1", 8, scope=254)
        + address(2, "192.0.2.10", 24)
        + address(2, "192.0.2.11", 24, flags=1)
        + address(3, "10.9.0.1", 32, peer="10.9.0.2")
        + address(2, "2001:db8::abcd", 64, flags=1)
        + address(2, "2001:db8::10", 64)
        + address(2, "fe80::1", 64, scope=253)
        + DONE
    )
    found = network.network(str(tmp_path), lambda: dump, lambda: "192.0.2.11")["network"]
    assert found["ipv4"] == {"address": "192.0.2.11", "prefix": 24, "interface": "eth0", "gateway": "192.0.2.1"}
    assert found["ipv6"] == {"address": "2001:db8::10", "prefix": 64, "interface": "eth0", "gateway": "fe80::1"}
    assert sorted(found["interfaces"]) == ["eth0", "eth1", "lo"]
    assert found["interfaces"]["eth0"] == {
        "name": "eth0",
        "mac": "52:54:00:12:34:56",
        "mtu": 1500,
        "up": True,
        "ipv4": [
            {"address": "192.0.2.10", "prefix": 24, "scope": "global"},
            {"address": "192.0.2.11", "prefix": 24, "scope": "global"},
        ],
        "ipv6": [
            {"address": "2001:db8::10", "prefix": 64, "scope": "global"},
            {"address": "fe80::1", "prefix": 64, "scope": "link"},
        ],
    }
    eth1 = found["interfaces"]["eth1"]
    assert (eth1["up"], eth1["ipv4"][0]["address"]) == (False, "10.9.0.1")
    assert found["interfaces"]["lo"]["mac"] is None


def test_a_host_without_a_network(tmp_path):
    found = network.network(str(tmp_path), lambda: DONE, lambda: None)["network"]
    nothing = {"address": None, "prefix": None, "interface": None, "gateway": None}
    assert found == {"ipv4": nothing, "ipv6": nothing, "interfaces": {}}


def test_a_kernel_that_refuses_is_not_a_host_without_addresses():
    refused = message(2, struct.pack("=i", -1) + b"\0" * 16)
    with pytest.raises(Failed, match="Operation not permitted"):
        network.parse_addresses(refused)


def test_an_empty_tree_gives_every_fact_nevertheless(tmp_path):
    found = groups.gather(groups.GROUPS, str(tmp_path))
    assert found["os"]["id"] == "linux"
    assert found["memory_mb"] == 0
    assert found["disks"] == found["mounts"] == {}


def test_an_unknown_group_is_refused():
    with pytest.raises(Failed, match="knows no group of facts 'cpus'"):
        groups.gather(["os", "cpus"])


def test_gathering_starts_no_process_and_gives_the_same_twice():
    code = (
        "import os, subprocess, sys\n"
        "sys.addaudithook(lambda name, args: name in ('subprocess.Popen', 'os.fork', 'os.system', 'os.exec',\n"
        "    'os.posix_spawn') and os._exit(9))\n"
        "from cdconf.agent.facts import groups as facts\n"
        "assert facts.gather(facts.GROUPS) == facts.gather(facts.GROUPS)\n"
    )
    subprocess.run([sys.executable, "-c", code], check=True, timeout=60)
