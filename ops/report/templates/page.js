"use strict";
// Without this script the page shows every picture; with it, one page of those that the filters keep.
(() => {
  const PAGE = 60;
  const list = document.getElementById("cards");
  if (!list) return;
  const at = (id) => document.getElementById(id);
  const cards = [...list.children].map((element, place) => ({
    element,
    place,
    number: Number(element.dataset.number),
    name: element.dataset.name,
    lower: element.dataset.name.toLowerCase(),
    label: element.dataset.label,
    score: "score" in element.dataset ? Number(element.dataset.score) : NaN,
    failed: element.classList.contains("failed"),
  }));
  const byScore = (sign) => (a, b) =>
    a.failed - b.failed || sign * (a.score - b.score) || a.number - b.number;
  const ORDERS = {
    failed: (a, b) => a.place - b.place,
    listing: (a, b) => a.number - b.number,
    name: (a, b) => (a.name < b.name ? -1 : a.name > b.name ? 1 : a.number - b.number),
    lowest: byScore(1),
    highest: byScore(-1),
  };
  const filters = at("filters");
  let found = cards;
  let page = 0;

  const show = () => {
    const pages = Math.max(1, Math.ceil(found.length / PAGE));
    page = Math.min(Math.max(page, 0), pages - 1);
    list.replaceChildren(...found.slice(page * PAGE, (page + 1) * PAGE).map((card) => card.element));
    at("status").textContent = `${found.length} of ${cards.length} pictures`;
    at("page").textContent = `page ${page + 1} of ${pages}`;
    at("pages").hidden = pages === 1;
    at("previous").disabled = page === 0;
    at("next").disabled = page === pages - 1;
  };
  const number = (id) => (at(id).value === "" ? NaN : Number(at(id).value));
  const apply = () => {
    const name = at("name").value.toLowerCase();
    const label = at("class").value;
    const [from, to] = [number("from"), number("to")];
    const onlyFailed = at("failed")?.checked;
    found = cards
      .filter(
        (card) =>
          card.lower.includes(name) &&
          (label === "" || (!card.failed && card.label === label)) &&
          (Number.isNaN(from) || card.score >= from) &&
          (Number.isNaN(to) || card.score <= to) &&
          (!onlyFailed || card.failed),
      )
      .sort(ORDERS[at("order").value]);
    page = 0;
    show();
  };
  const turn = (pages) => {
    page += pages;
    show();
    list.firstElementChild?.focus();
  };
  const move = (steps) => {
    const shown = [...list.children];
    const now = shown.indexOf(document.activeElement?.closest(".card"));
    const next = now < 0 ? 0 : Math.min(Math.max(now + steps, 0), shown.length - 1);
    shown[next]?.focus();
  };
  const more = () => {
    const details = document.activeElement?.closest(".card")?.querySelector("details");
    if (details) details.open = !details.open;
  };
  const KEYS = {
    "/": () => at("name").focus(),
    c: () => at("class").focus(),
    o: () => at("order").focus(),
    f: () => at("failed")?.click(),
    n: () => turn(1),
    p: () => turn(-1),
    ArrowRight: () => move(1),
    ArrowDown: () => move(1),
    ArrowLeft: () => move(-1),
    ArrowUp: () => move(-1),
    Enter: more,
    Escape: () => filters.reset(),
  };
  document.addEventListener("keydown", (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey) return;
    const typing = event.target.matches("input:not([type=checkbox]), select");
    if (event.key === "Escape") event.target.blur();
    else if (typing || event.target.matches("button, summary")) return;
    const action = KEYS[event.key];
    if (!action) return;
    event.preventDefault();
    action();
  });
  filters.addEventListener("input", apply);
  filters.addEventListener("submit", (event) => event.preventDefault());
  filters.addEventListener("reset", () => setTimeout(apply)); // after the browser has reset them
  at("previous").addEventListener("click", () => turn(-1));
  at("next").addEventListener("click", () => turn(1));
  filters.hidden = at("keys").hidden = false;
  apply();
})();
