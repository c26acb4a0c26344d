(function () {
'use strict';
const $ = id => document.getElementById(id);
const all = (selector, within) => [...(within || document).querySelectorAll(selector)];
const data = JSON.parse($('data').textContent);
const titles = {};
document.documentElement.classList.add('js');

/* The state of the page is the fragment of its URL: #differs=a&part=b&cell=c@d */

const FLAGS = ['findings', 'ignored'];
const KEYS = ['q', 'differs', 'pair', 'odd', 'part', 'client', ...FLAGS, 'cell', 'claim'];
const OPENING = ['cell', 'claim'];
let state = {};

function read() {
  const parameters = new URLSearchParams(location.hash.slice(1));
  const valid = {};
  for (const key of KEYS) {
    const value = FLAGS.includes(key) ? '1' : parameters.get(key);
    if (parameters.has(key) && value && known(key, value)) valid[key] = value;
  }
  return valid;
}

/* False for a provider that is not on the page. */
function known(key, value) {
  const columns = {differs: [value], odd: [value], pair: value.split(',')}[key];
  return !columns || columns.every(each => data.columns.includes(each));
}

function fragment(wanted) {
  const plain = text => encodeURIComponent(text).replace(/%(2F|40|2C|3A)/g, decodeURIComponent);
  return KEYS.filter(key => wanted[key]).map(key => FLAGS.includes(key) ? key : key + '=' + plain(wanted[key])).join('&');
}

function go(changes, how) {
  const wanted = {...state, ...changes};
  const hash = fragment(wanted);
  if (hash === fragment(state)) return;
  const url = location.pathname + location.search + (hash ? '#' + hash : '');
  const opened = how === 'replaceState' ? Boolean(history.state && history.state.opened) : Boolean(changes.cell || changes.claim);
  history[how || 'pushState']({opened}, '', url);
  show();
}

/* A fragment without = is the id of an element: the filters stay as they are. */
function navigate() {
  const hash = location.hash.slice(1);
  if (hash && !KEYS.some(key => hash.split('&').some(each => each === key || each.startsWith(key + '=')))) {
    let target = null;
    try { target = $(decodeURIComponent(hash)); } catch (error) { /* invalid escape */ }
    state = without(state);
    close();
    if (target && target.tagName === 'DETAILS') { target.hidden = false; target.open = true; target.scrollIntoView(); }
    return;
  }
  show();
}

const without = wanted => ({...wanted, cell: '', claim: ''});
const opening = wanted => OPENING.find(key => wanted[key]);

/* Filters */

const tables = all('table.grid').map(table => ({
  table,
  columns: all('thead th[data-column]', table).map(each => each.dataset.column),
  rows: all('tr.r', table).map(element => ({
    element,
    part: element.dataset.p,
    clients: element.dataset.c.split(' '),
    agreement: element.dataset.a,
    split: 's' in element.dataset,
    ignored: 'i' in element.dataset,
    found: 'f' in element.dataset,
    text: (element.dataset.p + ' ' + element.textContent).toLowerCase(),
    cells: all('td', element),
  })),
}));
all('thead th[data-column]').forEach(each => { titles[each.dataset.column] = each.firstChild.textContent.trim(); });
const details = all('details.group').map(element => ({element, open: element.open}));
const findings = all('details.finding').map(element => ({element, text: element.textContent.toLowerCase()}));
const contradictions = all('.contradictions article').map(element => ({element, text: element.textContent.toLowerCase()}));
const parts = all('tr.part');
const hiding = document.head.appendChild(document.createElement('style'));

const pairOf = () => (state.pair || '').split(',').filter(Boolean);
const inPart = part => !state.part || part === state.part || part.startsWith(state.part + '/');
const words = () => (state.q || '').toLowerCase().split(/\s+/).filter(Boolean);

function passes(row, columns) {
  const letter = id => row.agreement[columns.indexOf(id)];
  const pair = pairOf();
  const compared = pair.length ? pair : columns;
  if (state.differs && !compared.some(id => letter(id) !== letter(state.differs))) return false;
  if (pair.length === 2 && letter(pair[0]) === letter(pair[1])) return false;
  if (state.odd && !isOutlier(row, columns.indexOf(state.odd))) return false;
  if (!inPart(row.part)) return false;
  if (state.client && !row.clients.includes(state.client)) return false;
  if (state.findings && !row.found) return false;
  if (state.ignored && !row.ignored) return false;
  return words().every(word => row.text.includes(word));
}

/* True if a provider differs from the majority or has findings. */
function isOutlier(row, at) {
  if (at < 0) return false;
  if (row.cells[at].querySelector('.B, .D')) return true;
  return !state.findings && !row.split && row.agreement[at] !== 'a';
}

function passesFinding(each) {
  const of = each.element.dataset, pair = pairOf();
  return (!pair.length || pair.includes(of.provider)) && (!state.odd || of.provider === state.odd)
    && inPart(of.p) && (!state.ignored || 'i' in of) && words().every(word => each.text.includes(word));
}

function filter() {
  const active = fragment(without(state)) !== '';
  const counts = {};
  for (const {table, columns, rows} of tables) {
    const kind = table.classList.contains('features') ? 'feature' : 'claim';
    const reference = state.differs || pairOf()[0];
    for (const row of rows) {
      const hit = passes(row, columns);
      row.element.hidden = !hit;
      if (hit) counts[kind] = (counts[kind] || 0) + 1;
      if (kind === 'feature') updateLetters(row, columns.indexOf(reference));
    }
  }
  for (const each of parts) {
    let next = each.nextElementSibling;
    while (next && next.hidden) next = next.nextElementSibling;
    each.hidden = !next;
  }
  for (const each of findings) {
    each.element.hidden = !passesFinding(each);
    if (!each.element.hidden) counts.finding = (counts.finding || 0) + 1;
  }
  for (const each of contradictions) each.element.hidden = Boolean(state.findings || state.ignored) || !passesFinding(each);
  if ($('contradictions')) $('contradictions').hidden = contradictions.every(each => each.element.hidden);
  for (const {element, open} of details) {
    const visible = all('tr.r', element).some(row => !row.hidden);
    element.hidden = !visible;
    element.open = active ? visible : open;
  }
  for (const each of all('.features.grid')) each.parentNode.hidden = !all('tr.r', each).some(row => !row.hidden);
  for (const [id, kind] of [['differences', 'feature'], ['findings', 'finding'], ['claims', 'claim']]) {
    const note = $(id) && $(id).querySelector('.none-left');
    if (note) note.hidden = !active || Boolean(counts[kind]);
  }
  hide(pairOf());
  for (const {table} of tables) roving(table);
  const shown = ['feature', 'claim', 'finding'].filter(kind => counts[kind] || (kind !== 'finding' && $(kind === 'claim' ? 'claims' : 'differences')))
    .map(kind => (counts[kind] || 0) + ' ' + kind + (counts[kind] === 1 ? '' : 's'));
  if ($('shown')) $('shown').textContent = active ? shown.join(', ') : '';
  if ($('reset')) $('reset').disabled = !active;
}

/* Letters relative to one provider: its value has the letter a. */
function updateLetters(row, reference) {
  const first = row.agreement[reference] || 'a';
  row.cells.forEach((cell, at) => {
    let letter = row.agreement[at];
    if (letter === first) letter = 'a'; else if (letter === 'a') letter = first;
    cell.className = cell.className.replace(/\bl-\w/, 'l-' + letter);
    const shown = cell.querySelector('.lt');
    if (shown) shown.textContent = letter;
  });
}

function hide(pair) {
  const rules = [];
  if (pair.length) all('table').forEach(table => {
    const headers = all('thead th[data-column]', table);
    headers.forEach((head, at) => { if (!pair.includes(head.dataset.column)) rules.push(at + 2); });
  });
  hiding.textContent = [...new Set(rules)].map(at => 'table:has(th[data-column]) tr>:nth-child(' + at + '){display:none}').join('');
}

/* The filter panel */

const controls = all('[data-key]');
function fill() {
  for (const control of controls) {
    const key = control.dataset.key;
    let value = state[key] || '';
    if (key === 'pair') value = value.split(',')[control.dataset.at] || '';
    if (control.type === 'checkbox') control.checked = Boolean(value);
    else if (control.value !== value) control.value = value;
    control.classList.toggle('set', Boolean(value));
  }
}
for (const control of controls) control.addEventListener('input', () => {
  const key = control.dataset.key;
  let value = control.type === 'checkbox' ? (control.checked ? '1' : '') : control.value;
  if (key === 'pair') {
    const chosen = controls.filter(each => each.dataset.key === 'pair').map(each => each.value);
    value = chosen[0] || chosen[1] ? chosen.join(',').replace(/,$/, '') : '';
  }
  const typing = key === 'q' && state.q && value;
  go({...OPENING.reduce((none, each) => ({...none, [each]: ''}), {}), [key]: value}, typing ? 'replaceState' : 'pushState');
});
$('reset')?.addEventListener('click', () => go(Object.fromEntries(KEYS.map(key => [key, '']))));
$('link')?.addEventListener('click', () => copy(location.href, $('link')));

/* The dialog of a cell */

const dialog = $('opened'), body = dialog.querySelector('.body');
function make(tag, attributes, ...content) {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes || {})) if (value !== null) element.setAttribute(name, value);
  element.append(...content.flat(Infinity).filter(each => each !== null && each !== undefined && each !== ''));
  return element;
}
const BASES = {documented: 'documented by the provider', reference: 'only in the reference', assumed: 'assumed, not documented'};
const own = (table, name) => table && Object.hasOwn(table, name) ? table[name] : undefined;

/* Names between backticks are code. */
const coded = text => text.split('`').map((each, at) => at % 2 ? make('code', {}, each) : each);
function cited(number, basis) {
  const [title, url, date, place] = data.sources[number] || ['', '', '', ''];
  return make('p', {class: 'mute'},
    url ? make('a', {href: url, rel: 'noopener noreferrer'}, title) : title,
    date && ', ' + date, place && ' (' + place + ')', basis && ', ' + (BASES[basis] || basis));
}
const quoted = text => /^[\w@%+=:,./-]+$/.test(text) ? text : "'" + text.replace(/'/g, "'\\''") + "'";
function code(heading, text) {
  return make('div', {class: 'code'},
    make('div', {class: 'top'}, make('h3', {}, heading), make('button', {type: 'button', class: 'copy', 'aria-label': 'Copy: ' + heading}, 'Copy')),
    make('pre', {tabindex: '0', 'aria-label': heading}, text));
}
function cloned(anchors) {
  return anchors.map(anchor => $(anchor)).filter(Boolean).map(from => {
    const inside = from.querySelector('.inside').cloneNode(true);
    return make('section', {class: 'found' + (from.classList.contains('failed') ? ' failed' : '')},
      make('p', {}, from.querySelector('.badge').cloneNode(true), ' ', from.querySelector('.what').textContent), inside);
  });
}
function comparison(kind, id, provider, rows) {
  return [make('h3', {}, 'Compared with other providers'), make('ul', {class: 'beside'}, rows.map(([column, content, isLink, letter]) =>
    make('li', {class: letter ? 'l-' + letter : null}, isLink
      ? make('a', {href: '#' + kind + '=' + id + '@' + column, 'data-jump': kind, 'data-to': id + '@' + column, 'aria-current': column === provider ? 'true' : null}, make('span', {}, titles[column] || column), make('div', {}, content))
      : make('span', {class: 'row'}, make('span', {}, titles[column] || column), make('div', {class: 'mute'}, content)))))];
}
const chip = (tone, letter, word) => make('span', {class: 'chip ' + tone}, make('b', {}, letter), ' ' + word);
const cases = count => count + (count === 1 ? ' case' : ' cases');
const mark = letter => chip(data.marks[letter][1], letter, data.marks[letter][0]);
function verdict(measured) {
  const [letter, tone, label] = data.verdicts[measured.verdict || measured.standing];
  return chip(tone, letter, label);
}

function claimsOf(id, provider) {
  const at = data.claim_columns.indexOf(provider);
  const under = Object.keys(data.claims).filter(each => each.startsWith(id + '/') && data.claims[each][at]);
  if (!under.length) return [];
  return [make('h3', {}, under.length === 1 ? '1 claim' : under.length + ' claims'), make('ul', {class: 'listed'}, under.map(each => {
    const [letter, sentence] = data.claims[each][at];
    return make('li', {}, make('a', {class: 'cell ' + data.marks[letter][1], href: '#claim=' + each + '@' + provider, 'data-jump': 'claim', 'data-to': each + '@' + provider, 'aria-label': data.marks[letter][0] + ': ' + data.texts[sentence]}, letter), make('span', {}, data.texts[sentence]));
  }))];
}

function feature(id, provider) {
  const cells = own(data.features, id), cell = own(cells, provider);
  if (!cell) return null;
  const row = tables.flatMap(each => each.rows).find(each => each.element.dataset.kind === 'cell' && each.element.dataset.id === id);
  const odd = cell.odd || [];
  const facts = (cell.facts || []).map(([name, value, basis]) => [make('dt', {}, name), make('dd', {},
    value, odd.includes(name) ? make('span', {class: 'chip D'}, '≠ the majority') : '', basis && basis !== 'documented' ? make('small', {class: 'mute'}, ' ' + basis) : '')]);
  const measurements = Object.entries(cell.measured || {});
  const anchors = measurements.map(([, measured]) => measured.fingerprint).filter(Boolean)
    .flatMap(print => findings.filter(each => each.element.dataset.print === print && each.element.dataset.provider === provider).map(each => each.element.id));
  const command = own(data.commands, provider), claims = claimsOf(id, provider);
  return {
    title: row.element.querySelector('th').firstChild.textContent.trim(),
    sub: (titles[provider] || provider) + ' · ' + row.part.split('/')[0],
    content: [
      make('section', {}, make('h3', {}, 'Documented'),
        make('p', {class: 'big'}, coded(cell.value)),
        cell.wire ? make('p', {}, 'Name at this provider: ', make('code', {}, cell.wire)) : '',
        cell.source !== undefined ? cited(cell.source, cell.basis) : make('p', {class: 'mute'}, cell.value === '–' ? 'Not documented.' : 'No source.'),
        cell.note ? make('p', {}, cell.note) : '',
        facts.length ? make('dl', {}, facts) : ''),
      measurements.length ? make('section', {}, make('h3', {}, 'Measured'), measurements.map(([label, measured]) =>
        make('p', {}, measurements.length > 1 ? label + ': ' : '', verdict(measured), ' ', make('span', {class: 'mute'},
          [measured.value && 'measured value: ' + measured.value, measured.asked && cases(measured.asked)].filter(Boolean).join(', ')),
        measured.note ? ' ' + measured.note : ''))) : '',
      cloned(anchors),
      make('section', {}, comparison('cell', id, provider, data.columns.map((column, at) => {
        const other = cells[column];
        return [column, [other ? make('span', {class: 'lt'}, row.agreement[at]) : '', other ? coded(other.value) : 'not documented',
          ...Object.values((other && other.measured) || {}).map(measured => [' ', verdict(measured)])], Boolean(other), row.agreement[at]];
      }))),
      claims.length ? make('section', {}, claims) : '',
      command && claims.length ? code('Run these tests', command + ' --only ' + quoted(id)) : '',
    ],
  };
}

function claim(id, provider) {
  const cells = own(data.claims, id), cell = own(cells, data.claim_columns.indexOf(provider));
  if (!cell) return null;
  const [letter, sentence, source, basis, mock, count, isSelectable, anchors] = cell;
  return {
    title: data.texts[sentence],
    sub: (titles[provider] || provider) + ' · ' + id,
    content: [
      make('section', {}, make('h3', {}, 'Documented'), cited(source, basis)),
      make('section', {}, make('h3', {}, 'Measured'), make('p', {}, mark(letter), ' ',
        make('span', {class: 'mute'}, [count && 'in ' + cases(count), mock && 'the mock: ' + mock].filter(Boolean).join('; ')))),
      cloned(anchors),
      make('section', {}, comparison('claim', id, provider, data.claim_columns.map((column, each) => {
        const other = cells[each];
        return [column, other ? [mark(other[0]), ' ' + data.texts[other[1]]] : 'not documented', Boolean(other)];
      }))),
      isSelectable && data.commands[provider] ? code('Run these tests', data.commands[provider] + ' --only ' + quoted(id)) : '',
    ],
  };
}

function open() {
  const key = opening(state);
  if (!key) { close(); return; }
  const at = state[key].lastIndexOf('@');
  const found = {cell: feature, claim}[key](state[key].slice(0, at), state[key].slice(at + 1));
  if (!found) { close(); announce('This page has no such ' + (key === 'cell' ? 'feature' : 'claim') + '.'); return; }
  $('opened-title').replaceChildren(found.title, make('small', {}, found.sub));
  body.replaceChildren(...found.content.flat().filter(Boolean));
  body.scrollTop = 0;
  if (!dialog.open) dialog.showModal();
  $('opened-title').focus({preventScroll: true});
}
function close() { if (dialog.open) dialog.close(); }
dialog.addEventListener('close', () => {
  if (!opening(read())) return;
  if (history.state && history.state.opened) history.back();
  else go({cell: '', claim: ''}, 'replaceState');
});
dialog.addEventListener('click', event => { if (event.target === dialog) close(); });
$('opened-close').addEventListener('click', close);
$('opened-link').addEventListener('click', () => copy(location.href, $('opened-link')));

document.addEventListener('click', event => {
  if (event.button || event.metaKey || event.ctrlKey || event.shiftKey || event.altKey) return;
  const link = event.target.closest && event.target.closest('a');
  if (!link) return;
  if (link.dataset.jump) {
    event.preventDefault();
    go({cell: '', claim: '', [link.dataset.jump]: link.dataset.to}, 'replaceState');
  } else if (link.classList.contains('open')) {
    event.preventDefault();
    const cell = link.closest('td'), row = cell.parentNode, table = tables.find(each => each.table.contains(row));
    place(table.table, link);
    go({cell: '', claim: '', [row.dataset.kind]: row.dataset.id + '@' + table.columns[cell.cellIndex - 1]});
  } else if (link.classList.contains('hot') || (link.hash && link.hash.startsWith('#odd='))) {
    event.preventDefault();
    const parameters = new URLSearchParams(link.hash.slice(1));
    go({...Object.fromEntries(KEYS.map(key => [key, ''])), ...Object.fromEntries([...parameters].map(([key, value]) => [key, FLAGS.includes(key) ? '1' : value]))});
    $(parameters.has('findings') ? 'findings' : 'differences').scrollIntoView();
  }
});

/* Arrow keys move within a table; the tab key has one stop per table. */

const cells = table => all('a.open', table).filter(each => each.offsetParent);
function roving(table) {
  const links = all('a.open', table);
  const now = links.find(each => each.tabIndex === 0);
  if (!now || !now.offsetParent) place(table, links.find(each => each.offsetParent) || links[0]);
}
function place(table, link) {
  all('a.open[tabindex="0"]', table).forEach(each => { each.tabIndex = -1; });
  if (link) link.tabIndex = 0;
}
for (const {table} of tables) {
  table.setAttribute('role', 'grid');
  all('a.open', table).forEach(each => { each.tabIndex = -1; each.setAttribute('aria-haspopup', 'dialog'); });
  table.addEventListener('keydown', event => {
    const link = event.target.closest('a.open');
    if (!link || event.ctrlKey || event.metaKey || event.altKey) return;
    const row = link.closest('tr'), at = link.closest('td').cellIndex;
    const rows = all('tr.r', table).filter(each => !each.hidden), here = rows.indexOf(row);
    const inRow = cells(row), column = each => { const cell = each && each.cells[at]; return cell && cell.querySelector('a.open'); };
    const steps = {
      ArrowRight: () => inRow[inRow.indexOf(link) + 1],
      ArrowLeft: () => inRow[inRow.indexOf(link) - 1],
      ArrowDown: () => rows.slice(here + 1).map(column).find(Boolean),
      ArrowUp: () => rows.slice(0, here).reverse().map(column).find(Boolean),
      Home: () => inRow[0],
      End: () => inRow[inRow.length - 1],
    };
    if (event.key === ' ') { event.preventDefault(); link.click(); return; }
    if (!steps[event.key]) return;
    event.preventDefault();
    const next = steps[event.key]();
    if (next) { place(table, next); next.focus(); }
  });
}

/* Copy buttons and tabs */

function announce(text) { $('announcement').textContent = ''; setTimeout(() => { $('announcement').textContent = text; }, 50); }
function copy(text, button) {
  const done = () => { const before = button.dataset.label || (button.dataset.label = button.textContent); button.textContent = 'Copied'; announce('Copied'); setTimeout(() => { button.textContent = before; }, 1500); };
  const copyFromField = () => {
    const field = make('textarea', {class: 'vh'}, text);
    (dialog.open ? dialog : document.body).append(field);
    field.select();
    const copied = document.execCommand('copy');
    field.remove(); button.focus();
    if (copied) done();
  };
  if (navigator.clipboard) navigator.clipboard.writeText(text).then(done, copyFromField); else copyFromField();
}
function choose(tab) {
  const tabs = tab.closest('.tabs');
  all('[role=tab]', tabs).forEach(each => { const isChosen = each === tab; each.setAttribute('aria-selected', isChosen); each.tabIndex = isChosen ? 0 : -1; });
  all('.panelled', tabs).forEach(each => { each.hidden = each.dataset.tab !== tab.dataset.tab; });
}
all('.tabs').forEach(tabs => { const first = tabs.querySelector('[role=tab]'); if (first) choose(first); });
document.addEventListener('click', event => {
  const button = event.target.closest && event.target.closest('button');
  if (!button) return;
  if (button.getAttribute('role') === 'tab') choose(button);
  if (button.classList.contains('copy')) copy(button.parentNode.parentNode.querySelector('.panelled:not([hidden]) pre, :scope>pre').textContent, button);
});
document.addEventListener('keydown', event => {
  const tab = event.target.closest && event.target.closest('[role=tab]');
  const step = {ArrowRight: 1, ArrowLeft: -1}[event.key];
  if (!tab || !step) return;
  const tabs = all('[role=tab]', tab.parentNode), next = tabs[(tabs.indexOf(tab) + step + tabs.length) % tabs.length];
  event.preventDefault(); choose(next); next.focus();
});

/* Everything is open in print. */

let folded = [];
addEventListener('beforeprint', () => { folded = all('.finding, .noted, .more').filter(each => !each.open); folded.forEach(each => { each.open = true; }); });
addEventListener('afterprint', () => { folded.forEach(each => { each.open = false; }); });

/* Sections that the reader opened stay open while the filter is the same. */
function show() {
  const before = fragment(without(state));
  state = read();
  fill();
  if (fragment(without(state)) !== before) filter();
  open();
}
addEventListener('hashchange', navigate);
addEventListener('popstate', navigate);
filter();
navigate();
if (fragment(state) && !opening(state)) ($('differences') || $('claims')).scrollIntoView();
const panel = document.querySelector('.panel');
new ResizeObserver(() => document.documentElement.style.setProperty('--panel', panel.offsetHeight + 'px')).observe(panel);
})();
