"""Servers that behave badly between the key exchange and the agent: at the login, and with channels."""

import contextlib
import select
import socket
import threading

import paramiko

PASSWORD = "open sesame, and be quick"  # what sudo is given


class Everybody(paramiko.ServerInterface):
    """Lets everybody in."""

    def __init__(self, over):
        self.command, self.over = b"", over
        self.asked = threading.Event()

    def check_auth_publickey(self, username, key):
        return paramiko.AUTH_SUCCESSFUL

    def get_allowed_auths(self, username):
        return "publickey"

    def check_channel_request(self, kind, chanid):
        return paramiko.OPEN_SUCCEEDED

    def check_channel_exec_request(self, channel, command):
        self.command = command
        self.asked.set()
        return True


class _EndlessLogin(Everybody):
    def check_auth_publickey(self, username, key):
        self.over.wait()
        return paramiko.AUTH_FAILED


class _HangsUp(Everybody):
    def check_auth_publickey(self, username, key):
        raise EOFError


class _MoreAndMore(Everybody):
    """One key is never enough."""

    def check_auth_publickey(self, username, key):
        return paramiko.AUTH_PARTIALLY_SUCCESSFUL


class _Greeting(Everybody):
    def get_banner(self):
        return "\x1b[2J\x1b]0;x\x07\u202eyou lost\r\n" * 2000, "en"

    def check_auth_publickey(self, username, key):
        return paramiko.AUTH_FAILED


class _NoChannel(Everybody):
    def check_channel_request(self, kind, chanid):
        return paramiko.OPEN_FAILED_RESOURCE_SHORTAGE


class _SilentChannel(Everybody):
    def check_channel_request(self, kind, chanid):
        self.over.wait()
        return paramiko.OPEN_FAILED_RESOURCE_SHORTAGE


class _NoCommand(Everybody):
    def check_channel_exec_request(self, channel, command):
        return False


class _SilentCommand(Everybody):
    def check_channel_exec_request(self, channel, command):
        self.over.wait()
        return False


def _channels(transport, over):
    """Opens channels to the controller, one thread for each that's waited for."""
    for _ in range(5000):
        if over.is_set() or not transport.is_active():
            return
        message = paramiko.Message()
        message.add_byte(bytes([90]))  # SSH_MSG_CHANNEL_OPEN, RFC 4254, 5.1
        message.add_string("forwarded-tcpip")
        for number in (7, 1 << 21, 1 << 15):
            message.add_int(number)
        message.add_string("127.0.0.1")
        message.add_int(22)
        message.add_string("127.0.0.1")
        message.add_int(22)
        transport._send_user_message(message)
    over.wait()


def _flood(kind, text):
    """The same message for ever: RFC 4253, 11."""

    def flood(transport, over):
        while not over.is_set() and transport.is_active():
            message = paramiko.Message()
            message.add_byte(bytes([kind]))
            text(message)
            transport._send_user_message(message)
            over.wait(0.002)  # 10 MB a second for ever are enough, and leave the others their time

    return flood


def _debug(message):
    message.add_boolean(True)
    message.add_string("\x1b[2J" + "x" * 20_000)
    message.add_string("en")


def _request(message):
    message.add_string("hostkeys-00@openssh.com")
    message.add_boolean(True)
    message.add_string(b"x" * 20_000)


def _goodbye(transport, over):
    message = paramiko.Message()
    message.add_byte(bytes([1]))  # SSH_MSG_DISCONNECT
    message.add_int(2)
    message.add_string("\x1b[2J\x1b]0;x\x07\u202e\nerror: web2: you lost")
    message.add_string("en")
    transport._send_user_message(message)
    over.wait(1)


def _rekeys(transport, over):
    with contextlib.suppress(paramiko.SSHException, EOFError):
        while not over.is_set() and transport.is_active():
            transport.renegotiate_keys()


# Word -> what decides at the login, and what's done to the connection once there's a session
LOGINS = {
    "an endless login": (_EndlessLogin, None),
    "a login that's cut": (_HangsUp, None),
    "one more key": (_MoreAndMore, None),
    "a greeting with escapes": (_Greeting, None),
    "no channel": (_NoChannel, None),
    "a channel that's never opened": (_SilentChannel, None),
    "no command": (_NoCommand, None),
    "a command that's never taken": (_SilentCommand, None),
    "thousands of channels": (Everybody, _channels),
    "debugging without end": (Everybody, _flood(4, _debug)),
    "ignored without end": (Everybody, _flood(2, lambda message: message.add_string(b"x" * 20_000))),
    "requests without end": (Everybody, _flood(80, _request)),
    "a goodbye with escapes": (Everybody, _goodbye),
    "new keys without end": (Everybody, _rekeys),
}


def _prompt(agent, user="root"):
    agent.channel.sendall_stderr(f"{agent.nonce}-sudo-{user}:".encode())


def _line(agent):
    """What was given to sudo."""
    data = b""
    while not data.endswith(b"\n"):
        more = agent.channel.recv(1)
        if not more:
            raise EOFError
        data += more
    return data


def _three_times(agent):
    for _ in range(3):
        _prompt(agent)
        _line(agent)


def _tells(agent):
    """Shows the password, in the midst of control characters."""
    _prompt(agent)
    given = _line(agent)
    agent.channel.sendall_stderr(b"\x1b[31mSorry, " + given.strip() + b" is wrong\n")
    agent.send(b"and " + given)


def _expired(agent):
    _prompt(agent)
    given = _line(agent)
    agent.channel.sendall_stderr(b"sudo: Account or password is expired, was " + given + b"New password: ")
    agent.over.wait()


# With `become: sudo`
SUDOS = {
    "sudo asks three times": _three_times,
    "sudo asks everybody": lambda agent: [_prompt(agent, f"user{number}") for number in range(3000)],
    "sudo asks in its own words": lambda agent: (
        agent.channel.sendall_stderr(b"[sudo] password for you: ") or agent.over.wait()
    ),
    "sudo never goes on": lambda agent: (_prompt(agent), _line(agent), agent.over.wait()),
    "sudo shows the password": _tells,
    "sudo has expired": _expired,
    "sudo's prompts have escapes": lambda agent: _prompt(agent, "\x1b[2J\u202e") or agent.over.wait(),
}


class _Forwards(Everybody):
    """Opens channels to wherever it's asked to."""

    def __init__(self, over, how):
        super().__init__(over)
        self._how, self._wanted = how, {}

    def check_channel_direct_tcpip_request(self, chanid, origin, destination):
        if self._how == "it refuses":
            return paramiko.OPEN_FAILED_ADMINISTRATIVELY_PROHIBITED
        if self._how == "it never opens":
            self.over.wait()
        self._wanted[chanid] = destination
        return paramiko.OPEN_SUCCEEDED

    def serve(self, channel):
        """Joins a channel with what it leads to."""
        if self._how == "it says nothing":
            self.over.wait()
        elif self._how == "it says rubbish":
            channel.sendall(b"\x1b[2JHTTP/1.1 400 no\r\n" * 500)
        elif self._how == "it closes":
            channel.close()
        else:
            _join(channel, socket.create_connection(self._wanted[channel.get_id()]))


def _join(one, other):
    with contextlib.suppress(OSError, EOFError), contextlib.closing(one), contextlib.closing(other):
        while True:
            for ready in select.select([one, other], [], [])[0]:
                data = ready.recv(65536)
                if not data:
                    return
                (other if ready is one else one).sendall(data)


FORWARDS = ("it refuses", "it never opens", "it says nothing", "it says rubbish", "it closes")


def forward(transport, over, how):
    """Serves as a jump host on a connection that has just come.

    Args:
        transport: The server's.
        over: Set when it's to end.
        how: One of `FORWARDS`; "": as it should.
    """
    server = _Forwards(over, how)
    transport.start_server(server=server)
    while transport.is_active() and not over.is_set():
        channel = transport.accept(1)
        if channel is not None:
            threading.Thread(target=server.serve, args=(channel,), daemon=True).start()
