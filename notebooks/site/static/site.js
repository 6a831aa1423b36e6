// For those who have no mouse or hear a page: what the theme leaves out.

// What is wider than the page can take the focus, and be scrolled by keys.
for (const wide of document.querySelectorAll("pre, .cell_output, .table-wrapper, .shown")) {
  if (wide.scrollWidth > wide.clientWidth) wide.tabIndex = 0;
}
for (const caption of document.querySelectorAll(".sidebar-tree .caption")) {
  caption.setAttribute("aria-level", "2");
}
for (const summary of document.querySelectorAll("details.hide > summary")) {
  summary.removeAttribute("aria-label"); // its own words say more
}
document.querySelector(".sidebar-drawer")?.setAttribute("aria-label", "All pages");
document.querySelector(".toc-drawer")?.setAttribute("aria-label", "On this page");
if (!document.querySelector("h1")) {
  const title = Object.assign(document.createElement("h1"), { textContent: "Search" });
  document.querySelector("#search-results")?.before(title);
}
