"use strict";
(() => {
  const specs = {};
  const views = new Map();
  const dark = window.matchMedia("(prefers-color-scheme: dark)");
  const ink = () => {
    const color = getComputedStyle(document.body).color;
    const text = { labelColor: color, titleColor: color };
    return { axis: { ...text, gridColor: "#888" }, legend: text, header: text, title: { color } };
  };
  const shown = () => [...document.querySelectorAll("input[name=strategy]:checked")].map((box) => box.value);
  const set = (view, name, value) => {
    try { view.signal(name, value); } catch { return; }
    view.runAsync();
  };
  const update = () => {
    if (!document.getElementById("seeds")) return;
    for (const gallery of document.querySelectorAll("[data-strategy]")) {
      gallery.hidden = !shown().includes(gallery.dataset.strategy);
    }
    for (const view of views.values()) {
      set(view, "shown", shown());
      set(view, "seeds", document.getElementById("seeds").checked);
    }
  };
  const slide = (slider) => {
    const value = Number(slider.dataset.values.split(" ")[slider.value]);
    slider.nextElementSibling.value = value;
    slider.setAttribute("aria-valuetext", `${value} labels`);
    if (views.has(slider.dataset.chart)) set(views.get(slider.dataset.chart), "labels", value);
  };
  const draw = async (name) => {
    const options = { actions: false, ast: true, renderer: "svg", logLevel: 1, config: ink(), tooltip: { disableDefaultStyle: true } };
    const place = document.getElementById(`chart-${name}`);
    views.get(name)?.finalize();
    specs[name].config.legend.columns = place.clientWidth < 500 ? 3 : 6;
    if (specs[name].facet) specs[name].spec.width = Math.max(180, place.clientWidth - 130);
    const { view } = await window.vegaEmbed(place, specs[name], options);
    views.set(name, view);
  };
  const read = () => {
    const given = JSON.parse(document.getElementById("charts").textContent);
    for (const name of Object.keys(specs).filter((one) => !(one in given))) {
      views.get(name)?.finalize();
      views.delete(name);
      delete specs[name];
    }
    Object.assign(specs, given);
  };
  const drawAll = async (names = Object.keys(specs)) => {
    await Promise.all(names.map(draw));
    update();
    document.querySelectorAll("input[type=range]").forEach(slide);
    document.body.dataset.drawn = "true";
  };
  const isEmpty = (name) => !document.getElementById(`chart-${name}`).firstChild;
  const isControl = (event) => event.target.closest(".controls");
  document.addEventListener("change", (event) => { if (isControl(event)) update(); });
  document.addEventListener("submit", (event) => { if (isControl(event)) event.preventDefault(); });
  document.addEventListener("input", (event) => { if (event.target.type === "range") slide(event.target); });
  dark.addEventListener("change", () => drawAll());
  document.addEventListener("charts", () => { read(); drawAll(Object.keys(specs).filter(isEmpty)); });
  read();
  drawAll();
})();
