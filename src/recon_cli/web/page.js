"use strict";
const WORDS = {
  en: {
    language: "한국어", live: "live", lost: "no connection, trying again", well: "Nothing is lost, nothing is stuck.", amiss: "Look at this first:",
    running: "Running", waiting: "Waiting", failed: "Failed, and why", done: "Done", moved: "How counts moved", readings: "Readings",
    upload: "New reconstruction", send: "Send photos", preset: "care", original: "full size", token: "Token", enter: "Enter",
    none: "none", more: "more", nowaiting: "nobody waits", viewer: "open viewer", cancel: "cancel", retry: "go on", log: "log", search: "Search",
    t_running: "running", t_waiting: "waiting", t_failed: "failed", t_done: "done", t_queue: "in the outbox", t_dead: "dead letters", t_drift: "drift",
    queue_lost: "items lost in the outbox", queue_dead: "dead letters", queue_spilled: "items spilled beside the outbox",
    queue_paused: "targets paused", drift: "differences between files and records", trouble: "trouble",
    days: "jobs a day: made, done, failed", depth: "outbox depth", checks: "files and rows", oldest: "oldest", never: "never checked",
    photos: "photos", sent: "sent, job", wrong: "that is not the token", free: "free on disk", ago: "ago", at: "last check",
    readingsLive: "live", readingsLost: "no connection; catching up when it is back", found: "found", sending: "sending"
  },
  ko: {
    language: "English", live: "실시간", lost: "연결이 끊겼습니다. 다시 연결 중", well: "유실도, 멈춘 작업도 없습니다.", amiss: "먼저 확인하세요:",
    running: "실행 중", waiting: "대기 중", failed: "실패와 원인", done: "완료", moved: "수량 추이", readings: "판독 기록",
    upload: "새 재구성 작업", send: "사진 보내기", preset: "품질", original: "원본 해상도", token: "토큰", enter: "확인",
    none: "없음", more: "더 보기", nowaiting: "대기 중인 작업 없음", viewer: "뷰어 열기", cancel: "취소", retry: "이어서 실행", log: "로그", search: "검색",
    t_running: "실행", t_waiting: "대기", t_failed: "실패", t_done: "완료", t_queue: "대기열", t_dead: "데드레터", t_drift: "불일치",
    queue_lost: "건이 대기열에서 유실됨", queue_dead: "건을 전송할 수 없음", queue_spilled: "건이 대기열 밖에 보관됨",
    queue_paused: "개 대상이 일시 중지됨", drift: "건의 파일·레코드 불일치", trouble: "문제",
    days: "일별 작업: 접수, 완료, 실패", depth: "대기열 길이", checks: "파일과 행", oldest: "가장 오래된 항목", never: "점검 기록 없음",
    photos: "장", sent: "접수됨, 작업", wrong: "토큰이 올바르지 않습니다", free: "디스크 여유", ago: "전", at: "최근 점검",
    readingsLive: "실시간", readingsLost: "연결이 끊겼습니다. 복구되면 이어서 받습니다", found: "건", sending: "보내는 중"
  }
};
const $ = (query, from = document) => from.querySelector(query);
const SVG = "http://www.w3.org/2000/svg";
let lang = localStorage.getItem("recon-language") || document.documentElement.lang;
let last = null, source = null;
const t = word => WORDS[lang][word] || word;

function el(name, attributes = {}, ...children) {
  const made = document.createElement(name);
  for (const [key, value] of Object.entries(attributes)) {
    if (key === "on") made.addEventListener("click", value);
    else if (key === "class") made.className = value;
    else made.setAttribute(key, value);
  }
  made.append(...children.filter(one => one !== null && one !== undefined));
  return made;
}
function draw(name, attributes, ...children) {
  const made = document.createElementNS(SVG, name);
  for (const [key, value] of Object.entries(attributes)) made.setAttribute(key, value);
  made.append(...children);
  return made;
}
function span(seconds) {
  const s = Math.max(0, Math.round(seconds));
  return s < 90 ? `${s} s` : s < 5400 ? `${Math.round(s / 60)} min` : s < 172800 ? `${Math.round(s / 3600)} h` : `${Math.round(s / 86400)} d`;
}
const since = at => at ? `${span((Date.now() - Date.parse(at)) / 1000)} ${t("ago")}` : "";
const size = bytes => bytes > 1e9 ? `${(bytes / 1e9).toFixed(1)} GB` : `${(bytes / 1e6).toFixed(0)} MB`;

/* Charts: a line has one point for each number, stretched over the width. */
function line(numbers, kind, top) {
  const step = 300 / Math.max(1, numbers.length - 1);
  const points = numbers.map((one, index) => `${(index * step).toFixed(1)},${(58 - 52 * one / top).toFixed(1)}`);
  if (points.length === 1) points.push(`300,${points[0].split(",")[1]}`);
  return [draw("polyline", { class: `line ${kind}`, points: points.join(" ") }), points];
}
function chart(title, series, alarms = []) {
  const top = Math.max(1, ...series.flat());
  const svg = draw("svg", { viewBox: "0 0 300 60", preserveAspectRatio: "none", role: "img", "aria-label": title });
  series.forEach((numbers, index) => {
    const [drawn, points] = line(numbers, index ? "second" : "first", top);
    if (!index) svg.append(draw("polygon", { class: "area", points: `0,60 ${points.join(" ")} 300,60` }));
    svg.append(drawn);
  });
  const step = 300 / Math.max(1, series[0].length - 1);
  alarms.forEach((one, index) => { if (one) svg.append(draw("rect", { class: "alarm", x: index * step - 1.5, y: 0, width: 3, height: 60 })); });
  return el("figure", {}, el("figcaption", {}, title), svg);
}
function bars(title, days) {
  const top = Math.max(1, ...days.map(one => Math.max(one.made, one.done + one.failed)));
  const svg = draw("svg", { viewBox: "0 0 300 60", preserveAspectRatio: "none", role: "img", "aria-label": title });
  const width = 300 / days.length;
  days.forEach((one, index) => {
    const x = index * width + 1, tall = number => 56 * number / top;
    const bar = (kind, at, number, left, part) => svg.append(draw("rect", { class: kind, x: x + left, y: 60 - tall(at + number), width: part, height: tall(number) }));
    bar("made", 0, one.made, 0, width * .4);
    bar("ok", 0, one.done, width * .45, width * .4);
    bar("no", one.done, one.failed, width * .45, width * .4);
  });
  return el("figure", {}, el("figcaption", {}, title), svg);
}

/* The parts of the page. */
function verdict(told) {
  const box = $("#verdict"), found = told.amiss || [];
  box.className = found.length ? "card bad" : "card";
  box.replaceChildren(el("b", {}, found.length ? t("amiss") : t("well")));
  if (found.length) box.append(el("ul", {}, ...found.map(one => el("li", {}, one.what === "trouble" ? one.where : `${one.count} ${t(one.what)}${one.where ? ` (${one.where})` : ""}`))));
}
function tiles(told) {
  const counts = told.jobs.counts, queue = told.queue, drift = told.drift.reduce((sum, one) => sum + one.amiss, 0);
  const one = (name, number, kind = "") => el("div", { class: `tile ${number ? kind : ""}`, id: `tile-${name}` }, el("b", {}, String(number)), el("span", { class: "quiet" }, t(`t_${name}`)));
  $("#tiles").replaceChildren(
    one("running", counts.RUNNING), one("waiting", counts.PENDING), one("done", counts.DONE), one("failed", counts.FAILED, "warn"),
    one("queue", queue.depth || 0, "warn"), one("dead", queue.dead || 0, "bad"), one("drift", drift, "bad"));
}
function progressBar(percent) {
  const inner = el("i"), bar = el("div", { class: "bar", role: "progressbar", "aria-valuenow": percent || 0 }, inner);
  inner.style.width = `${percent || 0}%`;
  return bar;
}
async function act(path, method = "POST") {
  const answer = await fetch(path, { method });
  if (answer.status === 401) askToken();
  else if (!answer.ok) alert((await answer.json()).detail);
}
async function log(id, box) {
  const open = $("pre", box);
  if (open) return open.remove();
  const answer = await fetch(`/recon/jobs/${id}/status`);
  if (answer.ok) box.append(el("pre", {}, (await answer.json()).log_tail.join("\n")));
}
function job(one, kind) {
  const button = (word, path) => el("button", { type: "button", on: () => act(path) }, t(word));
  const box = el("div", { class: "job", "data-job": one.job_id }, el("code", {}, one.job_id));
  if (kind === "running") box.append(progressBar(one.progress), el("span", {}, `${one.progress || 0} % ${one.step || ""}`), el("span", { class: "quiet" }, since(one.started_at)));
  if (kind !== "running") box.append(el("span", { class: "quiet" }, [one.image_count ? `${one.image_count} ${t("photos")}` : "", since(one.completed_at || one.created_at)].filter(Boolean).join(" · ")));
  if (kind === "done") box.append(el("a", { href: one.viewer_url || `/v/${one.pub_key}`, target: "_blank", rel: "noopener" }, t("viewer")));
  if (kind === "failed") box.append(el("span", {}, one.error_stage || ""), button("retry", `/recon/jobs/${one.job_id}/retry`));
  if (kind === "running" || kind === "waiting") box.append(button("cancel", `/recon/jobs/${one.job_id}/cancel`));
  if (kind !== "waiting") box.append(el("button", { type: "button", on: () => log(one.job_id, box) }, t("log")));
  if (kind === "failed") box.append(el("div", { class: "why" }, one.error_message || one.error || ""));
  return box;
}
function lists(told) {
  for (const kind of ["running", "waiting", "failed", "done"]) {
    const list = $(`#${kind} .list`), open = new Map([...list.querySelectorAll(".job")].filter(one => $("pre", one)).map(one => [one.dataset.job, $("pre", one)]));
    const found = told.jobs[kind];
    list.replaceChildren(...(found.length ? found.map(one => job(one, kind)) : [el("div", { class: "empty" }, t(kind === "waiting" ? "nowaiting" : "none"))]));
    further(kind, list, open, found.length, told.jobs.counts[stateOf[kind]]);
    reopen(list, open);
  }
}
function reopen(list, open) {
  for (const box of list.querySelectorAll(".job")) if (open.has(box.dataset.job) && !$("pre", box)) box.append(open.get(box.dataset.job));
}
/* What stands behind the first jobs of a list: as many as were asked for, fetched again whenever the list is. */
const stateOf = { running: "RUNNING", waiting: "PENDING", failed: "FAILED", done: "DONE" }, more = {};
async function further(kind, list, open, first, total) {
  const button = el("button", { type: "button", class: "more", on: () => { more[kind] = (more[kind] || 0) + 50; further(kind, list, open, first, total); } });
  const asked = Math.min(more[kind] || 0, 1000);
  let jobs = [];
  if (asked && total > first) {
    const answer = await fetch(`/recon/jobs?status=${stateOf[kind]}&oldest_first=${kind === "waiting"}&limit=${asked}&offset=${first}`);
    if (answer.ok) jobs = (await answer.json()).jobs;
  }
  for (const old of list.querySelectorAll(".more, .further")) old.remove();
  list.append(...jobs.map(one => { const box = job(one, kind); box.classList.add("further"); return box; }));
  const left = total - first - jobs.length;
  if (left > 0 && asked < 1000) { button.textContent = `${t("more")} (${left})`; list.append(button); }
  reopen(list, open);
}
function moved(told) {
  const drawn = [bars(t("days"), told.jobs.days)];
  const depths = (told.depths || []).map(one => one[1]);
  const oldest = told.queue.oldest_age_s ? `, ${t("oldest")} ${span(told.queue.oldest_age_s)}` : "";
  if (depths.length) drawn.push(chart(`${t("depth")}: ${told.queue.depth || 0}${oldest}`, [depths]));
  for (const one of told.drift) {
    const checks = one.checks, latest = checks[checks.length - 1];
    if (!latest) { drawn.push(el("figure", {}, el("figcaption", {}, `${one.name}: ${t("never")}`))); continue; }
    drawn.push(chart(`${one.name}: ${t("checks")} ${latest.items} / ${latest.rows}, ${t("at")} ${since(latest.at)}`, [checks.map(c => c.items), checks.map(c => c.rows)], checks.map(c => c.alarm)));
  }
  $("#moved .charts").replaceChildren(...drawn);
}
function show() {
  document.documentElement.lang = lang;
  for (const one of document.querySelectorAll("[data-t]")) one.textContent = t(one.dataset.t);
  $("#language").textContent = t("language");
  if (!last) return;
  verdict(last);
  if (!last.jobs) return;
  tiles(last); lists(last); moved(last);
  $("#foot").textContent = `${size(last.disk.free_bytes)} ${t("free")}`;
}
function state(word, kind) {
  const pill = $("#live");
  pill.textContent = t(word); pill.className = `pill ${kind}`;
}

/* Live: the browser opens the stream again by itself; what came meanwhile is in the next event, which is whole. */
function watch() {
  if (source) source.close();
  source = new EventSource("/events");
  source.onmessage = event => { last = JSON.parse(event.data); state("live", "good"); show(); };
  source.onerror = async () => {
    state("lost", "bad");
    if (source.readyState === EventSource.CLOSED) {
      const answer = await fetch("/overview").catch(() => null);
      if (answer && answer.status === 401) askToken();
      setTimeout(watch, 2000);
    }
  };
}
function askToken() { $("#login").hidden = false; $("#login input").focus(); }
$("#login").addEventListener("submit", async event => {
  event.preventDefault();
  const answer = await fetch("/session", { method: "POST", body: new URLSearchParams(new FormData(event.target)) });
  $("#login output").textContent = answer.ok ? "" : t("wrong");
  if (answer.ok) { event.target.reset(); event.target.hidden = true; watch(); readings(); }
});
$("#language").addEventListener("click", () => {
  lang = lang === "en" ? "ko" : "en";
  localStorage.setItem("recon-language", lang);
  show(); told();
});
$("#upload").addEventListener("submit", event => {
  event.preventDefault();
  const form = event.target, bar = $("progress", form), out = $("output", form), request = new XMLHttpRequest();
  request.open("POST", "/recon/jobs");
  request.upload.onprogress = at => { bar.hidden = false; bar.value = at.loaded / at.total; out.textContent = t("sending"); };
  request.onload = () => {
    bar.hidden = true;
    const answer = JSON.parse(request.responseText || "{}");
    if (request.status === 401) askToken();
    out.textContent = request.status === 200 ? `${t("sent")} ${answer.job_id}` : String(answer.detail);
    if (request.status === 200) form.reset();
  };
  request.onerror = () => { bar.hidden = true; out.textContent = t("lost"); };
  request.send(new FormData(form));
});

/* Readings: after a cut the socket opens again where it was; the server sends what came in between. */
const seen = new Set();
let socket = null, cursor = "", connected = false;
const SHOWN = 50;
function told() { $("#readingsLive").textContent = t(connected ? "readingsLive" : "readingsLost"); }
const MOMENT = /^\d{4}-\d\d-\d\dT\d\d:\d\d/;
function shown(value) {
  if (typeof value !== "string" || !MOMENT.test(value)) return String(value);
  return new Date(value).toLocaleString(lang, { dateStyle: "short", timeStyle: "medium" });
}
function cell(value) { return value === null || value === undefined ? el("td") : el("td", { title: String(value) }, shown(value)); }
function row(one, columns) { return el("tr", { "data-id": one.id || "" }, ...columns.map(name => cell(one[name]))); }
function head(columns) { $("#readings thead").replaceChildren(el("tr", {}, ...columns.map(name => el("th", {}, name)))); }
function columnsOf(one) { return Object.keys(one).filter(name => name !== "id"); }
function arrived(one, fresh) {
  const id = one.id || JSON.stringify(one);
  if (seen.has(id)) return;
  seen.add(id);
  const body = $("#readings tbody"), columns = columnsOf(one), made = row(one, columns);
  if (!$("#readings thead tr")) head(columns);
  if (fresh) made.className = "new";
  body.prepend(made);
  while (body.rows.length > SHOWN) body.lastChild.remove();
}
function follow() {
  const scheme = location.protocol === "https:" ? "wss" : "ws", table = $("#search select").value;
  socket = new WebSocket(`${scheme}://${location.host}/ws/logs?table=${encodeURIComponent(table)}&after=${encodeURIComponent(cursor)}`);
  socket.onopen = () => { connected = true; told(); };
  socket.onmessage = event => {
    const message = JSON.parse(event.data);
    if (message.cursor) cursor = message.cursor;
    if (message.type === "initial_data") message.logs.forEach(one => arrived(one, seen.size > 0));
    if (message.type === "new_log") arrived(message.log, true);
  };
  socket.onclose = () => { connected = false; told(); setTimeout(follow, 1000); };
}
async function readings() {
  const answer = await fetch("/records").catch(() => null);
  if (!answer || !answer.ok) return;
  const tables = (await answer.json()).tables;
  if (!tables.length || socket) return;
  const choice = $("#search select");
  choice.replaceChildren(...tables.map(one => el("option", {}, one.name)));
  choice.hidden = tables.length < 2;
  $("#readings").hidden = false;
  choice.onchange = () => { seen.clear(); cursor = ""; $("#readings tbody").replaceChildren(); $("#readings thead").replaceChildren(); socket.close(); };
  follow();
}
$("#search").addEventListener("submit", async event => {
  event.preventDefault();
  const form = event.target, words = new URLSearchParams({ text: form.text.value, limit: String(SHOWN), desc: "true" });
  const answer = await fetch(`/records/${encodeURIComponent(form.table.value)}?${words}`);
  const body = await answer.json();
  if (!answer.ok) { $("#readingsLive").textContent = String(body.detail); return; }
  const found = body.records;
  if (found.length) head(columnsOf(found[0]));
  $("#readings tbody").replaceChildren(...found.map(one => row(one, columnsOf(one))));
  $("#readingsLive").textContent = `${found.length} ${t("found")}`;
});
show(); told(); watch(); readings();
