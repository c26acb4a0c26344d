(function () {
'use strict';
const $ = id => document.getElementById(id);
const all = (selector, within) => [...(within || document).querySelectorAll(selector)];
const data = JSON.parse($('data').textContent);
const titles = data.titles;
document.documentElement.classList.add('js');

/* The state of the page is the fragment of its URL: #differs=a&part=b&cell=c@d */

const FLAGS = ['ignored'];
const KEYS = ['tab', 'q', 'differs', 'pair', 'odd', 'part', 'client', 'provider', 'status', ...FLAGS, 'cell', 'claim'];
const OPENING = ['cell', 'claim'];
const NO_FILTER = ['tab', ...OPENING];
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

/* False for a provider or tab that is not on the page. */
function known(key, value) {
  if (key === 'tab') return data.tabs.includes(value);
  const columns = {differs: [value], odd: [value], provider: [value], pair: value.split(',')}[key];
  return !columns || columns.every(each => data.columns.includes(each));
}

function fragment(wanted) {
  const plain = text => encodeURIComponent(text).replace(/%(2F|40|2C|3A)/g, decodeURIComponent);
  return KEYS.filter(key => wanted[key]).map(key => FLAGS.includes(key) ? key : key + '=' + plain(wanted[key])).join('&');
}

function go(changes, how) {
  const wanted = {...state, ...changes};
  const hash = fragment(wanted);
  if (hash === location.hash.slice(1)) return;
  const url = location.pathname + location.search + (hash ? '#' + hash : '');
  const opened = how === 'replaceState' ? Boolean(history.state && history.state.opened) : Boolean(changes.cell || changes.claim);
  history[how || 'pushState']({opened}, '', url);
  show();
}

/* A fragment without = is the id of an element or a fingerprint: the filters stay as they are. */
function navigate() {
  const hash = location.hash.slice(1);
  if (hash && !KEYS.some(key => hash.split('&').some(each => each === key || each.startsWith(key + '=')))) {
    let name = '';
    try { name = decodeURIComponent(hash); } catch (error) { /* invalid escape */ }
    const target = $(name) || ofPrint(name).map(each => each.element)[0];
    state = without(state);
    close();
    const panel = target && target.closest('section.part');
    if (panel && data.tabs.includes(panel.id)) {
      state.tab = panel.id;
      if (target.tagName === 'DETAILS') { target.hidden = false; target.open = true; }
    }
    showTab();
    number();
    if (panel) target.scrollIntoView();
    return;
  }
  show();
}

const without = wanted => ({...wanted, cell: '', claim: ''});
const filtersOf = wanted => fragment({...wanted, ...Object.fromEntries(NO_FILTER.map(key => [key, '']))});
const opening = wanted => OPENING.find(key => wanted[key]);

/* Tabs: without one in the URL, the tab that shows what the URL asks for, else the first */

const panels = data.tabs.map(id => $(id));
const views = document.querySelector('.views');
function currentTab() {
  const asked = state.tab || (state.claim ? 'claims' : ['cell', 'pair', 'differs', 'odd', 'client', 'part', 'q'].some(key => state[key]) ? 'differences' : '');
  return data.tabs.includes(asked) ? asked : data.tabs[0];
}
function showTab() {
  const now = currentTab();
  for (const each of panels) each.hidden = each.id !== now;
  for (const each of all('[role=tab]', views || $('announcement'))) {
    const isChosen = each.dataset.tab === now;
    each.setAttribute('aria-selected', isChosen);
    each.tabIndex = isChosen ? 0 : -1;
  }
  for (const each of all('[data-for]')) each.hidden = !each.dataset.for.split(' ').includes(now);
}
if (views) {
  views.setAttribute('role', 'tablist');
  for (const tab of all('a', views)) {
    tab.id = 'tab-' + tab.dataset.tab;
    tab.setAttribute('role', 'tab');
    tab.setAttribute('aria-controls', tab.dataset.tab);
    $(tab.dataset.tab).setAttribute('role', 'tabpanel');
    $(tab.dataset.tab).setAttribute('aria-labelledby', tab.id);
    tab.addEventListener('click', event => { event.preventDefault(); go({cell: '', claim: '', tab: tab.dataset.tab}); });
  }
}

/* Filters */

/* The ids of claims and the links to them, which follow from the name of the row and the column. */
function complete(row, table, columns) {
  const id = table.dataset.operation + '/' + row.querySelector('.id').textContent;
  Object.assign(row.dataset, {kind: 'claim', id, p: table.dataset.p});
  all('td', row).forEach((cell, at) => {
    const link = cell.querySelector('a.open:not([href])');
    if (link) link.href = '#claim=' + encodeURIComponent(id).replaceAll('%2F', '/') + '@' + encodeURIComponent(columns[at]);
  });
}

const tables = all('table.grid').map(table => {
  const columns = all('thead th[data-column]', table).map(each => each.dataset.column);
  if (table.dataset.operation) for (const row of all('tr.r', table)) complete(row, table, columns);
  return {
    table,
    columns,
    order: columns,
    kind: table.classList.contains('features') ? 'differences' : 'claims',
    heads: all('thead th[data-column]', table),
    rows: all('tr.r', table).map(element => ({
      element,
      part: element.dataset.p,
      clients: (element.dataset.c || '').split(' '),
      agreement: element.dataset.a,
      split: 's' in element.dataset,
      ignored: 'i' in element.dataset,
      statuses: (element.dataset.status || '').split(' '),
      text: (element.dataset.p + ' ' + element.textContent).toLowerCase(),
      cells: all('td', element),
    })),
  };
});
const details = all('details.group:not(.counted)').map(element => ({element, open: element.open}));
const findings = all('details.finding').map(element => ({element, prints: element.dataset.print.split(' '), parts: element.dataset.p.split('\n'), text: element.textContent.toLowerCase()}));
const contradictions = all('.contradictions article').map(element => ({element, text: element.textContent.toLowerCase()}));
const parts = all('tr.part');
const hiding = document.head.appendChild(document.createElement('style'));
const ofPrint = print => findings.filter(each => each.prints.includes(print));

const pairOf = wanted => (wanted.pair || '').split(',').filter(Boolean);
const inPart = (part, wanted) => !wanted.part || part === wanted.part || part.startsWith(wanted.part + '/');
const hasWords = (text, wanted) => (wanted.q || '').toLowerCase().split(/\s+/).every(word => text.includes(word));

function passes(row, table, wanted) {
  const columns = table.columns, pair = pairOf(wanted);
  const letter = id => row.agreement[columns.indexOf(id)];
  const compared = pair.length ? pair : columns;
  if (wanted.differs && !compared.some(id => letter(id) !== letter(wanted.differs))) return false;
  if (pair.length === 2 && letter(pair[0]) === letter(pair[1])) return false;
  if (wanted.odd && !isOutlier(row, columns.indexOf(wanted.odd), wanted)) return false;
  if (wanted.status && row.element.dataset.status !== undefined && !row.statuses.includes(wanted.status)) return false;
  if (!inPart(row.part, wanted)) return false;
  if (wanted.client && !row.clients.includes(wanted.client)) return false;
  if (wanted.ignored && !row.ignored) return false;
  return hasWords(row.text, wanted);
}

/* True if a provider differs from the majority or has findings. */
function isOutlier(row, at, wanted) {
  if (at < 0) return false;
  if (row.cells[at].querySelector('.B, .D') || row.cells[at].matches('.B, .D')) return true;
  return !wanted.status && !row.split && row.agreement[at] !== 'a';
}

function passesFinding(each, wanted) {
  const of = each.element.dataset;
  return (!wanted.provider || of.provider === wanted.provider) && (!wanted.status || of.status === wanted.status)
    && each.parts.some(part => inPart(part, wanted)) && (!wanted.ignored || 'i' in of) && hasWords(each.text, wanted);
}

function passesContradiction(each, wanted) {
  const of = each.element.dataset, pair = pairOf(wanted);
  return (!pair.length || pair.includes(of.provider)) && (!wanted.odd || of.provider === wanted.odd)
    && !wanted.ignored && inPart(of.p, wanted) && hasWords(each.text, wanted);
}

/* The number of entries of a tab that pass a filter. */
function count(tab, wanted) {
  if (tab === 'findings') return findings.filter(each => passesFinding(each, wanted)).length;
  return tables.filter(each => each.kind === tab).reduce((sum, each) => sum + each.rows.filter(row => passes(row, each, wanted)).length, 0);
}

function filter() {
  const active = filtersOf(state) !== '', pair = pairOf(state);
  for (const table of tables) {
    for (const row of table.rows) {
      row.element.hidden = !passes(row, table, state);
      if (table.kind === 'differences') updateLetters(row, table.columns);
    }
    arrange(table, pair);
  }
  for (const each of parts) {
    let next = each.nextElementSibling;
    while (next && next.hidden) next = next.nextElementSibling;
    each.hidden = !next;
  }
  for (const each of findings) each.element.hidden = !passesFinding(each, state);
  for (const each of contradictions) each.element.hidden = !passesContradiction(each, state);
  if ($('contradictions')) $('contradictions').hidden = contradictions.every(each => each.element.hidden);
  for (const {element, open} of details) {
    const visible = all('tr.r', element).some(row => !row.hidden);
    element.hidden = !visible;
    element.open = active ? visible : open;
  }
  for (const each of all('.features.grid')) each.parentNode.hidden = !all('tr.r', each).some(row => !row.hidden);
  for (const each of all('.pair-only')) each.hidden = pair.length !== 2;
  for (const each of all('.all-only')) each.hidden = pair.length === 2;
  hide(pair);
  for (const {table} of tables) roving(table);
  for (const tab of data.tabs) {
    const note = $(tab).querySelector('.none-left');
    if (note) note.hidden = !active || count(tab, state) > 0;
  }
}

/* The numbers of the filters, for the current tab */
function number() {
  const tab = currentTab();
  if (!tab || tab === 'history') return;
  const total = count(tab, {}), shown = count(tab, state), active = filtersOf(state) !== '';
  const noun = {findings: 'finding', differences: 'feature', claims: 'claim'}[tab];
  const differing = tab === 'differences' && !active && data.columns.length > 1 ? ', ' + data.differing + ' differ' : '';
  $('shown').textContent = (active ? shown + ' of ' : '') + total + ' ' + noun + (total === 1 ? '' : 's') + differing;
  $('reset').hidden = !active;
  for (const each of all('[data-status]', document.querySelector('.statuses'))) {
    const wanted = each.dataset.status, matching = count(tab, {...state, status: wanted});
    each.querySelector('.count').textContent = matching;
    each.setAttribute('aria-pressed', (state.status || '') === wanted);
    each.disabled = !matching && (state.status || '') !== wanted;
  }
  for (const each of all('select[data-key=part] option, select[data-key=client] option, select[data-key=odd] option, select[data-key=provider] option')) {
    const key = each.parentNode.dataset.key, matching = count(tab, {...state, [key]: each.value});
    each.dataset.label = each.dataset.label || each.textContent;
    each.textContent = each.dataset.label + ' (' + matching + ')';
  }
  const more = document.querySelector('.more-filters');
  if (['part', 'client', 'odd', 'ignored'].some(key => state[key])) more.open = true;
}

/* Letters relative to one provider: its value has the letter a. */
const reference = () => state.differs || pairOf(state)[0] || data.reference;
function lettersOf(row, columns) {
  const first = row.agreement[columns.indexOf(reference())] || 'a';
  return [...row.agreement].map(each => each === first ? 'a' : each === 'a' ? first : each);
}
function updateLetters(row, columns) {
  const letters = lettersOf(row, columns);
  row.cells.forEach((cell, at) => {
    const letter = letters[at];
    if (letter === undefined) return;
    cell.className = cell.className.replace(/\bl-\w/, 'l-' + letter);
    const shown = cell.querySelector('.lt');
    if (shown) shown.textContent = letter;
  });
}

/* Two providers: their columns come first, in the chosen order, and their different texts are marked. */
function arrange(table, pair) {
  const chosen = pair.filter(each => table.columns.includes(each));
  const order = [...new Set([...chosen, ...table.columns])];
  if (order.join() !== table.order.join()) {
    const places = order.map(each => table.columns.indexOf(each));
    const head = table.heads[0].parentNode;
    head.append(...places.map(at => table.heads[at]));
    for (const row of table.rows) row.element.append(...places.map(at => row.cells[at]));
    table.order = order;
  }
  table.table.classList.toggle('paired', chosen.length === 2);
  table.table.dataset.kept = chosen.length;
  if (table.kind !== 'differences') return;
  const isMarked = chosen.length === 2;
  if (!isMarked && !table.marked) return;
  table.marked = isMarked;
  const [one, two] = chosen.map(each => table.columns.indexOf(each));
  for (const row of table.rows) {
    for (const cell of row.cells) clearMarks(cell);
    if (!isMarked || row.element.hidden) continue;
    markChanges(row.cells[one], row.cells[two]);
    markChanges(row.cells[two], row.cells[one]);
  }
}
const entries = cell => all('.value, .rule', cell).flatMap(each => each.matches('.rule') ? [each.textContent] : tokens(each.textContent));
const tokens = text => text.split(/(; | · )/).filter(each => each !== '; ' && each !== ' · ');
function markChanges(cell, other) {
  const known = new Set(entries(other));
  const value = cell.querySelector('.value');
  cell.plain = cell.plain || value.innerHTML;
  value.replaceChildren(...value.textContent.split(/(; | · )/).map(each => each === '; ' || each === ' · ' || known.has(each) ? each : make('mark', {}, each)));
  for (const rule of all('.rule', cell)) rule.classList.toggle('changed', !known.has(rule.textContent));
}
function clearMarks(cell) {
  if (cell.plain === undefined) return;
  cell.querySelector('.value').innerHTML = cell.plain;
  cell.plain = undefined;
  for (const rule of all('.rule', cell)) rule.classList.remove('changed');
}

function hide(pair) {
  hiding.textContent = pair.length ? [0, 1, 2].map(kept => '.grid[data-kept="' + kept + '"]:not(.single) tr:not(.part)>:nth-child(n+' + (kept + 2) + '){display:none}').join('') : '';
}

/* The filter panel */

const controls = all('[data-key]');
const at = (key, place) => controls.find(each => each.dataset.key === key && each.dataset.at === place);
function fill() {
  for (const control of controls) {
    const key = control.dataset.key;
    let value = state[key] || '';
    if (key === 'pair') value = pairOf(state)[control.dataset.at] || (control.dataset.at === '1' && state.differs) || '';
    if (control.type === 'checkbox') control.checked = Boolean(value);
    else if (control.value !== value) control.value = value;
    control.classList.toggle('set', Boolean(value));
  }
}

/* A pair; one provider and all others; or no comparison. */
function compared(control) {
  const [one, two] = ['0', '1'].map(place => at('pair', place).value);
  if (!two && control.dataset.at === '1') return {pair: '', differs: ''};
  if (!one) return {pair: '', differs: two};
  const other = two && two !== one ? two : [data.reference, ...data.columns].find(each => each && each !== one);
  return {pair: control.dataset.at === '1' && one === two ? other + ',' + two : one + ',' + other, differs: ''};
}
for (const control of controls) control.addEventListener('input', () => {
  const key = control.dataset.key;
  const value = control.type === 'checkbox' ? (control.checked ? '1' : '') : control.value;
  const changes = key === 'pair' ? compared(control) : {[key]: value};
  const typing = key === 'q' && state.q && value;
  go({cell: '', claim: '', ...(tabStays(changes) ? {} : {tab: currentTab()}), ...changes}, typing ? 'replaceState' : 'pushState');
});
for (const each of all('.statuses button')) each.addEventListener('click', () => go({cell: '', claim: '', tab: currentTab(), status: each.dataset.status}));
$('reset').addEventListener('click', () => go(Object.fromEntries(KEYS.filter(key => key !== 'tab').map(key => [key, '']))));
$('link').addEventListener('click', () => copy(location.href, $('link')));

/* True if the URL need not name the tab for it to stay. */
function tabStays(changes) {
  const before = currentTab(), kept = state;
  state = {...state, ...changes};
  const after = currentTab();
  state = kept;
  return before === after;
}

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
const chip = (tone, word) => make('span', {class: 'chip ' + tone}, word);
const cases = count => count + (count === 1 ? ' case' : ' cases');
const mark = letter => chip(data.marks[letter][1], data.marks[letter][0]);
function verdict(measured) {
  const [, tone, label] = data.verdicts[measured.verdict || measured.standing];
  return chip(tone, label);
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
  const odd = cell.odd || [], letters = lettersOf(row, data.columns);
  const facts = (cell.facts || []).map(([name, value, basis]) => [make('dt', {}, name), make('dd', {},
    value, odd.includes(name) ? [' ', make('span', {class: 'chip V'}, '≠ the majority')] : '', basis && basis !== 'documented' ? make('small', {class: 'mute'}, ' ' + basis) : '')]);
  const measurements = Object.entries(cell.measured || {});
  const anchors = measurements.map(([, measured]) => measured.fingerprint).filter(Boolean)
    .flatMap(print => ofPrint(print).filter(each => each.element.dataset.provider === provider).map(each => each.element.id));
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
      cloned([...new Set(anchors)]),
      data.columns.length < 2 ? '' : make('section', {}, comparison('cell', id, provider, data.columns.map((column, at) => {
        const other = cells[column];
        return [column, [other && data.columns.length > 2 ? make('span', {class: 'lt'}, letters[at]) : '', other ? coded(other.value) : 'not documented',
          ...Object.values((other && other.measured) || {}).map(measured => [' ', verdict(measured)])], Boolean(other), letters[at]];
      }))),
      claims.length ? make('section', {}, claims) : '',
      command && claims.length ? code('Run these tests', command + ' --only ' + quoted(id)) : '',
    ],
  };
}

function claim(id, provider) {
  const cells = own(data.claims, id), cell = own(cells, data.claim_columns.indexOf(provider));
  if (!cell) return null;
  const [letter, sentence, source, basis, mock, count, isSelectable, anchors, exercised] = cell;
  return {
    title: data.texts[sentence],
    sub: (titles[provider] || provider) + ' · ' + id,
    content: [
      make('section', {}, make('h3', {}, 'Documented'), cited(source, basis)),
      make('section', {}, make('h3', {}, 'Measured'), make('p', {}, mark(letter), ' ',
        make('span', {class: 'mute'}, [count && 'in ' + cases(count), mock && data.mocks.includes(provider) && 'the mock: ' + mock, data.texts[exercised]].filter(Boolean).join('; ')))),
      cloned([...new Set(anchors)]),
      data.claim_columns.length < 2 ? '' : make('section', {}, comparison('claim', id, provider, data.claim_columns.map((column, each) => {
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
    const opened = {[row.dataset.kind]: row.dataset.id + '@' + table.order[cell.cellIndex - 1]};
    go({cell: '', claim: '', ...(tabStays(opened) ? {} : {tab: currentTab()}), ...opened});
  } else if (link.hash && link.host === location.host && link.pathname === location.pathname && link.hash.includes('=')) {
    event.preventDefault();
    const wanted = Object.fromEntries(new URLSearchParams(link.hash.slice(1)));
    if (wanted.cell || wanted.claim) { go({...(tabStays(wanted) ? {} : {tab: currentTab()}), ...wanted}); return; }
    go({...Object.fromEntries(KEYS.map(key => [key, ''])), ...wanted});
    $(currentTab()).scrollIntoView();
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
  all('.panelled', tabs).forEach(each => { each.hidden = each.dataset.tab !== tab.dataset.tab; each.setAttribute('role', 'tabpanel'); each.setAttribute('aria-label', tab.textContent); });
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
  if (!tab || event.ctrlKey || event.metaKey || event.altKey) return;
  const tabs = all('[role=tab]', tab.parentNode), here = tabs.indexOf(tab);
  const next = {ArrowRight: tabs[(here + 1) % tabs.length], ArrowLeft: tabs[(here - 1 + tabs.length) % tabs.length], Home: tabs[0], End: tabs[tabs.length - 1], ' ': tab}[event.key];
  if (!next) return;
  event.preventDefault();
  next.click();
  next.focus();
});

/* Everything is open in print. */

let folded = [], hidden = [];
addEventListener('beforeprint', () => {
  hidden = panels.filter(each => each.hidden);
  hidden.forEach(each => { each.hidden = false; });
  folded = all('.finding, .noted, details.group').filter(each => !each.open && !each.classList.contains('claim-group'));
  folded.forEach(each => { each.open = true; });
});
addEventListener('afterprint', () => {
  folded.forEach(each => { each.open = false; });
  hidden.forEach(each => { each.hidden = true; });
});

/* Sections that the reader opened stay open while the filter is the same. */
function show() {
  const before = filtersOf(state);
  state = read();
  fill();
  showTab();
  if (filtersOf(state) !== before) filter();
  number();
  open();
}
addEventListener('hashchange', navigate);
addEventListener('popstate', navigate);
const panel = document.querySelector('.panel');
const measure = () => document.documentElement.style.setProperty('--panel', panel.offsetHeight + 'px');
new ResizeObserver(measure).observe(panel);
filter();
navigate();
measure();
if (data.tabs.length && filtersOf(state) && !opening(state)) $(currentTab()).scrollIntoView();
})();
