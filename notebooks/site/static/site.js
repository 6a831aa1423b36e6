// Whoever has no mouse can scroll what is wider than the page: it takes the focus.
for (const wide of document.querySelectorAll("pre, .cell_output, .table-wrapper")) {
  if (wide.scrollWidth > wide.clientWidth) wide.tabIndex = 0;
}
