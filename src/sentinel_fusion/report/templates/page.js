"use strict";
(() => {
  const root = document.documentElement;
  const page = JSON.parse(document.getElementById("page-data").textContent);
  const all = (selector) => [...document.querySelectorAll(selector)];
  const chosen = (name) => document.querySelector(`input[name="${name}"]:checked`);
  const words = (name) => name.replaceAll("_", " ");
  const systemIsDark = matchMedia("(prefers-color-scheme: dark)");
  const views = new Map();

  const unpack = (columns) => {
    const names = Object.keys(columns);
    const read = ({ levels, values }, i) => (levels ? levels[values[i]] : values[i]);
    return columns[names[0]].values.map((_, i) =>
      Object.fromEntries(names.map((name) => [name, read(columns[name], i)])));
  };
  const datasets = Object.fromEntries(
    Object.entries(page.datasets).map(([name, columns]) => [name, unpack(columns)]));

  const state = () => {
    const task = chosen("task").value;
    const use = chosen("use").value;
    const boxes = all('input[name="arms"]:checked');
    const theme = chosen("theme").value;
    return {
      task,
      uses: use === "both" ? ["finetuned", "frozen"] : [use],
      arms: boxes.map((box) => box.value),
      frac: Number(chosen("frac").value),
      dark: theme === "dark" || (theme === "system" && systemIsDark.matches),
    };
  };

  const has = (names, name) => names.split(" ").includes(name);

  const showWhatIsChosen = ({ task, uses, arms, frac, dark }) => {
    root.toggleAttribute("data-dark", dark);
    all("[data-task]").forEach((e) => { e.hidden = e.dataset.task !== task; });
    all("[data-tasks]").forEach((e) => { e.hidden = !has(e.dataset.tasks, task); });
    all("[data-without]").forEach((e) => { e.hidden = has(e.dataset.without, task); });
    all("[data-use]").forEach((e) => { e.hidden = !uses.includes(e.dataset.use); });
    const offered = all("label[data-tasks]").filter((e) => !e.hidden);
    const shown = offered.filter((e) => arms.includes(e.firstElementChild.value));
    document.getElementById("shown").textContent = [
      words(task),
      chosen("use").parentElement.textContent.trim() + (uses.length > 1 ? " uses" : ""),
      `${Number((100 * frac).toFixed(4))} % of labels`,
      `${shown.length} of ${offered.length} arms`,
    ].join(", ");
  };

  const apply = async () => {
    const now = state();
    showWhatIsChosen(now);
    all("select[data-charts]").forEach((select) => {
      if (select.selectedOptions[0].hidden) {
        select.value = [...select.options].find((option) => !option.hidden)?.value ?? select.value;
      }
      select.dataset.charts.split(" ").forEach((key) => views.get(key).signal(select.name, select.value));
    });
    await Promise.all([...views.values()].map((view) => {
      Object.entries(now).forEach(([name, value]) => view.signal(name, value));
      return view.resize().runAsync();
    }));
    window.dispatchEvent(new Event("resize"));
  };

  const draw = async ([key, { spec, data }]) => {
    const rows = Object.fromEntries(data.map((name) => [name, datasets[name]]));
    const { view } = await window.vegaEmbed(
      `#chart-${CSS.escape(key)}`,
      { ...spec, datasets: { ...spec.datasets, ...rows } },
      {
        renderer: "svg",
        actions: { export: true, source: false, compiled: false, editor: false },
        downloadFileName: key,
      });
    views.set(key, view);
  };

  const makeSortable = (table) => {
    const body = table.tBodies[0];
    const value = (row, i) => {
      const text = row.cells[i].textContent;
      const number = parseFloat(text.replaceAll(",", "").replace("\u2212", "-"));
      return Number.isNaN(number) ? text : number;
    };
    [...table.tHead.rows[0].cells].forEach((head, i) => {
      const button = document.createElement("button");
      button.type = "button";
      button.append(...head.childNodes);
      head.append(button);
      button.addEventListener("click", () => {
        const sign = head.ariaSort === "ascending" ? -1 : 1;
        [...head.parentElement.cells].forEach((other) => { other.ariaSort = null; });
        head.ariaSort = sign === 1 ? "ascending" : "descending";
        const order = (a, b) => (typeof a === typeof b ? (a < b ? -1 : +(a > b)) : typeof a === "number" ? -1 : 1);
        body.append(...[...body.rows].sort((a, b) => sign * order(value(a, i), value(b, i))));
      });
    });
  };

  const remember = (theme) => {
    try { localStorage.setItem("theme", theme); } catch { /* a browser may forbid it */ }
  };
  const recall = () => {
    try { return localStorage.getItem("theme"); } catch { return null; }
  };

  const listen = () => {
    document.addEventListener("change", ({ target }) => {
      if (target.name === "theme") remember(target.value);
      apply();
    });
    systemIsDark.addEventListener("change", apply);
    all("[data-choose]").forEach((button) => button.addEventListener("click", () => {
      const which = button.dataset.choose;
      all('input[name="arms"]').forEach((box) => {
        box.checked = which === "all" || (which === "pretrained" && "pretrained" in box.dataset);
      });
      apply();
    }));
  };

  const start = async () => {
    root.toggleAttribute("data-script", true);
    const theme = document.querySelector(`input[name="theme"][value="${recall()}"]`);
    if (theme) theme.checked = true;
    document.querySelector(".switches").open = matchMedia("(min-width: 60rem)").matches;
    showWhatIsChosen(state());
    listen();
    all("details table").forEach(makeSortable);
    await Promise.all(Object.entries(page.charts).map(draw));
    await apply();
    root.dataset.ready = "true";
  };
  start();
})();
