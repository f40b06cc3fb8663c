"use strict";
// The page is whole without this: it adds the filters, and opens the clause a link names.
(() => {
  const form = document.getElementById("filters");
  const clauses = [...document.querySelectorAll(".clause")];
  const groups = [...document.querySelectorAll(".group")];
  const texts = new Map(clauses.map((clause) => [clause, clause.textContent.toLowerCase()]));
  const shown = () => clauses.filter((clause) => !clause.hidden);
  const checked = (name) =>
    new Set([...form.elements[name]].filter((box) => box.checked).map((box) => box.value));

  const filter = () => {
    const outcomes = checked("outcome");
    const levels = checked("level");
    const words = form.elements.search.value.toLowerCase().split(/\s+/).filter(Boolean);
    for (const clause of clauses) {
      const matches =
        clause.dataset.outcomes.split(",").some((outcome) => outcomes.has(outcome)) &&
        levels.has(clause.dataset.level) &&
        words.every((word) => texts.get(clause).includes(word));
      clause.hidden = !matches;
    }
    for (const group of groups) group.hidden = !group.querySelector(".clause:not([hidden])");
    const said = `${shown().length} of ${clauses.length} clauses shown`;
    document.getElementById("shown").textContent = said;
  };

  const open = () => {
    const clause = document.getElementById(decodeURIComponent(location.hash.slice(1)));
    if (!clause || !clauses.includes(clause)) return;
    clause.hidden = false;
    clause.closest(".group").hidden = false;
    clause.querySelector("details").open = true;
    clause.scrollIntoView();
  };

  const toggle = document.getElementById("toggle");
  toggle.addEventListener("click", () => {
    const opening = shown().some((clause) => !clause.querySelector("details").open);
    for (const clause of shown()) clause.querySelector("details").open = opening;
    toggle.textContent = opening ? "Close all shown" : "Open all shown";
  });
  form.addEventListener("input", filter);
  form.addEventListener("submit", (event) => event.preventDefault());
  window.addEventListener("hashchange", open);
  form.hidden = false;
  filter();
  open();
})();
