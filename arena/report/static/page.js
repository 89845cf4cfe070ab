// Draws the charts of a report from the data in it, and links them: one cursor, one zoom, one choice of the horizontal axis for each group.
(() => {
  "use strict";
  const data = JSON.parse(document.getElementById("data").textContent);
  const root = document.documentElement;
  const css = (name) => getComputedStyle(root).getPropertyValue("--" + name).trim() || name;
  const charts = new Map(); // element -> { chart, group, panel }
  const short = (value) => {
    if (value === null || value === undefined || Number.isNaN(value)) return "–";
    if (typeof value !== "number") return String(value);
    const size = Math.abs(value);
    if (size !== 0 && (size < 1e-3 || size >= 1e6)) return value.toExponential(2);
    return size >= 1000 ? Math.round(value).toLocaleString("en") : String(+value.toPrecision(4));
  };
  const escape = (text) => String(text).replace(/[&<>"]/g, (sign) => ({ "&": "&amp;", "<": "&lt;", ">": "&gt;", '"': "&quot;" })[sign]);

  // The horizontal axis: turns, or a quantity that grows with them ---------------------------------------------------------------------
  const between = (xs, ys, x) => {
    let low = 0, high = xs.length - 1;
    if (high < 0) return x;
    if (x <= xs[0]) return ys[0];
    if (x >= xs[high]) return ys[high];
    while (high - low > 1) {
      const middle = (low + high) >> 1;
      if (xs[middle] <= x) low = middle; else high = middle;
    }
    return xs[high] === xs[low] ? ys[low] : ys[low] + ((ys[high] - ys[low]) * (x - xs[low])) / (xs[high] - xs[low]);
  };
  const table = (group, panel) => {
    if (!group.axis || group.axis === "turn") return null;
    return (panel.role && group.axes[panel.role + "." + group.axis]) || group.axes[group.axis] || null;
  };
  const forward = (group, panel, turn) => { const own = table(group, panel); return own ? between(group.axes.turn, own, turn) : turn; };
  const backward = (group, panel, x) => { const own = table(group, panel); return own ? between(own, group.axes.turn, x) : x; };

  // Options of a chart -----------------------------------------------------------------------------------------------------------------
  const axis = (extra) => Object.assign({
    axisLine: { lineStyle: { color: css("edge") } }, axisTick: { show: false }, splitLine: { lineStyle: { color: css("line") } },
    axisLabel: { color: css("soft"), fontSize: 11, hideOverlap: true, formatter: typeof (extra || {}).data === "undefined" ? short : undefined },
    nameTextStyle: { color: css("soft"), fontSize: 11 },
  }, extra);
  const frame = (panel) => ({
    animation: false, aria: { enabled: true, label: { description: panel.description || panel.title } },
    textStyle: { fontFamily: "system-ui, 'DejaVu Sans', sans-serif", color: css("ink") },
    tooltip: { confine: true, backgroundColor: css("card"), borderColor: css("edge"), textStyle: { color: css("ink"), fontSize: 12 } },
  });
  const legend = (names, width = 18) => (names.length < 2 ? { show: false } : {
    bottom: 0, type: "scroll", data: names, itemWidth: width, itemHeight: 9, itemGap: 12, textStyle: { color: css("soft"), fontSize: 11 },
    pageTextStyle: { color: css("soft") }, pageIconColor: css("soft"), pageIconInactiveColor: css("edge"),
  });

  const lines = (panel, group) => {
    const at = (x) => forward(group, panel, x);
    const series = [];
    panel.series.forEach((s, place) => {
      const colour = css(s.colour || "c" + (place % 8));
      if (s.low) {
        const base = { type: "line", name: s.name, stack: "band " + s.name, stackStrategy: "all", symbol: "none", lineStyle: { opacity: 0, color: colour }, itemStyle: { color: colour }, silent: true, tooltip: { show: false }, emphasis: { disabled: true } };
        series.push({ ...base, data: s.bx.map((x, i) => [at(x), s.low[i]]) });
        series.push({ ...base, areaStyle: { color: colour, opacity: 0.17 }, data: s.bx.map((x, i) => [at(x), s.high[i] === null || s.low[i] === null ? null : s.high[i] - s.low[i]]) });
      }
      series.push({
        type: "line", name: s.name, connectNulls: true, sampling: "lttb", symbolSize: 5, showSymbol: s.x.length < 40 && !s.plain, symbol: "circle",
        lineStyle: { color: colour, width: s.width || 1.5, type: s.dash ? "dashed" : "solid" }, itemStyle: { color: colour },
        emphasis: { disabled: true }, data: s.x.map((x, i) => [at(x), s.y[i]]),
      });
    });
    const ends = group.axes ? [group.axes.turn[0], group.axes.turn.at(-1)] : [];
    for (const line of panel.levels || []) { // a line of two points, so that the scale of the axis reaches it
      const across = ends.length ? ends : [Math.min(...panel.series.map((s) => s.x[0])), Math.max(...panel.series.map((s) => s.x.at(-1)))];
      series.push({ type: "line", name: line.name, symbol: "none", silent: true, data: across.map((x) => [at(x), line.y]), itemStyle: { color: css("data") }, lineStyle: { color: css("data"), type: "dashed", width: 1.3 }, emphasis: { disabled: true } });
    }
    if (series.length && (group.alarms || []).length) {
      series[series.length - 1].markArea = { silent: true, itemStyle: { color: css("alarm") }, data: group.alarms.map((a) => [{ xAxis: at(a.from) }, { xAxis: at(a.to) }]) };
    }
    if (series.length && (panel.marks || []).length) { // the doctor's evidence
      const style = { color: css("bad"), width: 1.4, type: "solid" }, text = { color: css("bad"), fontSize: 10, position: "insideEndTop", formatter: (m) => m.name };
      series[0].markLine = { silent: true, symbol: "none", lineStyle: style, label: text, data: panel.marks.map((m) => ({ name: m.name, xAxis: at(m.x) })) };
    }
    const names = panel.series.map((s) => s.name).concat((panel.levels || []).map((l) => l.name));
    const log = panel.log && !group.linear, shown = panel.bare ? [] : names;
    return {
      ...frame(panel), legend: legend(shown),
      grid: { left: 8, right: 26, top: 12, bottom: (shown.length < 2 ? 6 : 30) + (panel.x ? 18 : 0), containLabel: true },
      tooltip: {
        ...frame(panel).tooltip, trigger: "axis", axisPointer: { type: "line", lineStyle: { color: css("soft") } },
        formatter: (found) => {
          if (!found.length) return "";
          const x = found[0].axisValue, seen = new Set();
          const rows = found.filter((f) => f.value && f.value[1] !== null && !seen.has(f.seriesName) && f.seriesName && panel.series.some((s) => s.name === f.seriesName) && seen.add(f.seriesName))
            .map((f) => { const s = panel.series.find((own) => own.name === f.seriesName); const i = nearest(s.x, backward(group, panel, x)); return f.marker + escape(f.seriesName) + " <b>" + short(s.y[i]) + "</b>"; });
          return escape(group.axisName || panel.x || "turn") + " " + short(x) + "<br>" + rows.join("<br>");
        },
      },
      xAxis: axis({ type: "value", min: ends.length ? at(ends[0]) : "dataMin", max: ends.length ? at(ends[1]) : "dataMax", splitLine: { show: false }, name: panel.x, nameLocation: "middle", nameGap: 22 }),
      yAxis: axis({ type: log ? "log" : "value", scale: true, min: panel.min, max: panel.max }),
      dataZoom: [{ type: "inside", xAxisIndex: 0, filterMode: "none", zoomOnMouseWheel: "ctrl", moveOnMouseMove: "shift", moveOnMouseWheel: false }],
      series,
    };
  };
  const nearest = (xs, x) => { // the last point at or before x, as a recorded number holds until the next one
    let low = 0, high = xs.length - 1;
    while (low < high) { const middle = (low + high + 1) >> 1; if (xs[middle] <= x + 1e-9) low = middle; else high = middle - 1; }
    return low;
  };
  const bars = (panel) => ({
    ...frame(panel), legend: legend(panel.series.map((s) => s.name)),
    grid: { left: 200, right: 24, top: 8, bottom: panel.series.length < 2 ? 26 : 50 },
    tooltip: { ...frame(panel).tooltip, trigger: "axis", axisPointer: { type: "shadow" }, valueFormatter: panel.percent ? (v) => (Array.isArray(v) ? "" : Math.round(100 * v) + " %") : short },
    xAxis: axis({ type: "value", max: panel.max, axisLabel: { color: css("soft"), fontSize: 11, formatter: panel.percent ? (v) => Math.round(100 * v) + " %" : short } }),
    yAxis: axis({ type: "category", inverse: true, data: panel.names, axisLabel: { color: css("ink"), fontSize: 12, width: 185, overflow: "truncate" } }),
    series: panel.series.flatMap((s, place) => {
      const colour = css(s.colour || "c" + place);
      const bar = { type: "bar", name: s.name, data: s.y, itemStyle: { color: colour }, barGap: "15%" };
      if (!s.low) return [bar];
      const whiskers = { type: "custom", name: s.name, silent: true, tooltip: { show: false }, data: s.y.map((_, i) => [i, s.low[i], s.high[i]]), encode: { x: [1, 2], y: 0 }, z: 5,
        renderItem: (params, api) => {
          const width = api.size([0, 1])[1], step = width * 0.8 / panel.series.length, shift = (place - (panel.series.length - 1) / 2) * step;
          const [a, y] = api.coord([api.value(1), api.value(0)]), [b] = api.coord([api.value(2), api.value(0)]), h = Math.min(5, step / 3), style = { stroke: css("ink"), lineWidth: 1.2, fill: "none" };
          const line = (x1, y1, x2, y2) => ({ type: "line", shape: { x1, y1, x2, y2 }, style });
          return { type: "group", children: [line(a, y + shift, b, y + shift), line(a, y + shift - h, a, y + shift + h), line(b, y + shift - h, b, y + shift + h)] };
        } };
      return [bar, whiskers];
    }),
  });
  const shades = ["#fde725", "#7ad151", "#22a884", "#2a788e", "#414487", "#440154"];
  const coloured = (panel) => ({ type: "continuous", min: panel.range[0], max: panel.range[1], dimension: 2, inRange: { color: shades }, right: 4, top: "middle", itemHeight: 120, itemWidth: 10, precision: 2, calculable: false,
    formatter: (v) => short(panel.logColour ? 10 ** v : v), text: [panel.logColour ? short(10 ** panel.range[1]) : short(panel.range[1]), short(panel.logColour ? 10 ** panel.range[0] : panel.range[0])], textStyle: { color: css("soft"), fontSize: 11 } });
  const scatter = (panel) => ({
    ...frame(panel), legend: legend(panel.series.map((s) => s.name), 11),
    grid: { left: 18, right: panel.range ? 70 : 16, top: 12, bottom: panel.series.length < 2 ? 24 : 46, containLabel: true },
    tooltip: { ...frame(panel).tooltip, trigger: "item", formatter: (f) => escape(f.data.label || f.seriesName) },
    visualMap: panel.range ? { ...coloured(panel), seriesIndex: panel.series.flatMap((s, i) => (s.coloured ? [i] : [])) } : undefined,
    xAxis: axis({ type: panel.xNames ? "category" : panel.logX ? "log" : "value", data: panel.xNames, scale: true, name: panel.x, nameLocation: "middle", nameGap: 26 }),
    yAxis: axis({ type: panel.yNames ? "category" : panel.log ? "log" : "value", data: panel.yNames, scale: true, name: panel.y, nameLocation: "end" }),
    series: panel.series.map((s, place) => ({ type: "scatter", name: s.name, symbol: s.symbol || "circle", symbolSize: s.size || 9, itemStyle: { ...(s.coloured ? {} : { color: css(s.colour || "c" + place) }), borderColor: css("ink"), borderWidth: 0.6, opacity: 0.9 }, data: s.points.map((p) => ({ value: p.slice(0, 3), label: p[3] })), z: s.size ? 5 : 2 })),
  });
  const heat = (panel) => ({
    ...frame(panel), grid: { left: 18, right: 70, top: 12, bottom: 24, containLabel: true }, visualMap: { ...coloured(panel), seriesIndex: 0 },
    tooltip: { ...frame(panel).tooltip, formatter: (f) => escape(f.data.label || "") },
    xAxis: axis({ type: "category", data: panel.xNames, name: panel.x, nameLocation: "middle", nameGap: 26, splitLine: { show: false } }),
    yAxis: axis({ type: "category", data: panel.yNames, name: panel.y, splitLine: { show: false } }),
    series: [{ type: "heatmap", data: panel.cells.map((c) => ({ value: c.slice(0, 3), label: c[3] })) },
      ...panel.series.map((s) => ({ type: "scatter", name: s.name, symbol: s.symbol, symbolSize: s.size || 8, itemStyle: { color: css(s.colour || "ink"), borderColor: css("card"), borderWidth: 1 }, data: s.points.map((p) => ({ value: p.slice(0, 2), label: p[3] })) }))],
  });
  const parallel = (panel) => ({
    ...frame(panel), parallel: { left: 40, right: 120, top: 34, bottom: 16, parallelAxisDefault: { nameTextStyle: { color: css("ink"), fontSize: 11 }, axisLabel: { color: css("soft"), fontSize: 10, formatter: short }, axisLine: { lineStyle: { color: css("soft") } }, areaSelectStyle: { color: css("second") } } },
    parallelAxis: panel.axes.map((a, dim) => ({ dim, name: a.name, type: a.names ? "category" : a.log ? "log" : "value", data: a.names, scale: true, min: a.min, max: a.max, ...(a.names ? { axisLabel: { formatter: undefined } } : {}) })),
    visualMap: { ...coloured(panel), dimension: panel.axes.length },
    series: [{ type: "parallel", lineStyle: { width: 1.6, opacity: 0.75 }, inactiveOpacity: 0.06, smooth: false, data: panel.rows }],
  });
  const kinds = { lines, bars, scatter, heat, parallel };

  // Drawing and linking ----------------------------------------------------------------------------------------------------------------
  let busy = false;
  const draw = (place) => {
    if (charts.has(place)) return charts.get(place);
    const group = data.groups[place.dataset.group], panel = group.panels[place.dataset.panel];
    const chart = echarts.init(place, null, { renderer: "canvas" });
    chart.setOption(kinds[panel.kind || "lines"](panel, group));
    const entry = { chart, group, panel, place };
    charts.set(place, entry);
    if ((panel.kind || "lines") === "lines") {
      chart.on("updateAxisPointer", (event) => {
        const info = (event.axesInfo || [])[0];
        if (busy || !info) return;
        cursor(group, backward(group, panel, info.value), entry);
      });
      chart.on("datazoom", () => {
        if (busy) return;
        const zoom = chart.getOption().dataZoom[0];
        window_(group, backward(group, panel, zoom.startValue), backward(group, panel, zoom.endValue), entry);
      });
      if (group.zoom) zoomed(entry, ...group.zoom);
    }
    return entry;
  };
  const others = (group, except) => [...charts.values()].filter((e) => e.group === group && e !== except && (e.panel.kind || "lines") === "lines");
  const cursor = (group, turn, except) => {
    busy = true;
    for (const { chart, panel } of others(group, except)) {
      const x = chart.convertToPixel({ xAxisIndex: 0 }, forward(group, panel, turn));
      if (Number.isFinite(x)) chart.dispatchAction({ type: "showTip", x, y: chart.getHeight() / 3 });
    }
    busy = false;
    const output = document.querySelector(`output[data-group="${data.groups.indexOf(group)}"]`);
    if (output) output.textContent = "turn " + short(Math.round(turn));
  };
  const zoomed = ({ chart, group, panel }, from, to) => chart.dispatchAction({ type: "dataZoom", startValue: forward(group, panel, from), endValue: forward(group, panel, to) });
  const window_ = (group, from, to, except) => {
    group.zoom = [from, to];
    busy = true;
    for (const entry of others(group, except)) zoomed(entry, from, to);
    busy = false;
  };
  const redraw = (group) => {
    for (const [place, entry] of [...charts]) {
      if (group && entry.group !== group) continue;
      entry.chart.dispose();
      charts.delete(place);
      if (seen.has(place)) draw(place);
    }
  };
  const seen = new Set();
  const watcher = new IntersectionObserver((entries) => {
    for (const { target, isIntersecting } of entries) if (isIntersecting) { seen.add(target); draw(target); }
  }, { rootMargin: "300px" });
  document.querySelectorAll(".chart").forEach((place) => watcher.observe(place));
  window.addEventListener("resize", () => charts.forEach(({ chart }) => chart.resize()));
  window.addEventListener("beforeprint", () => document.querySelectorAll(".chart").forEach((place) => { seen.add(place); draw(place); }));

  // Controls ---------------------------------------------------------------------------------------------------------------------------
  document.querySelectorAll("[data-axis]").forEach((select) => select.addEventListener("change", () => {
    const group = data.groups[select.dataset.axis];
    group.axis = select.value;
    group.axisName = select.selectedOptions[0].textContent;
    redraw(group);
  }));
  document.querySelectorAll("[data-linear]").forEach((box) => box.addEventListener("change", () => {
    const group = data.groups[box.dataset.linear];
    group.linear = box.checked;
    redraw(group);
  }));
  document.querySelectorAll("[data-range]").forEach((select) => select.addEventListener("change", () => {
    const group = data.groups[select.dataset.range], all = group.axes.turn, last = all[all.length - 1], first = all[0], [from, to] = select.value.split(",").map(Number);
    window_(group, first + from * (last - first), first + to * (last - first), null);
  }));
  document.querySelectorAll(".slider").forEach((slider) => {
    const images = slider.querySelectorAll("img"), input = slider.querySelector("input"), output = slider.querySelector("output"), frames = data.frames[slider.dataset.frames];
    images[0].addEventListener("load", ({ target }) => slider.parentElement.classList.toggle("broad", target.naturalWidth > 2 * target.naturalHeight));
    const show = () => {
      const now = frames[+input.value];
      images.forEach((image, place) => Object.assign(image, now.images[place]));
      output.textContent = "turn " + now.turn.toLocaleString("en");
      input.setAttribute("aria-valuetext", output.textContent);
    };
    input.addEventListener("input", () => {
      show();
      const group = data.groups.find((g) => g.axes);
      if (group) cursor(group, frames[+input.value].turn, null);
    });
    show();
  });
  document.querySelectorAll("table.sortable").forEach((made) => made.querySelectorAll("th button").forEach((button, column) => button.addEventListener("click", () => {
    const head = button.closest("th"), down = head.getAttribute("aria-sort") === "ascending", body = made.tBodies[0];
    made.querySelectorAll("th").forEach((th) => th.removeAttribute("aria-sort"));
    head.setAttribute("aria-sort", down ? "descending" : "ascending");
    const key = (row) => { const cell = row.cells[column], number = parseFloat(cell.dataset.value); return Number.isNaN(number) ? cell.textContent : number; };
    const compare = (a, b) => (typeof a === typeof b ? (typeof a === "number" ? a - b : a.localeCompare(b)) : typeof a === "number" ? -1 : 1); // numbers before words
    [...body.rows].sort((a, b) => (down ? -1 : 1) * compare(key(a), key(b))).forEach((row) => body.append(row));
  })));
  document.querySelectorAll(".commands button").forEach((button) => button.addEventListener("click", () => {
    const text = button.parentElement.querySelector("pre").textContent;
    const done = () => { button.textContent = "copied"; setTimeout(() => { button.textContent = "copy"; }, 1500); };
    if (navigator.clipboard) navigator.clipboard.writeText(text).then(done, () => {});
  }));
  const dark = window.matchMedia("(prefers-color-scheme: dark)");
  const theme = (on) => { root.classList.toggle("dark", on); redraw(null); };
  theme(dark.matches);
  dark.addEventListener("change", () => theme(dark.matches));
  document.querySelector(".theme").addEventListener("click", () => theme(!root.classList.contains("dark")));
  window.reportCharts = () => charts.size;
})();
