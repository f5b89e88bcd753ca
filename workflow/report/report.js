// Without this script the page reads the same; it lets tables be sorted, figures be enlarged, and says where the reader is.

const sortBy = (table, head, column) => {
  const body = table.tBodies[0];
  const up = head.getAttribute("aria-sort") !== "ascending";
  const value = row => row.cells[column].dataset.value ?? row.cells[column].textContent.trim();
  const compare = (a, b) => {
    const [x, y] = [value(a), value(b)], [p, q] = [Number(x), Number(y)];
    if (x === "nan" || y === "nan") return (x === "nan") - (y === "nan"); // what has no number comes last, both ways
    const order = Number.isNaN(p) || Number.isNaN(q) ? x.localeCompare(y) : p - q;
    return up ? order : -order;
  };
  for (const other of table.tHead.rows[0].cells) other.removeAttribute("aria-sort");
  head.setAttribute("aria-sort", up ? "ascending" : "descending");
  body.append(...[...body.rows].sort(compare));
};

const button = (label, press) => {
  const made = document.createElement("button");
  made.type = "button";
  made.append(...[label].flat());
  made.addEventListener("click", press);
  return made;
};

for (const table of document.querySelectorAll("table.sortable")) {
  [...table.tHead.rows[0].cells].forEach((head, column) => {
    head.append(button([...head.childNodes], () => sortBy(table, head, column)));
  });
}

const figures = [...document.querySelectorAll("figure")];
const enlarged = document.createElement("dialog");
const shown = { place: 0, picture: document.createElement("img"), title: document.createElement("p") };
const show = place => {
  shown.place = (place + figures.length) % figures.length;
  const figure = figures[shown.place], picture = figure.querySelector("img");
  [shown.picture.src, shown.picture.alt] = [picture.src, picture.alt];
  shown.title.textContent = figure.querySelector("h3").textContent;
  enlarged.setAttribute("aria-label", shown.title.textContent);
};
const controls = document.createElement("div");
controls.className = "controls";
controls.append(
  shown.title,
  button("← Previous", () => show(shown.place - 1)),
  button("Next →", () => show(shown.place + 1)),
  button("Close", () => enlarged.close()),
);
const pane = document.createElement("div");
pane.className = "pane";
pane.tabIndex = 0;
pane.append(shown.picture);
enlarged.append(controls, pane);
enlarged.addEventListener("keydown", event => {
  const step = { ArrowLeft: -1, ArrowRight: 1 }[event.key];
  if (step && event.target !== pane) show(shown.place + step);
});
enlarged.addEventListener("close", () => {
  figures[shown.place].scrollIntoView({ block: "nearest" });
  figures[shown.place].querySelector("button").focus({ preventScroll: true });
});
document.body.append(enlarged);

figures.forEach((figure, place) => {
  const picture = figure.querySelector(".picture"), image = picture.firstElementChild;
  const opener = button(image, () => { show(place); enlarged.showModal(); });
  opener.title = "Enlarge";
  picture.append(opener);
});

const links = [...document.querySelectorAll("nav a")].map(link => [link, document.querySelector(link.hash)]);
const mark = () => {
  const passed = links.filter(([, target]) => target.getBoundingClientRect().top < innerHeight / 3);
  const current = passed.reduce((best, next) => (!best || next[1].getBoundingClientRect().top >= best[1].getBoundingClientRect().top ? next : best), null);
  for (const [link] of links) link.removeAttribute("aria-current");
  current?.[0].setAttribute("aria-current", "location");
};
document.addEventListener("scroll", mark, { passive: true });
mark();
