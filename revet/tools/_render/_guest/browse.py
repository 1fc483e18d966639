"""Shows one page in a headless Chromium, and tells what it said and how it looks: as JSON on the report channel.

Runs inside the sandbox. The browser is spoken to in the DevTools protocol, over a pair of pipes (its descriptors 3 and
4; messages end in NUL). Its own sandbox is off, for namespaces cannot be nested in ours. Whatever the page does, this
ends in time: dialogs are closed, a script that does not end is stopped, and a browser that takes too much memory is
killed. Files may load files, as they could from a server: else no page of modules would run.
"""

from __future__ import annotations

import contextlib
import fcntl
import json
import os
import select
import shutil
import signal
import sys
import threading
import time
from pathlib import Path
from typing import Any

NAMES = ("chromium", "chromium-browser", "google-chrome-stable", "google-chrome", "chrome", "headless_shell")
ARGUMENTS = (
    "--headless",
    "--no-sandbox",
    "--no-zygote",
    "--disable-gpu",
    "--disable-dev-shm-usage",
    "--disable-extensions",
    "--disable-background-networking",
    "--disable-breakpad",
    "--disable-component-update",
    "--disable-sync",
    "--no-first-run",
    "--no-default-browser-check",
    "--mute-audio",
    "--hide-scrollbars",
    "--allow-file-access-from-files",
    "--host-resolver-rules=MAP * ~NOTFOUND",
    "--js-flags=--max-old-space-size=512",
    "--remote-debugging-pipe",
)
MOST_TOLD, MOST_LONG, MOST_MESSAGE = 40, 400, 64 << 20
LEAST_FD = 20

LOOK = """(() => {
  const page = document.documentElement, wide = page.clientWidth || innerWidth, beyond = [];
  const all = document.querySelectorAll('body *');
  for (let n = 0; n < Math.min(all.length, 5000) && beyond.length < 5; n++) {
    const box = all[n].getBoundingClientRect();
    if (box.width > 1 && box.height > 1 && box.right > wide + 2 && getComputedStyle(all[n]).visibility !== 'hidden') {
      const name = all[n].id ? '#' + all[n].id : '';
      beyond.push(all[n].tagName.toLowerCase() + name + ' reaches to ' + Math.round(box.right) + ' px');
    }
  }
  return {width: page.scrollWidth, height: Math.max(page.scrollHeight, document.body ? document.body.scrollHeight : 0),
          wide, beyond, elements: all.length, title: String(document.title).slice(0, 200),
          text: document.body ? document.body.innerText.trim().length : 0};
})()"""


class Ended(Exception):
    """The browser is gone, or time is up."""


class Browser:
    def __init__(self, program: str, profile: str) -> None:
        down, up = os.pipe(), os.pipe()
        ours = [fcntl.fcntl(fd, fcntl.F_DUPFD_CLOEXEC, LEAST_FD) for fd in (*down, *up)]
        for fd in (*down, *up):
            os.close(fd)
        reads, self.writing, self.reading, writes = ours
        nothing = os.open(os.devnull, os.O_RDWR | os.O_CLOEXEC)
        actions = [(os.POSIX_SPAWN_DUP2, nothing, fd) for fd in (0, 1, 2)]
        actions += [(os.POSIX_SPAWN_DUP2, reads, 3), (os.POSIX_SPAWN_DUP2, writes, 4)]
        words = [program, *ARGUMENTS, f"--user-data-dir={profile}", "about:blank"]
        self.pid = os.posix_spawn(program, words, os.environ, file_actions=actions, setpgroup=0)
        for fd in (reads, writes, nothing):
            os.close(fd)
        self.number, self.left, self.session = 0, b"", None
        self.answers: dict[int, dict[str, Any]] = {}
        self.told: dict[str, list[Any]] = {}
        self.counts: dict[str, int] = {}
        self.asked_for: dict[str, tuple[str, str]] = {}
        self.loaded = False

    def send(self, method: str, **given: Any) -> int:
        self.number += 1
        message: dict[str, Any] = {"id": self.number, "method": method, "params": given}
        if self.session:
            message["sessionId"] = self.session
        try:
            os.write(self.writing, json.dumps(message).encode() + b"\0")
        except OSError:
            raise Ended("the browser ended") from None
        return self.number

    def ask(self, method: str, until: float, **given: Any) -> dict[str, Any]:
        number = self.send(method, **given)
        while number not in self.answers:
            self.hear(until)
        return self.answers.pop(number)

    def hear(self, until: float) -> None:
        """Take in what comes next. Ended when nothing comes until then."""
        wait = until - time.monotonic()
        if wait <= 0 or not select.select([self.reading], [], [], wait)[0]:
            raise Ended("time is up")
        read = os.read(self.reading, 1 << 20)
        if not read or len(self.left) > MOST_MESSAGE:
            raise Ended("the browser ended")
        *whole, self.left = (self.left + read).split(b"\0")
        for text in whole:
            message = json.loads(text)
            if "id" in message:
                self.answers[message["id"]] = message
            else:
                self.happened(message.get("method", ""), message.get("params", {}))

    def hear_all(self, until: float) -> None:
        with contextlib.suppress(Ended):
            while True:
                self.hear(until)

    def note(self, what: str, item: Any) -> None:
        self.counts[what] = self.counts.get(what, 0) + 1
        if self.counts[what] <= MOST_TOLD:
            self.told.setdefault(what, []).append(item)

    def happened(self, method: str, event: dict[str, Any]) -> None:
        if method == "Page.loadEventFired":
            self.loaded = True
        elif method == "Page.javascriptDialogOpening":
            self.note("dialogs", str(event.get("message"))[:MOST_LONG])
            self.send("Page.handleJavaScriptDialog", accept=False)
        elif method == "Runtime.consoleAPICalled":
            words = [str(a.get("value", a.get("description", a.get("type")))) for a in event.get("args", [])]
            self.note("console", {"kind": event.get("type"), "text": " ".join(words)[:MOST_LONG]})
        elif method == "Runtime.exceptionThrown":
            self.note("exceptions", exception_of(event.get("exceptionDetails", {})))
        elif method == "Network.requestWillBeSent":
            if len(self.asked_for) < 5000:
                url = str(event["request"]["url"])
                self.asked_for[event["requestId"]] = (url[:MOST_LONG], str(event.get("type")))
        elif method == "Network.loadingFailed" and not event.get("canceled"):
            url, kind = self.asked_for.get(event["requestId"], ("", str(event.get("type"))))
            self.note("failed", {"url": url, "kind": kind, "why": str(event.get("errorText"))})
        elif method == "Inspector.targetCrashed":
            raise Ended("the page made the browser's renderer crash")

    def end(self) -> None:
        with contextlib.suppress(OSError):
            os.killpg(self.pid, signal.SIGKILL)
        with contextlib.suppress(OSError):
            os.waitpid(self.pid, 0)


def exception_of(details: dict[str, Any]) -> dict[str, Any]:
    said = details.get("exception", {}).get("description") or details.get("exception", {}).get("value")
    first = str(said if said is not None else details.get("text")).splitlines() or [""]
    return {"text": first[0][:MOST_LONG], "url": details.get("url"), "line": details.get("lineNumber", -1) + 1}


def watch(browser: Browser, most: int, told: dict[str, Any]) -> None:
    """Kill the browser when all processes together take more memory of their own than `most` bytes."""
    while True:
        time.sleep(0.1)
        taken = 0
        for place in Path("/proc").iterdir():
            if place.name.isdigit():
                with contextlib.suppress(OSError), (place / "status").open() as file:
                    taken += sum(int(row.split()[1]) for row in file if row.startswith(("RssAnon:", "RssShmem:")))
        if taken * 1024 > most:
            told["ended"] = f"it took more than {most >> 20} MiB of memory"
            with contextlib.suppress(OSError):
                os.killpg(browser.pid, signal.SIGKILL)
            return


def visit(browser: Browser, plan: dict[str, Any], told: dict[str, Any]) -> None:
    until = time.monotonic() + plan["seconds"]
    target = browser.ask("Target.createTarget", until, url="about:blank")["result"]["targetId"]
    attached = browser.ask("Target.attachToTarget", until, targetId=target, flatten=True)
    browser.session = attached["result"]["sessionId"]
    for domain in ("Page", "Runtime", "Network", "Inspector"):
        browser.ask(f"{domain}.enable", until)
    wide, high = plan["width"], plan["height"]
    metrics = {"width": wide, "height": high, "deviceScaleFactor": 1, "mobile": False}
    browser.ask("Emulation.setDeviceMetricsOverride", until, **metrics)
    browser.ask("Page.setDownloadBehavior", until, behavior="deny")
    browser.loaded = False
    told["stage"] = "load"
    browser.send("Page.navigate", url=plan["url"])
    soon = time.monotonic() + plan["seconds"] / 2
    with contextlib.suppress(Ended):
        while not browser.loaded:
            browser.hear(soon)
    if not browser.loaded:
        told["hung"] = True
        browser.send("Runtime.terminateExecution")
        browser.send("Page.stopLoading")
    browser.hear_all(min(until, time.monotonic() + plan["settle"]))
    told["stage"] = "look"
    told["loaded"] = browser.loaded
    look = browser.ask("Runtime.evaluate", min(until, time.monotonic() + 5), expression=LOOK, returnByValue=True)
    told["look"] = look.get("result", {}).get("result", {}).get("value") or {}
    told["stage"] = "draw"
    tall = min(plan["most_height"], max(high, int(told["look"].get("height") or 0)))
    for scale, form in ((1, {"format": "png"}), (1, {"format": "jpeg", "quality": 70}), (0.5, {"format": "jpeg"})):
        clip = {"x": 0, "y": 0, "width": wide, "height": tall, "scale": scale}
        drawn = browser.ask("Page.captureScreenshot", until, clip=clip, captureBeyondViewport=True, **form)
        picture = drawn.get("result", {}).get("data")
        if picture is None:
            raise Ended("the browser could not draw it")
        if "picture" not in told and form["format"] == "png":
            small = browser.ask("Page.captureScreenshot", until, clip={**clip, "scale": 0.25}, format="png")
            told["small"] = small.get("result", {}).get("data")
        if len(picture) <= plan["largest"]:
            told["picture"] = f"data:image/{form['format']};base64,{picture}"
            told["size"] = [int(wide * scale), int(tall * scale)]
            return


def program_of(name: str) -> str | None:
    """The program itself: in the PATH may stand a script that needs more of /etc than there is here."""
    found = shutil.which(name)
    own = f"/usr/lib/{os.path.basename(name)}/{os.path.basename(name)}"  # noqa: PTH119
    return own if found and os.access(own, os.X_OK) else found


def main() -> None:
    channel = fcntl.fcntl(int(os.environ["REVET_REPORT"]), fcntl.F_DUPFD_CLOEXEC, LEAST_FD)
    plan = json.load(sys.stdin)
    found = next((path for path in map(program_of, [plan["browser"]] if plan["browser"] else NAMES) if path), None)
    told: dict[str, Any] = {}
    if found is None or plan.get("only_find"):
        told["browser"] = found
    else:
        os.close(int(os.environ.pop("REVET_REPORT")))
        browser = Browser(found, "/tmp/profile")
        threading.Thread(target=watch, args=(browser, plan["memory"], told), daemon=True).start()
        try:
            visit(browser, plan, told)
        except Ended as ended:
            told.setdefault("ended", str(ended))
        except (KeyError, TypeError, ValueError) as error:
            told.setdefault("ended", f"the browser answered oddly: {error!r}"[:MOST_LONG])
        finally:
            browser.end()
        told.update(browser.told)
        told["counts"] = browser.counts
    with os.fdopen(channel, "w") as file:
        json.dump(told, file)


main()
