(function () {
'use strict';
const $ = id => document.getElementById(id);
const all = (selector, within) => [...(within || document).querySelectorAll(selector)];
const data = JSON.parse($('data').textContent);
const titles = data.titles;

/* The state of the page is the fragment of its URL: #differs=a&part=b&cell=c@d */

const FLAGS = ['ignored', 'columns'];
const KEYS = ['tab', 'q', 'differs', 'compare', 'odd', 'part', 'feature', 'client', 'provider', 'status', ...FLAGS, 'cell', 'claim'];
const FORMER = {pair: 'compare'};
const OPENING = ['cell', 'claim'];
const NO_FILTER = ['tab', 'columns', ...OPENING];
let state = {};

function read() {
  const parameters = new URLSearchParams(location.hash.slice(1));
  for (const [before, key] of Object.entries(FORMER)) if (parameters.has(before)) parameters.set(key, parameters.get(before));
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
  const columns = {differs: [value], odd: [value], provider: [value], compare: value.split(',')}[key];
  return !columns || columns.every(each => data.columns.includes(each));
}

const plain = text => encodeURIComponent(text).replace(/%(2F|40|2C|3A)/g, decodeURIComponent);
function fragment(wanted) {
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
  if (hash && ![...KEYS, ...Object.keys(FORMER)].some(key => hash.split('&').some(each => each === key || each.startsWith(key + '=')))) {
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
    lay();
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
  const asked = state.tab || (state.claim ? 'claims' : ['cell', 'compare', 'differs', 'odd', 'client', 'part', 'feature', 'q', 'columns'].some(key => state[key]) ? 'differences' : '');
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

/* Rows of tables: features are in the document, claims are made from the data when they are shown. */

const lower = (...texts) => texts.join(' ').toLowerCase();
const featureTables = all('table.features').map(table => {
  const heads = all('thead th[data-column]', table), columns = heads.map(each => each.dataset.column);
  return {
    kind: 'differences', table, columns, heads, order: columns,
    rest: all('thead th', table).filter(each => !heads.includes(each)),
    rows: all('tr.r', table).map(element => {
      const {id, p: part, c: clients, a: agreement, status} = element.dataset;
      const [head, ...cells] = element.children;
      return {
        kind: 'cell', id, part, agreement, head, element, cells, clients: clients.split(' ').filter(Boolean), split: 's' in element.dataset, ignored: 'i' in element.dataset,
        statuses: status && status.split(' '), feature: head.firstChild.textContent.trim(), text: lower(part, element.textContent),
      };
    }),
  };
});
const findings = all('details.finding').map(element => ({element, prints: element.dataset.print.split(' '), parts: element.dataset.p.split('\n'), text: element.textContent.toLowerCase()}));
const ofPrint = print => findings.filter(each => each.prints.includes(print));
const isIgnored = anchor => Boolean($(anchor)) && 'i' in $(anchor).dataset;

const claims = new Map();
const claimTables = data.claims.map((group, number) => {
  const columns = group.columns.map(at => data.claim_columns[at]), part = group.operation + '/' + group.subject;
  const rows = group.rows.map(([name, found, clients]) => {
    const id = group.operation + '/' + name, cells = new Map();
    for (const [at, letter, sentence, context, count, ...anchors] of found) {
      const [source, basis, mock, exercised, isSelectable] = data.contexts[context];
      cells.set(data.claim_columns[at], {letter, sentence: data.texts[sentence], source, basis, mock, count, isSelectable, anchors, exercised: data.texts[exercised]});
    }
    const each = [...cells.values()];
    const row = {
      kind: 'claim', id, part, name, cells, clients: data.client_sets[clients], feature: name.split('/')[1],
      agreement: agreement(columns.map(column => { const cell = cells.get(column); return cell ? cell.sentence + '\n' + (cell.letter === '·' ? 'P' : cell.letter) : ''; })),
      ignored: each.some(cell => cell.anchors.some(isIgnored)), statuses: [...new Set(each.map(cell => data.marks[cell.letter][2]))],
      text: lower(part, name, ...each.map(cell => cell.sentence)),
    };
    claims.set(id, row);
    return row;
  });
  const holder = document.querySelector('[data-group="' + number + '"]');
  return {kind: 'claims', group, part, columns, rows, holder, details: holder.parentNode};
});
/* A letter per key, the same for equal keys; a is the most common. */
function agreement(keys) {
  const counts = new Map();
  for (const key of keys) counts.set(key, (counts.get(key) || 0) + 1);
  const ranked = [...counts.keys()].sort((one, two) => counts.get(two) - counts.get(one));
  return keys.map(key => String.fromCharCode(97 + Math.min(ranked.indexOf(key), 25))).join('');
}
const tables = [...featureTables, ...claimTables];

/* Filters */

const details = all('details.group:not(.counted)').map(element => ({element, open: element.open}));
const notCounted = all('.contradictions article, .operations tbody tr').map(element => ({element, text: element.textContent.toLowerCase()}));
const parts = all('tr.part');

const chosenOf = wanted => (wanted.compare || '').split(',').filter(Boolean);
const within = (part, asked) => part === asked || part.startsWith(asked + '/');
const inPart = (part, wanted) => !wanted.part || within(part, wanted.part);
const hasWords = (text, wanted) => (wanted.q || '').toLowerCase().split(/\s+/).every(word => text.includes(word));

function passes(row, table, wanted) {
  const columns = table.columns, chosen = chosenOf(wanted);
  const letter = id => row.agreement[columns.indexOf(id)];
  const compared = chosen.length ? chosen : columns;
  if (wanted.differs && !compared.some(id => letter(id) !== letter(wanted.differs))) return false;
  if (chosen.length > 1 && chosen.every(id => letter(id) === letter(chosen[0]))) return false;
  if (wanted.odd && !isOutlier(row, table, wanted.odd, wanted)) return false;
  if (wanted.status && row.statuses && !row.statuses.includes(wanted.status)) return false;
  if (wanted.feature && row.feature !== wanted.feature) return false;
  if (!inPart(row.part, wanted)) return false;
  if (wanted.client && !row.clients.includes(wanted.client)) return false;
  if (wanted.ignored && !row.ignored) return false;
  return hasWords(row.text, wanted);
}

/* True if a provider differs from the majority or has findings. */
function isOutlier(row, table, id, wanted) {
  const at = table.columns.indexOf(id);
  if (at < 0) return false;
  const isBad = row.kind === 'claim' ? row.cells.has(id) && 'FW'.includes(row.cells.get(id).letter) : row.cells[at].querySelector('.B, .D');
  return Boolean(isBad) || (!wanted.status && !row.split && row.agreement[at] !== 'a');
}

function passesFinding(each, wanted) {
  const of = each.element.dataset;
  return (!wanted.provider || of.provider === wanted.provider) && (!wanted.status || of.status === wanted.status)
    && each.parts.some(part => inPart(part, wanted)) && (!wanted.ignored || 'i' in of) && hasWords(each.text, wanted);
}

function passesNotCounted(each, wanted) {
  const of = each.element.dataset, chosen = chosenOf(wanted);
  return (!chosen.length || chosen.includes(of.provider)) && (!wanted.odd || of.provider === wanted.odd)
    && !wanted.ignored && inPart(of.p, wanted) && hasWords(each.text, wanted);
}

/* The entries of a tab that pass a filter: pairs of an entry and its table. */
function passing(tab, wanted) {
  if (tab === 'findings') return findings.filter(each => passesFinding(each, wanted)).map(each => [each]);
  return tables.filter(each => each.kind === tab).flatMap(table => table.rows.filter(row => passes(row, table, wanted)).map(row => [row, table]));
}

/* By value of a filter, the number of entries of a tab that it leaves. */
const above = part => [part, part.slice(0, part.indexOf('/'))];
const VALUES = {
  part: entry => new Set((entry.parts || [entry.part]).flatMap(above)),
  client: entry => entry.clients || [],
  feature: entry => [entry.feature],
  status: entry => entry.statuses || [entry.element.dataset.status],
  provider: entry => [entry.element.dataset.provider],
  odd: (entry, table) => table ? table.columns.filter(id => isOutlier(entry, table, id, state)) : [],
};
function tally(tab, key) {
  const counts = new Map(), entries = passing(tab, {...state, [key]: ''});
  counts.set('', entries.length);
  if (key === 'provider' && tab !== 'findings') return counts;
  for (const [entry, table] of entries) for (const value of VALUES[key](entry, table)) counts.set(value, (counts.get(value) || 0) + 1);
  return counts;
}

function filter() {
  const active = filtersOf(state) !== '';
  for (const table of tables) table.passing = new Set(table.rows.filter(row => passes(row, table, state)));
  for (const each of findings) each.element.hidden = !passesFinding(each, state);
  for (const each of notCounted) each.element.hidden = !passesNotCounted(each, state);
  for (const id of ['contradictions', 'operations'].filter($)) {
    $(id).hidden = notCounted.every(each => each.element.hidden || !$(id).contains(each.element));
  }
  for (const {element, open} of details) {
    const visible = tables.some(table => element.contains(table.holder || table.table) && table.passing.size);
    element.hidden = !visible;
    element.open = active ? visible : open;
  }
  for (const table of featureTables) {
    for (const row of table.rows) row.element.hidden = !table.passing.has(row);
    table.table.parentNode.hidden = !table.passing.size;
  }
  for (const each of parts) each.hidden = ![...each.parentNode.children].some(row => row !== each && !row.hidden);
  for (const tab of data.tabs) {
    const note = $(tab).querySelector('.none-left');
    if (note) note.hidden = !active || (tab === 'findings' ? findings.some(each => !each.element.hidden) : tables.some(each => each.kind === tab && each.passing.size > 0));
  }
  lay();
}

/* Layout: a column per provider if they fit, else the providers by what they have in common. */

const MIN_COLUMN = 150, FIRST_COLUMN = 230, MAX_WIDTH = 1200, MAX_NAMED = 6;
const fitting = () => Math.max(2, Math.floor((Math.min(MAX_WIDTH, innerWidth) - FIRST_COLUMN) / MIN_COLUMN));
const kept = (table, chosen) => chosen.filter(each => table.columns.includes(each));
function lay() {
  const chosen = chosenOf(state), fits = fitting();
  for (const each of all('.pair-only')) each.hidden = chosen.length !== 2;
  const isGrouped = data.columns.length > 1 && (chosen.length || data.columns.length) > fits && !state.columns;
  for (const each of all('.all-only')) each.hidden = chosen.length === 2 || isGrouped;
  for (const each of all('.grouped-only')) each.hidden = !isGrouped;
  for (const each of all('.columns-only')) each.hidden = isGrouped;
  for (const table of tables) {
    const order = chosen.length ? kept(table, chosen) : table.columns;
    const isSingle = data.columns.length === 1;
    const layout = {chosen, order, grouped: !isSingle && order.length > fits && !state.columns, wide: !isSingle && order.length > fits};
    if (table.kind === 'claims') layClaims(table, layout); else layFeatures(table, layout);
  }
}
function finish(table, {wide, grouped}) {
  const element = table.table, scroll = element.parentNode;
  scroll.classList.toggle('wide', wide && !grouped);
  scroll.classList.toggle('fitting', !wide || grouped);
  element.classList.toggle('by-value', grouped);
  roving(element);
}
const link = (kind, id, column, ...content) => make('a', {class: 'open', href: '#' + kind + '=' + plain(id) + '@' + plain(column), 'aria-haspopup': 'dialog', tabindex: '-1', 'data-column': column}, ...content);

function layFeatures(table, layout) {
  const {chosen, order, grouped} = layout, isPair = chosen.length === 2 && order.length === 2;
  const key = [grouped, ...order].join();
  if (table.laid !== key) {
    table.laid = key;
    table.order = order;
    const places = order.map(each => table.columns.indexOf(each));
    const [first, ...rest] = table.rest;
    first.parentNode.replaceChildren(first, ...(grouped ? [make('th', {scope: 'col'}, 'Statements, and the providers that make them')] : places.map(at => table.heads[at])), ...rest);
    for (const row of table.rows) {
      const extra = row.cells.slice(table.columns.length);
      row.element.replaceChildren(row.head, ...(grouped ? [] : places.map(at => complete(row, at, table.columns[at]))), ...extra);
      row.grouped = false;
    }
    for (const each of all('tr.part th', table.table)) each.colSpan = (grouped ? 1 : order.length) + 1 + rest.length;
    table.table.classList.toggle('paired', isPair);
    table.table.classList.toggle('chosen', chosen.length > 0);
  }
  for (const row of table.rows) {
    if (grouped) {
      if (row.element.hidden || row.grouped === reference()) continue;
      row.element.replaceChildren(row.head, groupedFeature(row, table, order));
      row.grouped = reference();
      continue;
    }
    updateLetters(row, table.columns);
    for (const cell of row.cells) clearMarks(cell);
    if (!isPair || row.element.hidden) continue;
    const [one, two] = order.map(each => row.cells[table.columns.indexOf(each)]);
    markChanges(one, two);
    markChanges(two, one);
  }
  finish(table, layout);
}

/* The cell of a provider; its link, and the text of one without a statement, are not in the document. */
function complete(row, at, column) {
  const cell = row.cells[at];
  if (cell.dataset.complete) return cell;
  cell.dataset.complete = '1';
  const made = link('cell', row.id, column, ...cell.childNodes);
  if (!made.childNodes.length) made.append(make('span', {class: 'val'}, make('span', {class: 'value'}, 'not documented')));
  cell.replaceChildren(made);
  return cell;
}

/* One cell with the statements about a feature: that of the reference first, "not documented" last. */
function groupedFeature(row, table, order) {
  const letters = lettersOf(row, table.columns), groups = new Map();
  for (const column of order) {
    const at = table.columns.indexOf(column);
    if (!groups.has(letters[at])) groups.set(letters[at], []);
    groups.get(letters[at]).push(at);
  }
  const isUnstated = group => row.cells[group[0]].classList.contains('none');
  const sorted = [...groups].sort(([one, first], [two, second]) => isUnstated(first) - isUnstated(second) || one.localeCompare(two));
  return make('td', {class: 'values'}, make('ul', {}, sorted.map(([letter, group]) => {
    const shown = row.cells[group[0]], statement = shown.querySelector('.val') ? all('.value, .note-mark, .rules', shown).map(each => each.cloneNode(true)) : 'not documented';
    const ids = group.map(at => table.columns[at]);
    return make('li', {class: 'l-' + letter + (isUnstated(group) ? ' none' : '')}, make('div', {class: 'statement' + (shown.classList.contains('soft') ? ' soft' : '')}, statement), who('cell', row, ids, isUnstated(group), id => {
      const measured = row.cells[table.columns.indexOf(id)].querySelector('.measured');
      return measured ? measured.cloneNode(true) : '';
    }));
  })));
}

/* The providers of a statement; those without a statement are named only if they are few. */
function who(kind, row, ids, isUnstated, more) {
  const first = isUnstated && ids.length > MAX_NAMED ? ids.filter(id => id === reference()) : ids;
  const others = ids.length - first.length;
  return make('div', {class: 'who'}, first.map(id => make('span', {}, link(kind, row.id, id, titles[id] || id), more ? more(id) : '')),
    others ? make('span', {class: 'mute'}, others + (first.length ? ' others' : ' providers')) : '');
}

function layClaims(table, layout) {
  const {order, grouped} = layout, key = [grouped, ...order].join();
  if (table.laid !== key) {
    table.laid = key;
    table.order = order;
    table.table = null;
    for (const row of table.rows) row.element = null;
  }
  if (!table.details.open || currentTab() !== 'claims') return;
  const isSingle = data.claim_columns.length === 1;
  if (!table.table) {
    const ratio = id => table.group.ratios[table.columns.indexOf(id)] + (isSingle ? ' passed' : '');
    const heads = grouped ? [make('th', {scope: 'col'}, 'Results')] : order.map(id => make('th', {scope: 'col', 'data-column': id}, isSingle ? 'Result' : titles[id] || id, make('small', {}, ratio(id))));
    table.body = make('tbody');
    table.table = make('table', {class: 'claims grid' + (isSingle ? ' single' : ''), role: 'grid', style: null, 'aria-label': 'Claims of ' + table.group.operation + ', ' + table.group.subject},
      make('thead', {}, make('tr', {}, make('th', {scope: 'col'}, 'Claim'), heads)), table.body);
    table.table.style.setProperty('--cols', order.length);
    table.holder.replaceChildren(table.table);
  }
  const shown = table.rows.filter(row => table.passing.has(row));
  for (const row of shown) row.element = row.element || claimRow(row, order, grouped, isSingle);
  const before = [...table.body.children];
  if (before.length !== shown.length || before.some((each, at) => each !== shown[at].element)) table.body.replaceChildren(...shown.map(row => row.element));
  finish(table, layout);
}

function claimRow(row, order, grouped, isSingle) {
  const wordings = new Map();
  for (const [id, cell] of row.cells) if (order.includes(id)) wordings.set(cell.sentence, [...(wordings.get(cell.sentence) || []), titles[id] || id]);
  const sentences = [...wordings].map(([sentence, names]) => make('span', {class: 'sentence'}, wordings.size > 1 ? [make('em', {}, names.join(', ') + ':'), ' '] : '', sentence));
  const head = make('th', {scope: 'row'}, make('span', {class: 'id'}, row.name), sentences);
  const cells = grouped ? [make('td', {class: 'values'}, make('ul', {}, Object.keys(data.marks).map(letter => {
    const ids = order.filter(id => row.cells.has(id) && row.cells.get(id).letter === letter);
    return ids.length ? make('li', {}, mark(letter), who('claim', row, ids, false)) : '';
  })))] : order.map(id => {
    const cell = row.cells.get(id);
    if (!cell) return make('td', {class: 'absent'});
    const [label, tone] = data.marks[cell.letter], made = link('claim', row.id, id, isSingle ? label : [cell.letter, make('span', {class: 'vh'}, ' ' + label)]);
    made.className = 'open cell ' + tone + (cell.basis === 'documented' ? '' : ' soft');
    return make('td', {}, made);
  });
  return make('tr', {class: 'r', 'data-kind': 'claim', 'data-id': row.id}, head, cells);
}
for (const table of claimTables) table.details.addEventListener('toggle', () => lay());

/* The numbers of the filters, for the current tab */
function number() {
  const tab = currentTab();
  if (!tab || tab === 'history') return;
  const total = passing(tab, {}).length, shown = passing(tab, state).length, active = filtersOf(state) !== '';
  const noun = {findings: 'finding', differences: 'feature', claims: 'claim'}[tab];
  const differing = tab === 'differences' && !active && data.columns.length > 1 ? ', ' + data.differing + ' differ' : '';
  $('shown').textContent = (active ? shown + ' of ' : '') + total + ' ' + noun + (total === 1 ? '' : 's') + differing;
  $('reset').hidden = !active;
  const results = tally(tab, 'status');
  for (const each of all('[data-status]', document.querySelector('.statuses'))) {
    const wanted = each.dataset.status, matching = results.get(wanted) || 0;
    each.querySelector('.count').textContent = matching;
    each.setAttribute('aria-pressed', (state.status || '') === wanted);
    each.disabled = !matching && (state.status || '') !== wanted;
  }
  for (const select of all('select[data-key]')) {
    const key = select.dataset.key;
    if (!VALUES[key] || select.closest('[hidden]')) continue;
    const counts = tally(tab, key);
    for (const each of select.options) {
      each.dataset.label = each.dataset.label || each.textContent;
      each.textContent = each.dataset.label + ' (' + (counts.get(each.value) || 0) + ')';
    }
  }
  const more = document.querySelector('.more-filters');
  if (['client', 'odd', 'ignored', 'columns'].some(key => state[key])) more.open = true;
}

/* Letters relative to one provider: its value has the letter a. */
const reference = () => state.differs || chosenOf(state)[0] || data.reference;
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

/* What only one of two providers states is marked. */
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

/* The filter panel */

const controls = all('[data-key]');
function fill() {
  const chosen = chosenOf(state);
  for (const control of controls) {
    const key = control.dataset.key;
    let value = state[key] || '';
    if (key === 'compare' && 'at' in control.dataset) value = chosen[control.dataset.at] || (control.dataset.at === '1' && state.differs) || '';
    if (control.type === 'checkbox') control.checked = key === 'compare' ? chosen.includes(control.value) : Boolean(value);
    else if (control.value !== value) control.value = value;
    control.classList.toggle('set', Boolean(value));
  }
  const several = document.querySelector('.several');
  if (several) several.querySelector('summary').textContent = chosen.length > 2 ? chosen.length + ' providers' : 'Several';
}

/* A pair; one provider and all others; or no comparison. */
function compared(control) {
  if (!('at' in control.dataset)) {
    const others = chosenOf(state).filter(each => each !== control.value);
    return {compare: (control.checked ? [...others, control.value] : others).join(), differs: ''};
  }
  const [one, two] = all('select', control.closest('.pairing')).map(each => each.value);
  if (!two && control.dataset.at === '1') return {compare: '', differs: ''};
  if (!one) return {compare: '', differs: two};
  const other = two && two !== one ? two : [data.reference, ...data.columns].find(each => each && each !== one);
  return {compare: control.dataset.at === '1' && one === two ? other + ',' + two : one + ',' + other, differs: ''};
}
for (const control of controls) control.addEventListener('input', () => {
  const key = control.dataset.key;
  const value = control.type === 'checkbox' ? (control.checked ? '1' : '') : control.value;
  const changes = key === 'compare' ? compared(control) : {[key]: value};
  const typing = key === 'q' && state.q && value;
  go({cell: '', claim: '', ...(tabStays(changes) ? {} : {tab: currentTab()}), ...changes}, typing ? 'replaceState' : 'pushState');
  if (control.closest('.ask')) $(currentTab()).scrollIntoView();
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
  const [page, place] = data.sources[number], [title, url, date] = data.pages[page];
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
  const under = [...claims.values()].filter(each => each.id.startsWith(id + '/') && each.cells.has(provider));
  if (!under.length) return [];
  return [make('h3', {}, under.length === 1 ? '1 claim' : under.length + ' claims'), make('ul', {class: 'listed'}, under.map(each => {
    const {letter, sentence} = each.cells.get(provider);
    return make('li', {}, make('a', {class: 'cell ' + data.marks[letter][1], href: '#claim=' + each.id + '@' + provider, 'data-jump': 'claim', 'data-to': each.id + '@' + provider, 'aria-label': data.marks[letter][0] + ': ' + sentence}, letter), make('span', {}, sentence));
  }))];
}

const UNSTATED = {value: '–'};
function feature(id, provider) {
  const cells = own(data.features, id), at = data.columns.indexOf(provider);
  if (!cells || at < 0) return null;
  const cell = cells[at] || UNSTATED;
  const row = featureTables.flatMap(each => each.rows).find(each => each.id === id);
  const odd = cell.odd || [], letters = lettersOf(row, data.columns);
  const facts = (cell.facts || []).map(([name, value, basis]) => [make('dt', {}, name), make('dd', {},
    value, odd.includes(name) ? [' ', make('span', {class: 'chip V'}, '≠ the majority')] : '', basis && basis !== 'documented' ? make('small', {class: 'mute'}, ' ' + basis) : '')]);
  const measurements = Object.entries(cell.measured || {});
  const anchors = measurements.map(([, measured]) => measured.fingerprint).filter(Boolean)
    .flatMap(print => ofPrint(print).filter(each => each.element.dataset.provider === provider).map(each => each.element.id));
  const command = own(data.commands, provider), claims = claimsOf(id, provider);
  return {
    title: row.feature,
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
        const other = cells[at];
        return [column, [other && data.columns.length > 2 ? make('span', {class: 'lt'}, letters[at]) : '', other ? coded(other.value) : 'not documented',
          ...Object.values((other && other.measured) || {}).map(measured => [' ', verdict(measured)])], Boolean(other), letters[at]];
      }))),
      claims.length ? make('section', {}, claims) : '',
      command && claims.length ? code('Run these tests', command + ' --only ' + quoted(id)) : '',
    ],
  };
}

function claim(id, provider) {
  const row = claims.get(id), cell = row && row.cells.get(provider);
  if (!cell) return null;
  return {
    title: cell.sentence,
    sub: (titles[provider] || provider) + ' · ' + id,
    content: [
      make('section', {}, make('h3', {}, 'Documented'), cited(cell.source, cell.basis)),
      make('section', {}, make('h3', {}, 'Measured'), make('p', {}, mark(cell.letter), ' ',
        make('span', {class: 'mute'}, [cell.count && 'in ' + cases(cell.count), cell.mock && data.mocks.includes(provider) && 'the mock: ' + cell.mock, cell.exercised].filter(Boolean).join('; ')))),
      cloned([...new Set(cell.anchors)]),
      data.claim_columns.length < 2 ? '' : make('section', {}, comparison('claim', id, provider, data.claim_columns.map(column => {
        const other = row.cells.get(column);
        return [column, other ? [mark(other.letter), ' ' + other.sentence] : 'not documented', Boolean(other)];
      }))),
      cell.isSelectable && data.commands[provider] ? code('Run these tests', data.commands[provider] + ' --only ' + quoted(id)) : '',
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
    const row = link.closest('tr');
    place(link.closest('table'), link);
    const opened = {[row.dataset.kind]: row.dataset.id + '@' + link.dataset.column};
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
  const now = table.querySelector('a.open[tabindex="0"]');
  if (now && !now.closest('tr').hidden) return;
  place(table, table.querySelector('tr.r:not([hidden]) a.open'));
}
function place(table, link) {
  all('a.open[tabindex="0"]', table).forEach(each => { each.tabIndex = -1; });
  if (link) link.tabIndex = 0;
}
for (const {table} of featureTables) table.setAttribute('role', 'grid');
document.addEventListener('keydown', event => {
  const link = event.target.closest && event.target.closest('a.open');
  if (!link || event.ctrlKey || event.metaKey || event.altKey) return;
  const table = link.closest('table'), row = link.closest('tr'), at = link.closest('td').cellIndex;
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
  if (filtersOf(state) !== before) filter(); else lay();
  number();
  open();
}
addEventListener('hashchange', navigate);
addEventListener('popstate', navigate);
const panel = document.querySelector('.panel');
const measure = () => document.documentElement.style.setProperty('--panel', panel.offsetHeight + 'px');
new ResizeObserver(measure).observe(panel);
let fits = fitting();
addEventListener('resize', () => { if (fits !== fitting()) { fits = fitting(); lay(); } });
filter();
navigate();
document.documentElement.classList.add('laid');
measure();
if (data.tabs.length && filtersOf(state) && !opening(state)) $(currentTab()).scrollIntoView();
})();
