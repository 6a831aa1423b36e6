// The forms of course_lib/lab/forms.py, in JupyterLab and Notebook 7. A click edits the
// code of a cell and runs it: the code is the only place of an answer, and the form
// shows what stands there. This file is used as it is written; nothing builds it.
//
// Forms are drawn in notebooks that nobody trusts yet, too: whatever comes out of an
// output becomes text, or goes through JupyterLab's own renderers, which clean it.

(() => {
  'use strict';

  const NAME = 'course-forms';

  // ── The places in Python code that a form writes to: {start, end}, or null ──────────

  /** Where an expression ends: in front of a `stop` that is in no string or bracket. */
  const endOfExpression = (code, start, stops) => {
    let depth = 0;
    for (let at = start; at < code.length; at++) {
      const letter = code[at];
      if (letter === '"' || letter === "'") {
        at = endOfString(code, at);
      } else if ('([{'.includes(letter)) {
        depth++;
      } else if (depth && ')]}'.includes(letter)) {
        depth--;
      } else if (!depth && stops.includes(letter)) {
        return at;
      }
    }
    return code.length;
  };

  const endOfString = (code, start) => {
    let at = start + 1;
    while (at < code.length && code[at] !== code[start]) {
      at += code[at] === '\\' ? 2 : 1;
    }
    return at;
  };

  /** What stands behind `answer=`, in the call of predict that asks the question. */
  const placeOfAnswer = (code, question) => {
    const spellings = [question, JSON.stringify(question).slice(1, -1)];
    const asked = Math.max(...spellings.map(text => code.indexOf(text)));
    const behind = asked < 0 ? '' : code.slice(asked).split(/\bpredict\(/)[0];
    const found = /\banswer\s*=\s*/.exec(behind);
    if (!found) {
      return null;
    }
    const start = asked + found.index + found[0].length;
    return { start, end: endOfExpression(code, start, ',)\n#') };
  };

  /** The last `return …` of a function, or the line that tells that it is missing. */
  const placeOfReturn = (code, name) => {
    const head = new RegExp(`^(?:async )?def ${name}\\(.*\n(?:[ \t].*\n?|\n)*`, 'm');
    const found = head.exec(code);
    const lines = /^[ \t]+(?=return\b|raise NotImplementedError\b)/gm;
    const last = found && [...found[0].matchAll(lines)].at(-1);
    if (!last) {
      return null;
    }
    const start = found.index + last.index + last[0].length;
    return { start, end: endOfExpression(code, start, '\n') };
  };

  /** The string behind `order=` that says this order. */
  const placeOfOrder = (code, order) => {
    const all = [...code.matchAll(/(\border\s*=\s*)((["'])(.*?)\3)/g)];
    const found = all.find(each => each[4].split(/\s+/).join(' ').trim() === order);
    const start = found && found.index + found[1].length;
    return found ? { start, end: start + found[2].length } : null;
  };

  /** The letters in the strings of an answer such as `return "B D"`. */
  const lettersIn = (answer, known) => {
    const strings = [...answer.matchAll(/(["'])(.*?)\1/g)].map(each => each[2]);
    const letters = [...strings.join('').toUpperCase()];
    return [...new Set(letters.filter(letter => known.includes(letter)))];
  };

  /** A number as Python has it, if the text is one; otherwise a string. */
  const literalOf = text => {
    const plain = text.trim().replace(/(?<=\d)[ ,_](?=\d{3}(?!\d))/g, '');
    const isNumber = plain !== '' && Number.isFinite(Number(plain));
    return isNumber ? String(Number(plain)) : JSON.stringify(text.trim());
  };

  const textOf = literal => (/^"/.test(literal ?? '') ? JSON.parse(literal) : literal);

  // ── Elements ────────────────────────────────────────────────────────────────────────

  /** An element; functions listen to the event that they are named by. */
  const make = (tag, attributes = {}, ...children) => {
    const node = document.createElement(tag);
    for (const [name, value] of Object.entries(attributes)) {
      if (typeof value === 'function') {
        node.addEventListener(name, value);
      } else if (value !== false) {
        node.setAttribute(name, value === true ? '' : value);
      }
    }
    node.append(...children);
    return node;
  };

  /** Text whose parts in backticks are code. */
  const withCode = text =>
    text.split('`').map((part, at) => (at % 2 ? make('code', {}, part) : part));

  const STYLE = `
    .course-form { padding: 4px 0; color: var(--jp-content-font-color1);
      font-family: var(--jp-content-font-family); font-size: var(--jp-content-font-size1);
      line-height: var(--jp-content-line-height); }
    .course-form fieldset { margin: 0; padding: 0; border: 0; min-width: 0; }
    .course-form legend { padding: 0 0 6px; }
    .course-form p { margin: 6px 0 0; }
    .course-form p:empty { display: none; }
    .course-form code { padding: 1px 4px; background: var(--jp-layout-color2);
      font-family: var(--jp-code-font-family); font-size: 0.93em !important; }
    .course-row { display: flex; flex-wrap: wrap; align-items: center; gap: 6px; }
    .course-form button, .course-form input { font: inherit; color: inherit;
      padding: 3px 10px; border: 1px solid var(--jp-border-color0); border-radius: 3px;
      background: var(--jp-layout-color1); }
    .course-form input { width: 10em; margin-left: 6px; }
    .course-form button { cursor: pointer; }
    .course-form button:hover:enabled { background: var(--jp-layout-color2); }
    .course-form button:disabled { cursor: default; opacity: 0.5; }
    .course-form button[aria-pressed='true'] { font-weight: bold;
      border-color: var(--jp-brand-color1); box-shadow: inset 0 0 0 1px var(--jp-brand-color1); }
    .course-form button[aria-pressed='true']::before { content: '✓ ' / ''; }
    .course-form :is(button, input):focus-visible { outline: 2px solid
      var(--jp-brand-color1); outline-offset: 1px; }
    .course-form table { margin: 0 0 6px !important; font-size: inherit !important; }
    .course-form caption { white-space: nowrap; }
    .jp-RenderedHTMLCommon td > code { white-space: pre-wrap; overflow-wrap: anywhere; }
    .course-form ol { margin: 2px 0 8px; padding: 3px; list-style: none; min-height: 1.8em;
      border: 1px dashed var(--jp-border-color1); border-radius: 3px; }
    .course-form ol:empty::before { content: attr(data-empty); padding: 0 8px;
      color: var(--jp-content-font-color2); }
    .course-form li { margin: 0; }
    .course-form button.course-line { display: block; width: 100%; text-align: left;
      border-color: transparent; white-space: pre-wrap; overflow-wrap: anywhere;
      cursor: grab; user-select: none; touch-action: none; font-family:
      var(--jp-code-font-family); font-size: 0.93em; }
    .course-form .course-held button.course-line { cursor: grabbing;
      border-color: var(--jp-brand-color1); background: var(--jp-layout-color2); }
    .course-letter { display: inline-block; width: 2em; font-weight: bold; }
    .course-hidden { position: absolute; width: 1px; height: 1px; overflow: hidden;
      clip-path: inset(50%); white-space: nowrap; }
    .course-small { color: var(--jp-content-font-color2); font-size: 0.93em; }
  `;

  // ── The extension ───────────────────────────────────────────────────────────────────

  const plugin = async shared => {
    const { Widget } = await shared('@lumino/widgets');
    const { IRenderMimeRegistry } = await shared('@jupyterlab/rendermime');
    const { INotebookTracker, NotebookActions } = await shared('@jupyterlab/notebook');
    let registry, tracker;
    let pressed = null; // what has the focus in the form that the next run draws

    /** An output: its content, the cell that it stands under, and what all forms do. */
    class Form extends Widget {
      constructor(mime) {
        super();
        this.mime = mime;
        this.addClass('course-form');
        this.node.addEventListener('keydown', event => {
          if (!event.ctrlKey && !event.metaKey) {
            event.stopPropagation(); // or `b` would add a cell to the notebook
          }
        });
      }

      async renderModel(model) {
        this.model = model;
        this.content = model.data[this.mime];
        if (this.isAttached) {
          await this.draw();
        }
      }

      onAfterAttach() {
        void this.draw();
      }

      async draw() {
        const parts = await this.parts();
        this.status = make('p', { role: 'status', class: 'course-small' });
        this.node.replaceChildren(...parts, this.status);
        this.drawn();
        this.refocus();
      }

      /** What stands in the form, above its status. */
      parts() {
        return [];
      }

      /** Called when the parts are in the page. */
      drawn() {}

      get panel() {
        return tracker.find(panel => panel.content.node.contains(this.node));
      }

      get cells() {
        return this.panel?.content.widgets ?? [];
      }

      get cell() {
        return this.cells.find(cell => cell.node.contains(this.node));
      }

      /** Told a moment later: a reader hears only what changes in a status that is there. */
      say(text) {
        setTimeout(() => this.status.replaceChildren(...withCode(text)), 50);
      }

      /** The same output in another form, as JupyterLab itself draws it. */
      async twin(mime) {
        const renderer = registry.createRenderer(mime);
        await renderer.renderModel(this.model);
        this.disposed.connect(() => renderer.dispose());
        return renderer.node;
      }

      write(cell, place, text) {
        cell.model.sharedModel.updateSource(place.start, place.end, text);
      }

      /** Writes into the cell of the form and runs it; false where there is no place. */
      answer(placeIn, text, key) {
        const place = this.cell && placeIn(this.cell.model.sharedModel.getSource());
        if (!place) {
          return false;
        }
        pressed = { cell: this.cell.model.id, key };
        this.write(this.cell, place, text);
        this.run(this.cell);
        return true;
      }

      run(...cells) {
        const { content, context } = this.panel;
        content.deselectAll();
        content.activeCellIndex = content.widgets.indexOf(this.cell);
        void NotebookActions.runCells(content, cells, context.sessionContext);
      }

      /** The focus goes back to what was pressed, if it went nowhere else meanwhile. */
      refocus() {
        const holder = document.activeElement;
        if (pressed && pressed.cell === this.cell?.model.id && holder.contains(this.node)) {
          const wanted = this.node.querySelector(`[data-key="${pressed.key}"]:enabled`);
          (wanted ?? this.node.querySelector('button:enabled'))?.focus();
          pressed = null;
        }
      }
    }

    class Ask extends Form {
      parts() {
        const { question, choices } = this.content;
        const legend = [make('b', {}, 'Predict.'), ' ', ...withCode(question)];
        const inputs = choices.length ? choices.map(this.button, this) : [this.field()];
        const row = make('div', { class: 'course-row' }, ...inputs);
        return [make('fieldset', {}, make('legend', {}, ...legend), row)];
      }

      drawn() {
        const { choices, answer } = this.content;
        if (answer === null) {
          return;
        }
        const chosen = choices.find(([, literal]) => literal === answer);
        const told = `You say: \`${chosen ? chosen[0] : textOf(answer)}\`.`;
        const isNone = choices.length && !chosen;
        this.say(`${told} ${isNone ? 'That is none of the choices.' : 'The next cell tells.'}`);
      }

      button([label, literal], at) {
        const attributes = {
          type: 'button',
          'data-key': at,
          'aria-pressed': String(literal === this.content.answer),
          click: () => this.give(literal, at)
        };
        return make('button', attributes, label);
      }

      field() {
        const { field, answer } = this.content;
        const isNumber = field === 'number';
        const kind = isNumber ? { type: 'number', step: 'any' } : { type: 'text' };
        const input = make('input', { ...kind, 'data-key': 'field', autocomplete: 'off' });
        input.value = textOf(answer) ?? '';
        const submit = event => {
          event.preventDefault();
          if (input.value.trim()) {
            this.give(literalOf(input.value), 'field');
          } else {
            this.say(isNumber ? 'Write a number first.' : 'Write an answer first.');
          }
        };
        const label = make('label', {}, isNumber ? 'Your number' : 'Your answer', input);
        const button = make('button', { type: 'submit' }, 'Answer');
        return make('form', { class: 'course-row', submit }, label, button);
      }

      give(literal, key) {
        const placeIn = code => placeOfAnswer(code, this.content.question);
        if (!this.answer(placeIn, literal, key)) {
          this.say('Write your answer into the cell: there is no `answer=` that I can fill in.');
        }
      }
    }

    class Sort extends Form {
      async parts() {
        const list = (label, empty) => make('ol', { 'aria-label': label, 'data-empty': empty });
        this.mine = list('Your order', 'Click a line below, or drag it here.');
        this.rest = list('Left out', 'No line is left.');
        const check = { type: 'button', 'data-key': 'check', click: () => this.check() };
        const keys = 'Keys: Enter takes a line in or out, Alt+↑ and Alt+↓ move it.';
        const all = make(
          'fieldset',
          {
            keydown: event => this.key(event),
            pointerdown: event => this.hold(event),
            pointermove: event => this.drag(event),
            pointerup: () => this.drop(),
            pointercancel: () => this.drop()
          },
          make('legend', { class: 'course-small' }, 'Click or drag the lines. ', keys),
          make('b', { 'aria-hidden': 'true' }, 'Your order'),
          this.mine,
          make('b', { 'aria-hidden': 'true' }, 'Left out'),
          this.rest
        );
        const note = await this.twin('text/markdown');
        return [note, all, make('button', check, 'Check this order')];
      }

      drawn() {
        this.follow(this.target()?.cell.model.sharedModel);
        this.fill();
      }

      dispose() {
        this.follow(null);
        super.dispose();
      }

      /** Shows each change of the code at once, whoever makes it. */
      follow(code) {
        this.followed?.changed.disconnect(this.fill, this);
        this.followed = code;
        this.followed?.changed.connect(this.fill, this);
      }

      /** The nearest cell above, or this one, with the function; and the place in it. */
      target() {
        const upwards = this.cells.slice(0, this.cells.indexOf(this.cell) + 1).reverse();
        for (const cell of upwards.filter(each => each.model.type === 'code')) {
          const code = cell.model.sharedModel.getSource();
          const place = placeOfReturn(code, this.content.function);
          if (place) {
            return { cell, place, answer: code.slice(place.start, place.end) };
          }
        }
        return null;
      }

      order() {
        const known = this.content.lines.map(([letter]) => letter);
        return lettersIn(this.target()?.answer ?? '', known);
      }

      fill() {
        const order = this.order();
        const lines = new Map(this.content.lines.map(pair => [pair[0], this.line(pair)]));
        this.mine.replaceChildren(...order.map(letter => lines.get(letter)));
        order.forEach(letter => lines.delete(letter));
        this.rest.replaceChildren(...lines.values());
      }

      line([letter, code]) {
        const attributes = {
          type: 'button',
          class: 'course-line',
          'data-key': letter,
          click: () => this.toggle(letter)
        };
        const mark = make('span', { class: 'course-letter' }, letter);
        return make('li', { 'data-letter': letter }, make('button', attributes, mark, code));
      }

      toggle(letter) {
        const order = this.order();
        const without = order.filter(each => each !== letter);
        this.put(without.length < order.length ? without : [...order, letter], letter);
      }

      /** One line up or down in the order; up, for one that is left out, takes it in. */
      shift(letter, by) {
        const order = this.order();
        const from = order.indexOf(letter);
        const to = from < 0 ? order.length : from + by;
        if (from < 0 ? by < 0 : to >= 0 && to < order.length) {
          const without = order.filter(each => each !== letter);
          this.put(without.toSpliced(to, 0, letter), letter);
        }
      }

      /** Writes the order into the code, which `fill` then reads. */
      put(order, letter) {
        const found = this.target();
        if (!found) {
          this.fill();
          this.say(`No cell above has \`${this.content.function}\` with a \`return\` in it.`);
          return;
        }
        const words = `return "${order.join(' ')}"`;
        this.write(found.cell, found.place, order.length ? words : 'raise NotImplementedError');
        this.node.querySelector(`[data-key="${letter}"]`)?.focus();
        const at = order.indexOf(letter) + 1;
        this.say(`${letter} is ${at ? `line ${at} of ${order.length} in your order` : 'left out'}.`);
      }

      key(event) {
        const letter = event.target.closest('li')?.dataset.letter;
        const by = { ArrowUp: -1, ArrowDown: 1 }[event.key];
        if (!letter || !by) {
          return;
        }
        event.preventDefault();
        if (event.altKey) {
          this.shift(letter, by);
        } else {
          const lines = [...this.node.querySelectorAll('.course-line')];
          lines[lines.indexOf(event.target) + by]?.focus();
        }
      }

      hold(event) {
        const line = event.button === 0 && event.target.closest('li');
        this.held = line ? { line, y: event.clientY, moves: false } : null;
      }

      /** A few pixels are still a click. From then on the line goes where the pointer is. */
      drag(event) {
        const { held, mine, rest } = this;
        if (!held || (!held.moves && Math.abs(event.clientY - held.y) < 5)) {
          return;
        }
        if (!held.moves) {
          held.moves = true;
          held.line.classList.add('course-held');
          event.currentTarget.setPointerCapture(event.pointerId);
        }
        const box = node => node.getBoundingClientRect();
        const list = event.clientY < (box(mine).bottom + box(rest).top) / 2 ? mine : rest;
        const others = [...list.children].filter(each => each !== held.line);
        const next = others.find(each => event.clientY < box(each).top + box(each).height / 2);
        list.insertBefore(held.line, next ?? null);
      }

      drop() {
        const held = this.held;
        this.held = null;
        if (held?.moves) {
          const order = [...this.mine.children].map(line => line.dataset.letter);
          this.put(order, held.line.dataset.letter);
        }
      }

      check() {
        const found = this.target();
        const cells = found && found.cell !== this.cell ? [found.cell, this.cell] : [this.cell];
        pressed = { cell: this.cell.model.id, key: 'check' };
        this.run(...cells);
      }
    }

    class Steps extends Form {
      async parts() {
        const { names, order, open, states } = this.content;
        const done = order ? order.split(' ') : [];
        const steps = names.map(name =>
          this.button(`${name} ▸`, [...done, name], {
            disabled: !open.includes(name),
            title: `${name}: ${states[name]}`,
            'aria-label': `${name} does a step`
          })
        );
        const back = this.button('one back', done.slice(0, -1), { disabled: !order });
        const anew = this.button('start again', [], { disabled: !order });
        const legend = make('legend', { class: 'course-hidden' }, 'Next step');
        const row = make('div', { class: 'course-row' }, ...steps, back, anew);
        return [await this.twin('text/html'), make('fieldset', {}, legend, row)];
      }

      /** What the table says already, for those who do not see it. */
      drawn() {
        const { states } = this.content;
        this.status.classList.add('course-hidden');
        const told = Object.entries(states).map(([name, state]) => `${name} ${state}`);
        this.say(`${told.join(', ')}.`);
      }

      button(label, order, attributes) {
        const click = () => this.go(order.join(' '), label);
        return make('button', { type: 'button', 'data-key': label, click, ...attributes }, label);
      }

      go(order, label) {
        const placeIn = code => placeOfOrder(code, this.content.order);
        if (!this.answer(placeIn, `"${order}"`, label)) {
          this.status.classList.remove('course-hidden');
          this.say(`Write \`order="${order}"\` into the cell: I cannot find the order there.`);
        }
      }
    }

    const FORMS = {
      'application/vnd.course.ask+json': Ask,
      'application/vnd.course.sort+json': Sort,
      'application/vnd.course.steps+json': Steps
    };

    return {
      id: `${NAME}:forms`,
      autoStart: true,
      requires: [IRenderMimeRegistry, INotebookTracker],
      activate: (app, ...services) => {
        [registry, tracker] = services;
        document.head.append(make('style', {}, STYLE));
        for (const [mime, Kind] of Object.entries(FORMS)) {
          const createRenderer = () => new Kind(mime);
          registry.addFactory({ safe: true, mimeTypes: [mime], defaultRank: 10, createRenderer });
        }
      }
    };
  };

  // The container that JupyterLab loads: it lends its own modules, and takes a plugin.
  let lent;
  const shared = async name => (await Object.values(lent[name])[0].get())();
  (window._JUPYTERLAB ??= {})[NAME] = {
    init: scope => {
      lent = scope;
    },
    get: async () => {
      const made = await plugin(shared);
      return () => ({ __esModule: true, default: made });
    }
  };
})();
