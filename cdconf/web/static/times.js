// Tells times as this browser's clock has them, with their zone; and makes commands easy to copy.
(() => {
  "use strict";
  const whole = new Intl.DateTimeFormat(undefined, {
    year: "numeric", month: "2-digit", day: "2-digit", hour: "2-digit", minute: "2-digit", second: "2-digit",
    hour12: false, timeZoneName: "short",
  });
  const near = new Intl.DateTimeFormat(undefined, { hour: "2-digit", minute: "2-digit", second: "2-digit", hour12: false });
  const zone = Intl.DateTimeFormat().resolvedOptions().timeZone;

  const age = (seconds) => {
    const sizes = [[86400, "d"], [3600, "h"], [60, "min"]];
    for (const [size, name] of sizes) {
      if (seconds >= size) { return `${Math.floor(seconds / size)} ${name} ago`; }
    }
    return seconds < 0 ? "" : "just now";
  };

  const tell = (element) => {
    const at = new Date(element.dateTime);
    if (Number.isNaN(at.valueOf())) { return; }
    const seconds = (Date.now() - at) / 1000;
    element.textContent = whole.format(at);
    element.title = near.format(at);
    const short = seconds >= 0 && seconds < 86400 * 7 ? age(seconds) : "";
    if (short) { element.textContent += ` (${short})`; }
  };

  const count = (element) => {
    const left = Math.round((new Date(element.dataset.until) - Date.now()) / 1000);
    element.textContent = left > 0 ? `in ${left} s` : "that time is over";
  };

  const offer = (element) => {
    if (element.querySelector("button") || !navigator.clipboard) { return; }
    const button = document.createElement("button");
    button.type = "button";
    button.textContent = "copy";
    button.addEventListener("click", async () => {
      await navigator.clipboard.writeText(element.querySelector("code").textContent);
      button.textContent = "copied";
      setTimeout(() => { button.textContent = "copy"; }, 2000);
    });
    element.append(button);
  };

  const all = () => {
    document.querySelectorAll("time[datetime]").forEach(tell);
    document.querySelectorAll("[data-until]").forEach(count);
    document.querySelectorAll(".command").forEach(offer);
    const name = document.getElementById("zone");
    if (name) { name.textContent = zone; }
  };

  all();
  document.body.addEventListener("htmx:afterSwap", all); // before anything is painted
  document.body.addEventListener("htmx:afterSettle", all);
  setInterval(() => document.querySelectorAll("[data-until]").forEach(count), 1000);
  setInterval(() => document.querySelectorAll("time[datetime]").forEach(tell), 30000);
})();
