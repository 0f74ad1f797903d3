"""What resource types and the agent raise when a host can't be made, or seen, as it should be."""

TYPE_CHECKING = False
if TYPE_CHECKING:
    from cdconf.agent.data.values import Details


class Failed(Exception):
    """Something could not be done on this host.

    Args:
        message: What, in one line.
        command: The command that failed, as people would type it.
        status: Its exit status; negative for a signal.
        output: The last lines of what it said.
        kind: `failed`, or a cause that isn't the catalog's fault: `disk_full`, `lease_lost`, `lease_held`,
            `wrong_environment`, `same_machine`, `stopped`, `release` (the release itself doesn't work), `damaged` (a
            file that cdconf keeps here, see `records.formats`).
        details: Plain data for the controller; `hint` says what to do.
    """

    def __init__(
        self,
        message: "str",
        command: "str | None" = None,
        status: "int | None" = None,
        output: "str" = "",
        kind: "str" = "failed",
        details: "Details | None" = None,
    ) -> "None":
        Exception.__init__(self, message)
        self.message = message
        self.command = command
        self.status = status
        self.output = output
        self.kind = kind
        self.details = details or {}

    def text(self, sensitive: "bool" = False) -> "str":
        """The message with command, status and output, for people; of what's sensitive neither command nor output."""
        lines = [self.message]
        if self.command is not None and not sensitive:
            lines.append("command: {}".format(self.command))
        if self.status is not None:
            lines.append("exit status: {}".format(self.status))
        if self.output and sensitive:
            lines.append("(what was said is sensitive)")
        elif self.output:
            lines.append(self.output.rstrip("\n"))
        return "\n".join(lines)


class Missing(Failed):
    """It depends on something that isn't there: a user, a group, a unit, a program.

    Args:
        kind_of: What kind of thing: `user`, `unit`, `program`.
        name: Its name.
    """

    def __init__(self, kind_of: "str", name: "str") -> "None":
        Failed.__init__(self, "there is no {} '{}' on this host".format(kind_of, name))
        self.kind_of = kind_of
        self.name = name


class Down(Missing):
    """What it's in is there, but doesn't run, so that nobody can say what's in it: a server, a daemon."""


class Obstacle(Failed):
    """The host isn't as wanted, and cdconf doesn't change that by itself: it's drift, and `apply` fails.

    Args:
        problem: What's there.
        repair: How people mend it, with a command.
    """

    def __init__(self, problem: "str", repair: "str") -> "None":
        Failed.__init__(self, "{}; {}".format(problem, repair))
        self.problem = problem
        self.repair = repair


def in_the_way(path: "str", what: "str") -> "Obstacle":
    """The `Obstacle` of a path that is `what` ("a directory"), and whose content nobody asked cdconf to remove.

    `mv -T`, since others may have made a link to a directory of the second name: root would move the path into it.
    """
    import shlex

    names = [shlex.quote(name) for name in (path, path.rstrip("/") + ".away")]
    return Obstacle("'{}' is {}".format(path, what), "move it away: `mv -T {} {}`".format(*names))


class Rebooting(Failed):
    """The host must reboot now, and the run goes on when it's back.

    Args:
        within: Seconds that the reboot may take.
    """

    def __init__(self, within: "float") -> "None":
        Failed.__init__(self, "the host must reboot", kind="rebooting", details={"within": within})
