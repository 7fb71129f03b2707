// SPDX-License-Identifier: MIT
//
// The fixed parts of the report's page. The script finds the run in the constant `run`, see report.cpp.
#pragma once

#include <string_view>

namespace duality {
inline namespace v0 {
namespace cli {

inline constexpr std::string_view report_style = R"css(
:root {
  color-scheme: light dark;
  --page: #f6f7f9; --card: #ffffff; --ink: #1c2330; --soft: #5b6472; --faint: #dfe3e9;
  --own: #8b95a5; --second: #0b8f7d; --rebuilt: #3867d6; --repeated: #8a5cd1; --late: #d98613; --lost: #d3303f;
  --outage: rgba(211, 48, 63, .13); --baseline: #8b95a5; --single: #3867d6; --dual: #0b8f7d; --good: #0b7d4e;
}
@media (prefers-color-scheme: dark) {
  :root {
    --page: #12161d; --card: #1b212b; --ink: #e8ebf0; --soft: #9aa5b5; --faint: #313a48;
    --own: #7d889a; --second: #2fc4ae; --rebuilt: #7ba4ff; --repeated: #b794f4; --late: #f2ab45; --lost: #ff6473;
    --outage: rgba(255, 100, 115, .17); --baseline: #7d889a; --single: #7ba4ff; --dual: #2fc4ae; --good: #4ad295;
  }
}
* { box-sizing: border-box; }
body {
  margin: 0 auto; max-width: 1120px; padding: 36px 20px 56px; background: var(--page); color: var(--ink);
  font: 15px/1.55 system-ui, "Segoe UI", Roboto, "Helvetica Neue", sans-serif;
}
h1 { margin: 0 0 6px; font-size: 28px; line-height: 1.2; letter-spacing: -.01em; }
h2 { margin: 36px 0 4px; font-size: 19px; }
p { margin: 4px 0 14px; max-width: 78ch; }
.soft { color: var(--soft); }
.card { margin: 14px 0; padding: 16px 18px; background: var(--card); border: 1px solid var(--faint); border-radius: 10px; }
.warning { border-color: var(--late); border-left-width: 5px; }
.scroll { overflow-x: auto; }
table { width: 100%; border-collapse: collapse; font-variant-numeric: tabular-nums; }
th, td { padding: 8px 12px; text-align: right; white-space: nowrap; border-bottom: 1px solid var(--faint); }
tr:last-child td, tr:last-child th { border-bottom: 0; }
thead th { color: var(--soft); font-size: 13px; font-weight: 500; white-space: normal; vertical-align: bottom; }
th:first-child { text-align: left; }
tbody th { font-weight: 600; }
td.best { color: var(--good); font-weight: 650; }
.dot { display: inline-block; width: 10px; height: 10px; margin-right: 8px; border-radius: 50%; }
.flow { display: flex; flex-wrap: wrap; align-items: center; justify-content: space-between; gap: 6px 20px; }
.flow h3 { margin: 0; font-size: 16px; }
.flow p { margin: 0; }
.listen { display: flex; align-items: center; gap: 12px; font-size: 13px; }
.listen audio { height: 32px; max-width: 250px; }
a { color: var(--rebuilt); }
.plot { position: relative; height: 210px; margin-top: 10px; }
.bars { height: 270px; }
.strip { display: block; width: 100%; height: 16px; margin-top: 6px; border-radius: 3px; }
.legend { display: flex; flex-wrap: wrap; gap: 4px 18px; margin: 8px 0 0; padding: 0; list-style: none; font-size: 13.5px; }
.legend i { display: inline-block; width: 11px; height: 11px; margin-right: 6px; border-radius: 3px; vertical-align: -1px; }
dl { display: grid; grid-template-columns: max-content 1fr; gap: 6px 18px; margin: 8px 0; }
dt { font-weight: 600; }
dd { margin: 0; }
@media (max-width: 640px) { dl { grid-template-columns: 1fr; } dd { margin-bottom: 8px; } }
)css";

inline constexpr std::string_view report_body = R"html(<body>
<header>
<h1>A voice call over a bad network</h1>
<p class="soft" id="setting"></p>
</header>
<main>
<div id="busy"></div>
<div class="card scroll"><table id="figures"></table></div>
<p id="verdict"></p>

<h2>Every packet</h2>
<p class="soft">Each point is one packet: when it was sent, and how long it took from the application that sent it to the
application that got it. Shaded: the primary path delivers nothing at all. The strip below each plot shows what became
of every packet; red is silence.</p>
<ul class="legend" id="legend"></ul>
<div id="flows"></div>

<h2>Silence at each outage</h2>
<p class="soft">How long the receiving application had no packet it could still use, around each outage of the primary
path. The last group is the longest silence anywhere else.</p>
<div class="card"><div class="plot bars"><canvas id="silences"></canvas></div></div>

<h2>What to look at</h2>
<p><b>baseline</b> shows the network itself: a cloud of jitter, single losses all along, and a hole as long as each
outage. <b>single</b> gathers the cloud into one line, because packets are held until an even playout wants them, and
rebuilds lone losses; but nothing can cross a path that is down, so the holes stay. <b>dual</b> notices within
milliseconds that the first path has gone silent, sends over the second one what it can still save, and goes back when
the first path answers again: what is left of a hole is the time it takes to notice and to switch.</p>

<h2>What the figures mean</h2>
<div class="card"><dl id="meaning"></dl></div>
<p class="soft" id="measured"></p>
</main>
)html";

inline constexpr std::string_view report_script = R"js('use strict';
const seconds = ms => ms / 1000;
const fixed = (x, digits) => x.toFixed(digits);
const color = name => getComputedStyle(document.documentElement).getPropertyValue('--' + name).trim();
const slot = run.baseline_ms + run.hold_ms;
const deadline = run.baseline_ms + run.deadline_ms;
const highest = Math.ceil((deadline + 15) / 10) * 10;

const endings = {
  o: ['own', 'on its own'], s: ['second', 'over the second path'], r: ['rebuilt', 'rebuilt from repair packets'],
  c: ['repeated', 'by an early copy'], l: ['late', 'too late to be used'], x: ['lost', 'never came'],
};
const severity = 'oscrlx';  // from best to worst

function element(name, parent, text, kind) {
  const made = document.createElement(name);
  if (text !== undefined) made.textContent = text;
  if (kind) made.className = kind;
  parent.appendChild(made);
  return made;
}

function writeTexts() {
  const outages = run.outages.map(([begin, end]) => Math.round(end - begin));
  document.getElementById('setting').textContent =
    `${fixed(seconds(run.length_ms), 0)} s of recorded speech, Opus in ${fixed(1000 / run.interval_ms, 0)} packets a ` +
    `second of ${run.payload} bytes, crossed the network “${run.network}” (seed ${run.seed}) ${run.flows.length} ` +
    `times at once, through real UDP sockets. ` + (run.tunnel ? 'The protected calls went through a tunnel and a ' +
    'relay, in QUIC. ' : '') + `Its primary path was out ${outages.length} times` +
    (outages.length ? `, for ${outages.join(', ')} ms.` : '.');

  if (run.timers.excessive) {
    element('p', document.getElementById('busy'), 'This machine was too busy to keep time while the run went on. ' +
      'The figures below show its delays as well as the network’s and are not to be trusted; run it again.', 'card warning');
  }

  const by = Object.fromEntries(run.flows.map(flow => [flow.name, flow]));
  if (by.baseline && by.dual) {
    const before = by.baseline.packets - by.baseline.delivered;
    const after = by.dual.packets - by.dual.delivered;
    document.getElementById('verdict').textContent =
      `Unprotected, ${before} of ${by.baseline.packets} packets were of no use to the listener; with two protected ` +
      `paths, ${after}. The longest silence went from ${fixed(by.baseline.longest_gap_ms, 0)} ms to ` +
      `${fixed(by.dual.longest_gap_ms, 0)} ms, for ${fixed(by.dual.overhead_pct, 1)} % more bytes and ` +
      `${fixed(by.dual.added_delay_p95_ms, 1)} ms more delay (p95).`;
  }

  const meaning = [
    ['Apparent loss', `packets that were not there ${run.deadline_ms} ms after an idle path would have brought them, ` +
      'or never: too late is lost.'],
    ['Longest gap', 'the longest time the receiving application had no packet in time.'],
    ['Jitter p95', 'how much the delay of the packets varies, as the application sees it (RFC 5481, PDV).'],
    ['Playout miss', `packets that were not there ${run.hold_ms} ms after an idle path would have brought them: a player ` +
      'that waits no longer has to conceal them.'],
    ['Added delay p95', 'how long packets that came by themselves were held back to take the jitter out.'],
    ['Overhead', 'repair packets, copies and control, of both ends together, in percent of what the bare call sends. ' +
      'The header on each packet of the call is the framing, as in any tunnel, and told apart.'],
    ...(run.tunnel ? [['Transport', 'what QUIC sends beside: handshakes, acknowledgements and probes of both ends.']] : []),
    ['Metered', 'bytes on the second path, both ways, as a mobile contract counts them.'],
  ];
  const list = document.getElementById('meaning');
  for (const [term, text] of meaning) {
    element('dt', list, term);
    element('dd', list, text);
  }
  const late = run.timers;
  document.getElementById('measured').textContent =
    `Sender, ${run.tunnel ? 'tunnels, network, relays' : 'near ends, network, far ends'} and receivers are five threads ` +
    'that talk through UDP sockets of this machine; ' +
    'times are read from one monotonic clock. All variants met the same network and were judged by the same rules. ' +
    `99 % of the packets left the sender at most ${fixed(late.sender[0], 2)} ms late (${fixed(late.sender[1], 2)} ms at ` +
    `most), the network at most ${fixed(late.network[0], 2)} ms (${fixed(late.network[1], 2)} ms), and the sessions’ ` +
    `timers rang at most ${fixed(late.sessions[0], 2)} ms late (${fixed(late.sessions[1], 2)} ms). The sound is what a ` +
    'player hears that waits for each packet until its deadline and lets Opus conceal the others.';
}

function writeTable() {
  const columns = [
    ['apparent loss', f => f.apparent_loss_pct, 2, ' %'], ['longest gap', f => f.longest_gap_ms, 0, ' ms'],
    ['jitter p95', f => f.jitter_p95_ms, 1, ' ms'], ['playout miss', f => f.playout_miss_pct, 1, ' %'],
    ['added delay p95', f => f.added_delay_p95_ms, 1, ' ms'], ['overhead', f => f.overhead_pct, 1, ' %'],
    ['framing', f => f.framing_pct, 1, ' %'],
    ...(run.tunnel ? [['transport', f => f.transport_pct, 1, ' %']] : []),
    ['metered', f => f.metered_bytes / 1000, 1, ' kB'],
  ];
  const table = document.getElementById('figures');
  const head = element('tr', element('thead', table));
  element('th', head, '');
  for (const [title] of columns) element('th', head, title);
  const body = element('tbody', table);
  for (const flow of run.flows) {
    const row = element('tr', body);
    const name = element('th', row);
    element('span', name, undefined, 'dot').style.background = `var(--${flow.name})`;
    name.append(flow.name);
    columns.forEach(([, get, digits, unit], i) => {
      const best = i < 3 && get(flow) === Math.min(...run.flows.map(get));
      element('td', row, fixed(get(flow), digits) + unit, best ? 'best' : '');
    });
  }
}

function writeFlows() {
  const legend = document.getElementById('legend');
  const seen = new Set(run.flows.flatMap(flow => [...flow.endings]));
  for (const key of severity) {
    if (!seen.has(key)) continue;
    const item = element('li', legend);
    element('i', item).style.background = `var(--${endings[key][0]})`;
    item.append(endings[key][1]);
  }
  const item = element('li', legend);
  element('i', item).style.background = 'var(--outage)';
  item.append('primary path out');

  for (const flow of run.flows) {
    const card = element('section', document.getElementById('flows'), undefined, 'card');
    const head = element('div', card, undefined, 'flow');
    const title = element('div', head);
    element('h3', title, flow.name);
    element('p', title, `${flow.packets - flow.delivered} of ${flow.packets} packets lost or too late, longest gap ` +
      `${fixed(flow.longest_gap_ms, 0)} ms`, 'soft');
    if (flow.file) {
      const listen = element('div', head, undefined, 'listen');
      const audio = element('audio', listen);
      audio.controls = true;
      audio.preload = 'none';
      audio.src = flow.sound || flow.file;
      audio.setAttribute('aria-label', `What the listener heard: ${flow.name}`);
      element('a', listen, flow.file).href = flow.file;
    }
    flow.canvas = element('canvas', element('div', card, undefined, 'plot'));
    flow.strip = element('canvas', card, undefined, 'strip');
  }
}

const marks = {
  id: 'marks',
  beforeDatasetsDraw(chart) {
    const {ctx, chartArea: area, scales: {x, y}} = chart;
    ctx.save();
    ctx.fillStyle = color('outage');
    for (const [begin, end] of run.outages) {
      const left = x.getPixelForValue(seconds(begin));
      ctx.fillRect(left, area.top, x.getPixelForValue(seconds(end)) - left, area.bottom - area.top);
    }
    ctx.strokeStyle = ctx.fillStyle = color('soft');
    ctx.font = '11px system-ui, sans-serif';
    ctx.setLineDash([4, 4]);
    for (const [value, name] of [[slot, 'slot'], [deadline, 'deadline']]) {
      const at = y.getPixelForValue(value);
      ctx.beginPath();
      ctx.moveTo(area.left, at);
      ctx.lineTo(area.right, at);
      ctx.globalAlpha = .6;
      ctx.stroke();
      ctx.globalAlpha = 1;
      ctx.fillText(name, area.right + 4, at + 4);
    }
    ctx.restore();
  },
};

const labels = {
  id: 'labels',
  afterDatasetsDraw(chart) {
    const {ctx} = chart;
    ctx.save();
    ctx.fillStyle = color('ink');
    ctx.font = '11.5px system-ui, sans-serif';
    ctx.textAlign = 'center';
    chart.data.datasets.forEach((set, i) => chart.getDatasetMeta(i).data.forEach((bar, j) => {
      ctx.fillText(fixed(set.data[j], 0), bar.x, bar.y - 5);
    }));
    ctx.restore();
  },
};

function axis(title) {
  return {
    title: {display: true, text: title, color: color('soft')}, ticks: {color: color('soft')},
    grid: {color: color('faint'), drawTicks: false},
  };
}

function scatter(flow) {
  const sets = [...severity].slice(0, -1).map(key => ({key, data: []}));
  flow.delays.forEach((delay, i) => {
    const set = sets.find(candidate => candidate.key === flow.endings[i]);
    if (set && delay !== null) set.data.push({x: seconds(i * run.interval_ms), y: Math.min(delay, highest), delay, i});
  });
  return new Chart(flow.canvas, {
    type: 'scatter',
    data: {datasets: sets.filter(set => set.data.length).map(({key, data}) => ({
      data, backgroundColor: color(endings[key][0]), borderWidth: 0, radius: key === 'o' ? 1.3 : 2.1, hoverRadius: 5,
    }))},
    options: {
      animation: false, parsing: false, normalized: true, maintainAspectRatio: false,
      layout: {padding: {right: 52}},
      scales: {
        x: {...axis('seconds'), type: 'linear', min: 0, max: seconds(run.length_ms)},
        y: {...axis('delay in ms'), min: 0, max: highest},
      },
      plugins: {
        legend: {display: false},
        tooltip: {
          displayColors: false,
          callbacks: {label: ({raw}) => `packet ${raw.i}: ${fixed(raw.delay, 1)} ms, ${endings[flow.endings[raw.i]][1]}`},
        },
      },
    },
    plugins: [marks],
  });
}

// What became of the packets, aligned with the plot above. Wide enough to be seen, and the worst on top.
function drawStrip(flow, area) {
  const scale = window.devicePixelRatio || 1;
  const height = flow.strip.clientHeight;
  flow.strip.width = Math.round(flow.strip.clientWidth * scale);
  flow.strip.height = Math.round(height * scale);
  const ctx = flow.strip.getContext('2d');
  ctx.scale(scale, scale);
  const width = area.right - area.left;
  const step = width / flow.endings.length;
  ctx.fillStyle = color('own');
  ctx.fillRect(area.left, 0, width, height);
  for (const key of severity.slice(1)) {
    ctx.fillStyle = color(endings[key][0]);
    [...flow.endings].forEach((ending, i) => {
      if (ending === key) ctx.fillRect(area.left + i * step, 0, Math.max(step, 1.5), height);
    });
  }
}

// The longest time without a packet in time, for each outage and elsewhere. A silence belongs to the outage whose
// absence of packets it overlaps most.
function silences(flow) {
  const times = [];
  flow.delays.forEach((delay, i) => {
    if (delay !== null && flow.endings[i] !== 'l') times.push(i * run.interval_ms + delay);
  });
  times.sort((a, b) => a - b);
  const longest = run.outages.map(() => 0).concat(0);
  for (let i = 1; i < times.length; ++i) {
    const [from, to] = [times[i - 1], times[i]];
    const overlaps = run.outages.map(([begin, end]) =>
      Math.min(to, end + slot) - Math.max(from, begin + run.baseline_ms));
    const most = Math.max(0, ...overlaps);
    const group = most > 0 ? overlaps.indexOf(most) : run.outages.length;
    longest[group] = Math.max(longest[group], to - from);
  }
  return longest;
}

function bars() {
  const names = run.outages.map(([begin, end]) => [`at ${fixed(seconds(begin), 1)} s`, `out for ${fixed(end - begin, 0)} ms`]);
  return new Chart(document.getElementById('silences'), {
    type: 'bar',
    data: {
      labels: [...names, ['elsewhere']],
      datasets: run.flows.map(flow => ({
        label: flow.name, data: silences(flow), backgroundColor: color(flow.name), borderRadius: 3, maxBarThickness: 46,
      })),
    },
    options: {
      animation: false, maintainAspectRatio: false, layout: {padding: {top: 14}},
      scales: {
        x: {ticks: {color: color('soft')}, grid: {display: false}},
        y: {...axis('longest silence in ms'), beginAtZero: true},
      },
      plugins: {legend: {align: 'end', labels: {color: color('ink'), boxWidth: 12, boxHeight: 12}}},
    },
    plugins: [labels],
  });
}

let charts = [];
function draw() {
  charts.forEach(chart => chart.destroy());
  Chart.defaults.font.family = 'system-ui, "Segoe UI", Roboto, sans-serif';
  charts = run.flows.map(flow => {
    const chart = scatter(flow);
    drawStrip(flow, chart.chartArea);
    return chart;
  });
  charts.push(bars());
}

writeTexts();
writeTable();
writeFlows();
draw();
matchMedia('(prefers-color-scheme: dark)').addEventListener('change', draw);
let redraw = 0;
addEventListener('resize', () => {
  clearTimeout(redraw);
  redraw = setTimeout(draw, 150);
});
)js";

}  // namespace cli
}  // namespace v0
}  // namespace duality
