// One stream of events for all tabs of a browser: the tab that holds the lock has it, and tells the others.
(() => {
  "use strict";
  const SILENCE = 25000; // milliseconds without a beat: the connection is lost
  const AGAIN = 5000;
  const live = document.getElementById("live");
  let last = document.body.dataset.stream;
  let heard = Date.now();
  let lost = null;
  let waits = false;
  const clock = (at) => new Intl.DateTimeFormat(undefined, { hour: "2-digit", minute: "2-digit", second: "2-digit", hour12: false, timeZoneName: "short" }).format(at);

  const say = (kind, text) => {
    if (live.dataset.kind === kind && live.textContent === text) { return; }
    live.dataset.kind = kind;
    live.textContent = text;
  };

  const isTyping = () => {
    const active = document.activeElement;
    return active && active.matches("#main input, #main select, #main textarea");
  };

  const renew = () => {
    if (isTyping()) { waits = true; return; } // what somebody types isn't taken away
    waits = false;
    document.body.dispatchEvent(new CustomEvent("cdconf:changed"));
  };

  const hear = (one) => {
    heard = Date.now();
    if (one.kind === "lost") { lose(one.at); return; }
    if (one.kind === "out") { say("lost", "✗ This start of the server doesn't know this browser: open the link that it has printed"); return; }
    const missed = lost !== null;
    const isNew = one.id && last && one.id !== last; // a beat tells of what was missed, too
    last = one.id || last;
    if (missed) {
      say("live", `● Live again; the connection was lost from ${clock(lost)} to ${clock(Date.now())}`);
      lost = null;
    } else if (live.dataset.kind !== "live") {
      say("live", "● Live");
    }
    if (isNew || one.kind === "restarted" || missed) { renew(); }
  };

  const lose = (at) => {
    if (lost === null) { lost = at; }
    say("lost", `✗ Connection lost since ${clock(lost)}: this page shows what was known then`);
  };

  const stream = (tell) => {
    const source = new EventSource(`/stream?last=${encodeURIComponent(last || "")}`);
    const pass = (kind) => (event) => { tell({ kind, id: event.lastEventId }); };
    for (const kind of ["beat", "changed", "restarted"]) { source.addEventListener(kind, pass(kind)); }
    source.addEventListener("error", async () => {
      tell({ kind: "lost", at: Date.now() });
      if (source.readyState !== EventSource.CLOSED) { return; } // the browser comes again by itself
      source.close();
      try {
        const answer = await fetch("/board.json", { cache: "no-store" });
        if (answer.status === 401) { tell({ kind: "out" }); }
      } catch { /* it isn't there */ }
      setTimeout(() => stream(tell), AGAIN);
    });
  };

  const shared = "BroadcastChannel" in window && navigator.locks;
  if (shared) {
    const channel = new BroadcastChannel("cdconf");
    let leads = false;
    channel.addEventListener("message", (event) => {
      if (event.data.kind !== "hello") { hear(event.data); return; }
      if (leads && lost === null) { channel.postMessage({ kind: "beat", id: last }); }
    });
    channel.postMessage({ kind: "hello" }); // else a new tab would wait for the next beat
    navigator.locks.request("cdconf-stream", () => new Promise(() => {
      stream((one) => { leads = true; hear(one); channel.postMessage(one); });
    }));
  } else {
    stream(hear);
  }
  // Somebody may have begun to type while the answer was on its way.
  document.addEventListener("htmx:beforeSwap", (event) => {
    const cause = event.detail.requestConfig.triggeringEvent;
    if (cause && cause.type === "cdconf:changed" && isTyping()) { event.detail.shouldSwap = false; waits = true; }
  });
  document.addEventListener("focusout", () => { if (waits) { setTimeout(() => { if (waits) { renew(); } }, 0); } });
  setInterval(() => { if (Date.now() - heard > SILENCE) { lose(heard); } }, 1000);
})();
