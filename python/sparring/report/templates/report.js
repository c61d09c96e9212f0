// Tables that can be sorted by any column; without this script they stay in their own order.
(() => {
  const cellAt = (row, column) => {
    let at = 0;
    for (const cell of row.cells) {
      // What spans several columns is an error's text, not a value of any of them.
      if (column < at + cell.colSpan) return cell.colSpan === 1 ? cell : null;
      at += cell.colSpan;
    }
    return null;
  };
  // A figure by its exact value, anything else by its text; nothing is null.
  const valueOf = (row, column) => {
    const cell = cellAt(row, column);
    if (!cell) return null;
    const figure = cell.querySelector('data');
    if (figure) return JSON.parse(figure.value);
    const text = cell.textContent.trim();
    return text === '' || text === '\u2013' ? null : text;
  };
  const compare = (a, b) =>
    typeof a === 'number' && typeof b === 'number' ? a - b
      : String(a).localeCompare(String(b), 'en', { numeric: true });
  const sort = (table, column, sign) => {
    const body = table.tBodies[0];
    const rows = [...body.rows].map(row => [valueOf(row, column), row]);
    rows.sort(([a], [b]) => a === null || b === null ? (a === null) - (b === null) : sign * compare(a, b));
    body.append(...rows.map(([, row]) => row));
  };
  for (const table of document.querySelectorAll('table')) {
    if (!table.tHead || table.matches('.fixed, .unsorted') || table.tBodies[0].rows.length < 2) continue;
    table.classList.add('sortable');
    const heads = [...table.tHead.rows[0].cells];
    heads.forEach((head, column) => {
      const button = document.createElement('button');
      button.type = 'button';
      button.append(...head.childNodes);
      head.append(button);
      button.addEventListener('click', () => {
        const down = head.getAttribute('aria-sort') === 'ascending';
        heads.forEach(other => other.removeAttribute('aria-sort'));
        head.setAttribute('aria-sort', down ? 'descending' : 'ascending');
        sort(table, column, down ? -1 : 1);
      });
    });
  }
})();
