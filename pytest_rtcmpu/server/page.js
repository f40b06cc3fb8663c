"use strict";
// Follow the calls: add what is new, and leave what somebody may be reading as it is.
const state = document.getElementById("state");
let known = null;

async function follow() {
  if (!document.hidden) {
    try {
      const answer = await fetch("status");
      const now = await answer.text();
      if (now.replace(/"now".*/, "") !== known) {
        const fresh = await fetch("./");
        const text = await fresh.text();
        show(new DOMParser().parseFromString(text, "text/html"));
        known = now.replace(/"now".*/, "");
      }
      state.textContent = "";
    } catch {
      state.textContent = "The server does not answer.";
    }
  }
  setTimeout(follow, 1000);
}

function show(page) {
  const list = document.getElementById("calls");
  const found = page.getElementById("calls");
  const there = new Map([...list.children].map((call) => [call.id, call]));
  const wanted = new Set([...found.children].map((call) => call.id));
  for (const [id, call] of there) {
    // What is open stays, though newer calls have pushed it off the page; a reset takes it away.
    const pushed = wanted.size && page.getElementById("more") && call.querySelector("details[open]");
    if (!wanted.has(id) && !pushed) call.remove();
  }
  let next = list.firstElementChild;
  for (const call of [...found.children]) {
    if (next && next.id === call.id) next = next.nextElementSibling;
    else if (!there.has(call.id)) list.insertBefore(document.adoptNode(call), next);
  }
  for (const id of ["facts", "none", "more"]) {
    const old = document.getElementById(id), fresh = page.getElementById(id);
    if (old && fresh) old.replaceWith(document.adoptNode(fresh));
    else if (old) old.remove();
    else if (fresh) list.after(document.adoptNode(fresh));
  }
}

if (document.body.dataset.latest) follow();
