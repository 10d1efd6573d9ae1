"use strict";
(() => {
  const sources = new Map();
  const sections = (one) => [...one.querySelectorAll("main > section")];
  const nameOf = (section) => section.getAttribute("aria-labelledby");
  const charts = () => document.getElementById("charts");
  const live = (text) => {
    const place = document.getElementById("live");
    if (place && place.textContent !== text) place.textContent = text;
  };

  const load = (address) => new Promise((resolve, reject) => {
    const script = document.createElement("script");
    script.src = address;
    script.onload = resolve;
    script.onerror = () => reject(new Error(`${address} cannot be loaded`));
    document.head.append(script);
  });
  let library;
  const draw = async () => {
    const some = Object.keys(JSON.parse(charts().textContent)).length > 0;
    if (library) {
      await library;
      document.dispatchEvent(new Event("charts"));
    } else if (some) {
      library = load("vega.js").then(() => load("page.js"));
      await library;
    }
  };

  const kept = (section) => ({
    open: [...section.querySelectorAll("details")].map((one) => one.open),
    sliders: [...section.querySelectorAll("input[type=range]")].map((one) => [one.value, one.max]),
    scrolled: [...section.querySelectorAll(".scroll, pre")].map((one) => [one.scrollLeft, one.scrollTop]),
  });
  const restored = (section, state) => {
    section.querySelectorAll("details").forEach((one, i) => { one.open = state.open[i] ?? one.open; });
    section.querySelectorAll("input[type=range]").forEach((one, i) => {
      const [value, max] = state.sliders[i] ?? [one.max, one.max];
      one.value = value === max ? one.max : value;
    });
    section.querySelectorAll(".scroll, pre").forEach((one, i) => { [one.scrollLeft, one.scrollTop] = state.scrolled[i] ?? [0, 0]; });
  };
  const isTyped = (section) => section.contains(document.activeElement)
    && ["text", "checkbox"].includes(document.activeElement.type);

  const swap = (fresh) => {
    const main = document.querySelector("main");
    const present = new Map(sections(document).map((one) => [nameOf(one), one]));
    let previous = null;
    for (const section of sections(fresh)) {
      const name = nameOf(section), source = section.outerHTML, old = present.get(name);
      present.delete(name);
      let place = old;
      if (!old || (sources.get(name) !== source && !isTyped(old))) {
        const state = old && kept(old);
        place = document.importNode(section, true);
        if (old) old.replaceWith(place); else if (previous) previous.after(place); else main.prepend(place);
        if (state) restored(place, state);
        sources.set(name, source);
      }
      previous = place;
    }
    for (const [name, section] of present) { section.remove(); sources.delete(name); }
    const form = fresh.querySelector(".controls"), here = document.querySelector(".controls");
    const names = (one) => [...(one?.querySelectorAll("input") ?? [])].map((box) => box.value).join("\n");
    if (form && names(form) !== names(here)) {
      here?.remove();
      main.before(document.importNode(form, true));
      document.querySelector("style").textContent = fresh.querySelector("style").textContent;
    }
    for (const part of ["header nav", "header h1", "header > p:not(.trail):not(#live)"]) {
      const one = document.querySelector(part), other = fresh.querySelector(part);
      if (one && other && one.innerHTML !== other.innerHTML) one.replaceWith(document.importNode(other, true));
    }
    charts().textContent = fresh.getElementById("charts").textContent;
  };

  // Others compute on this machine: a page that takes long is asked for less often, one that nobody sees not at all.
  let busy = false, again = false;
  const refresh = async () => {
    if (busy || document.hidden) { again = true; return; }
    busy = true;
    const began = performance.now();
    try {
      const address = new URL(location.href);
      address.searchParams.set("full", "1");
      const answer = await fetch(address);
      if (answer.ok) {
        swap(new DOMParser().parseFromString(await answer.text(), "text/html"));
        await draw();
        document.body.dataset.updates = Number(document.body.dataset.updates ?? 0) + 1;
      }
    } catch (error) {
      live("not connected");
    }
    await new Promise((resolve) => setTimeout(resolve, 4 * (performance.now() - began)));
    busy = false;
    missed();
  };
  const missed = () => { if (again) { again = false; refresh(); } };
  document.addEventListener("visibilitychange", missed);

  for (const section of sections(document)) sources.set(nameOf(section), section.outerHTML);
  if (location.protocol.startsWith("http")) {
    const address = new URL(location.href);
    if (address.searchParams.has("token")) {
      address.searchParams.delete("token");
      history.replaceState(null, "", address);
    }
    const topic = document.body.dataset.topic;
    if (topic) {
      const events = new EventSource(`events?topic=${encodeURIComponent(topic)}`);
      events.onopen = () => live("following");
      events.onmessage = refresh;
      events.onerror = () => live("not connected");
    }
    if (document.body.dataset.later) refresh();
  }
  draw();
})();
