"use strict";
(() => {
  const order = document.getElementById("order");
  const set = document.getElementById("set");
  const lists = ["rows", "cards"].map((id) => {
    const parent = document.getElementById(id);
    return { parent, items: [...parent.children] };
  });

  const isText = (by) => ["name", "set", "model"].includes(by);

  const compare = (by) => {
    if (isText(by)) {
      return (a, b) => a.dataset[by].localeCompare(b.dataset[by], undefined, { numeric: true });
    }
    return (a, b) => Number(a.dataset[by]) - Number(b.dataset[by]) || 0;
  };

  // What has no number stays last whichever way the others go.
  const isKnown = (by) => (item) => isText(by) || !Number.isNaN(Number(item.dataset[by]));

  const sorted = (items, by, direction) => {
    if (!by) return items;
    const known = items.filter(isKnown(by)).sort(compare(by));
    if (direction === "down") known.reverse();
    return [...known, ...items.filter((item) => !isKnown(by)(item))];
  };

  const show = () => {
    const [by, direction] = order.value.split(" ");
    for (const { parent, items } of lists) {
      for (const item of items) item.hidden = set.value !== "" && item.dataset.set !== set.value;
      parent.append(...sorted(items, by, direction));
    }
    for (const head of document.querySelectorAll("th[data-by]")) {
      if (head.dataset.by === by) head.setAttribute("aria-sort", direction === "up" ? "ascending" : "descending");
      else head.removeAttribute("aria-sort");
    }
  };

  for (const head of document.querySelectorAll("th[data-by]")) {
    head.querySelector("button").addEventListener("click", () => {
      const by = head.dataset.by;
      order.value = order.value === `${by} up` ? `${by} down` : `${by} up`;
      show();
    });
  }
  order.addEventListener("change", show);
  set.addEventListener("change", show);
})();
