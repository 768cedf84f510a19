"""Drives a kernel of `deno jupyter`, as a notebook does, for tests.

Commands come as lines of JSON on stdin: `{"id": 1, "code": "1 + 1"}` runs a cell, `{"do": "interrupt"}` and
`{"do": "restart"}` are the buttons of these names; the end of stdin ends the kernel. What the kernel puts out goes
to stdout as lines of JSON: `{"id": 1, "type": "stream", "content": {...}}`, and `"done"` when a cell has ended.
"""

import json
import os
import queue
import select
import sys

from jupyter_client.kernelspec import KernelSpec
from jupyter_client.manager import KernelManager

OUTPUTS = ("stream", "display_data", "update_display_data", "execute_result", "error")


def say(**message):
    print(json.dumps(message), flush=True)


class Kernel(KernelManager):
    """A kernel by its command, as `deno jupyter --install` writes it: nothing has to be installed."""

    @property
    def kernel_spec(self):
        argv = [sys.argv[1], "jupyter", "--kernel", "--conn", "{connection_file}"]
        return KernelSpec(argv=argv, display_name="Deno", language="typescript")


class Session:
    def __init__(self):
        self.kernel = Kernel()
        self.kernel.start_kernel()
        self.client = None
        self.cells = {}
        self.ends = {}
        self.connect()

    def connect(self):
        if self.client is not None:
            self.client.stop_channels()
        self.client = self.kernel.client()
        self.client.start_channels()
        self.client.wait_for_ready(timeout=120)
        say(type="ready", pid=self.kernel.provisioner.pid)

    def pump(self):
        """Passes on what has come."""
        for get in (self.client.get_iopub_msg, self.client.get_shell_msg):
            try:
                while True:
                    self.tell(get(timeout=0.01))
            except queue.Empty:
                pass
        if self.cells and not self.kernel.is_alive():
            self.cells.clear()
            say(type="died")

    def tell(self, message):
        parent, kind, content = message["parent_header"].get("msg_id"), message["msg_type"], message["content"]
        if parent not in self.cells:
            return
        cell = self.cells[parent]
        if kind in OUTPUTS:
            say(id=cell, type=kind, content=content)
        elif kind == "execute_reply":
            self.ends.setdefault(cell, set()).add(content["status"])
        elif kind == "status" and content["execution_state"] == "idle":
            self.ends.setdefault(cell, set()).add("idle")
        # Outputs may follow, so that the cell is remembered.
        if len(self.ends.get(cell, ())) == 2:
            [status] = self.ends.pop(cell) - {"idle"}
            say(id=cell, type="done", status=status)

    def obey(self, command):
        if "code" in command:
            self.cells[self.client.execute(command["code"])] = command["id"]
        elif command["do"] == "interrupt":
            self.kernel.interrupt_kernel()
        elif command["do"] == "restart":
            self.cells.clear()
            self.kernel.restart_kernel(now=True)
            self.connect()


def main():
    session = Session()
    rest = b""
    while True:
        session.pump()
        if not select.select([0], [], [], 0)[0]:
            continue
        chunk = os.read(0, 65536)
        if not chunk:
            break
        *lines, rest = (rest + chunk).split(b"\n")
        for line in lines:
            session.obey(json.loads(line))
    session.client.stop_channels()
    session.kernel.shutdown_kernel(now=True)
    # The sockets' own farewell is of no interest.
    os._exit(0)


main()
