"use strict";
(() => {
  const byId = (id) => document.getElementById(id);
  const data = JSON.parse(byId("data").textContent);
  const C = { campaign: 0, id: 1, folder: 2, page: 3, state: 4, action: 5, service: 6, units: 7, delivered: 8, cost: 9,
    refunded: 10, bought: 11, panelId: 12, message: 13, look: 14 };
  const whole = new Intl.NumberFormat("en-US");
  const spaced = (word) => word.replaceAll("_", " ");
  const make = (tag, text, name) => {
    const element = document.createElement(tag);
    if (text) element.textContent = text;
    if (name) element.className = name;
    return element;
  };
  const words = new Intl.Collator("en", { numeric: true });

  /* Sorting: a head becomes a button; `sort(place, down)` does the work. */
  const sortable = (table, sort) => {
    const heads = [...table.tHead.rows[0].cells];
    heads.forEach((head, place) => {
      const button = make("button", head.textContent.trim());
      button.type = "button";
      head.replaceChildren(button);
      button.addEventListener("click", () => {
        const first = head.classList.contains("number") ? "descending" : "ascending";
        const other = first === "ascending" ? "descending" : "ascending";
        const now = head.getAttribute("aria-sort") === first ? other : first;
        heads.forEach((one) => one.removeAttribute("aria-sort"));
        head.setAttribute("aria-sort", now);
        sort(place, now === "descending");
      });
    });
  };

  document.querySelectorAll("table.sortable").forEach((table) => {
    const body = table.tBodies[0];
    sortable(table, (place, down) => {
      const key = (row) => row.cells[place].dataset.key ?? row.cells[place].textContent;
      const isNumber = table.tHead.rows[0].cells[place].classList.contains("number");
      const number = (row) => Number(key(row).replace(/[^0-9.-]/g, ""));
      const compare = isNumber ? (a, b) => number(a) - number(b) : (a, b) => words.compare(key(a), key(b));
      body.append(...[...body.rows].sort((a, b) => (down ? -compare(a, b) : compare(a, b))));
    });
  });

  /* Orders: all that are listed, a page at a time. */
  const table = byId("table");
  if (table) {
    const rows = data.rows;
    const body = table.tBodies[0];
    const labels = [...table.tHead.rows[0].cells].map((head) => head.textContent.trim());
    const address = (row) => `${data.campaigns[row[C.campaign]]}/${row[C.id]}`;
    const link = (row) => data.links[row[C.folder]] + row[C.page];
    const amount = (column) => (row) => { const key = data.keys[row[column]]; return key === "" ? -Infinity : Number(key); };
    const keys = [address, (row) => data.states[row[C.state]], (row) => data.services[row[C.service]],
      (row) => row[C.units], (row) => row[C.delivered] ?? -1, amount(C.cost), amount(C.refunded),
      (row) => data.moments[row[C.bought]], (row) => row[C.panelId], (row) => data.messages[row[C.message]]];
    const haystacks = new Map();
    const haystack = (row) => {
      let text = haystacks.get(row);
      if (text === undefined) {
        text = [address(row), link(row), data.services[row[C.service]], row[C.panelId], data.messages[row[C.message]],
          spaced(data.states[row[C.state]]), data.actions[row[C.action]]].join("\n").toLowerCase();
        haystacks.set(row, text);
      }
      return text;
    };
    let shown = rows, sorted = rows, page = 0;

    const line = (row) => {
      const tr = document.createElement("tr");
      const cell = (place, text, name) => {
        const td = make("td", text, name);
        td.dataset.label = labels[place];
        tr.append(td);
        return td;
      };
      const first = cell(0);
      first.append(make("b", address(row)));
      const url = link(row);
      if (/^https?:\/\//i.test(url)) {
        const anchor = make("a", url, "link");
        anchor.href = url;
        anchor.rel = "noopener noreferrer";
        anchor.target = "_blank";
        first.append(anchor);
      } else first.append(make("span", url, "link"));
      const state = data.states[row[C.state]], action = data.actions[row[C.action]];
      const second = cell(1);
      second.append(make("span", spaced(state), `badge ${state}`));
      if (action) second.append(" ", make("small", action));
      cell(2, data.services[row[C.service]]);
      cell(3, whole.format(row[C.units]), "number");
      cell(4, row[C.delivered] === null ? "" : whole.format(row[C.delivered]), "number");
      cell(5, data.amounts[row[C.cost]], "number");
      cell(6, data.amounts[row[C.refunded]], "number");
      cell(7, data.moments[row[C.bought]], "when");
      cell(8, row[C.panelId]);
      cell(9, data.messages[row[C.message]], "message");
      return tr;
    };
    const draw = () => {
      const pages = Math.max(Math.ceil(shown.length / data.page), 1);
      page = Math.min(Math.max(page, 0), pages - 1);
      body.replaceChildren(...shown.slice(page * data.page, (page + 1) * data.page).map(line));
      byId("found").textContent = shown.length === rows.length
        ? `${whole.format(rows.length)} orders` : `${whole.format(shown.length)} of ${whole.format(rows.length)} orders`;
      byId("where").textContent = `page ${whole.format(page + 1)} of ${whole.format(pages)}`;
      byId("back").disabled = page === 0;
      byId("on").disabled = page === pages - 1;
    };
    const choose = () => {
      const wanted = byId("filter").value.toLowerCase().split(/\s+/).filter(Boolean);
      const state = byId("state").value;
      shown = sorted.filter((row) => (state === "" || (state === "!" ? row[C.look] : data.states[row[C.state]] === state))
        && wanted.every((word) => haystack(row).includes(word)));
      page = 0;
      draw();
    };
    sortable(table, (place, down) => {
      const key = keys[place];
      const isNumber = table.tHead.rows[0].cells[place].classList.contains("number");
      const compare = isNumber ? (a, b) => key(a) - key(b) || 0 : (a, b) => words.compare(key(a), key(b));
      sorted = [...rows].sort((a, b) => (down ? -compare(a, b) : compare(a, b)));
      choose();
    });
    byId("filter").addEventListener("input", choose);
    byId("state").addEventListener("change", choose);
    byId("back").addEventListener("click", () => { page -= 1; draw(); });
    byId("on").addEventListener("click", () => { page += 1; draw(); });
    document.querySelectorAll(".pick").forEach((button) => button.addEventListener("click", () => {
      byId("state").value = byId("state").value === button.dataset.state ? "" : button.dataset.state;
      choose();
      byId("orders").scrollIntoView({ block: "start" });
    }));
    document.querySelector(".tools").hidden = false;
    choose();
  }

  /* Lines: the value under the pointer. */
  document.querySelectorAll(".plot").forEach((plot) => {
    const points = JSON.parse(plot.dataset.points);
    const mark = make("span", "", "mark"), tip = make("span", "", "tip");
    plot.addEventListener("pointermove", (event) => {
      const box = plot.getBoundingClientRect();
      const across = ((event.clientX - box.left) / box.width) * 100;
      const point = points.findLast((one) => one[0] <= across + 0.5) ?? points[0];
      const left = `${Math.max(across, point[0])}%`;
      mark.style.left = left;
      tip.style.left = left;
      mark.style.top = tip.style.top = `${point[1]}%`;
      tip.className = across < 20 ? "tip left" : across > 80 ? "tip right" : "tip";
      tip.textContent = `${point[2]} · ${point[3]}`;
      plot.append(mark, tip);
    });
    plot.addEventListener("pointerleave", () => { mark.remove(); tip.remove(); });
  });
})();
