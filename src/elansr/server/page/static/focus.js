// What the keyboard is on may vanish: the button that was pressed gives way to another. Then the focus goes to what a user
// is likely to want next, and not to the top of the page.
const AFTER = { go: ['#stop', '.download', '#drop input'], stop: ['.download', '#go', '#drop input'] };
const PAUSE = 80;  // milliseconds: what takes a place comes a little after what left it
let focused = null, place = 0, due = 0;

function canBeFocused(element) {
  return element?.isConnected && !element.disabled && (element.type === 'file' || element.checkVisibility());
}

function kindOf(element) {
  return ['.remove', '.compare'].find((kind) => element.matches(kind));
}

function successors(element) {
  const rows = [...document.querySelectorAll(kindOf(element) ?? 'no-such-element')];  // of a list that was made anew
  const others = AFTER[element.id] ?? ['#drop input'];
  return [rows[place] ?? rows.at(-1), element.id && document.getElementById(element.id), ...others.map((selector) => document.querySelector(selector))];
}

function mend() {
  due = 0;
  const nowhere = !document.activeElement || document.activeElement === document.body;
  if (!nowhere || !focused || canBeFocused(focused)) return;
  successors(focused).find(canBeFocused)?.focus({ preventScroll: true });
}

document.addEventListener('focusin', (event) => {
  focused = event.target;
  const kind = kindOf(focused);
  if (kind) place = [...document.querySelectorAll(kind)].indexOf(focused);
});
document.addEventListener('pointerdown', (event) => {
  if (!event.target.closest('a, button, input, label')) focused = null;  // where a click left it is where it should be
});
new MutationObserver(() => { due ||= setTimeout(mend, PAUSE); }).observe(document.documentElement, {
  childList: true, subtree: true, attributes: true, attributeFilter: ['class', 'disabled', 'style'],
});
