// The line of a before/after slider answers to a mouse only; this lets the keyboard move it, and screen readers know it.
const STEPS = { ArrowLeft: -0.05, ArrowRight: 0.05, ArrowDown: -0.05, ArrowUp: 0.05, Home: -1, End: 1 };

function position(line) {
  const around = line.parentElement.getBoundingClientRect();
  const at = line.getBoundingClientRect();
  return { around, share: Math.min(Math.max((at.left - around.left) / around.width, 0), 1) };
}

function moveTo(line, around, share) {
  const mouse = { view: window, bubbles: true, clientX: around.left + share * around.width, clientY: around.top + around.height / 2 };
  line.dispatchEvent(new MouseEvent('mousedown', mouse));
  window.dispatchEvent(new MouseEvent('mouseup', mouse));
  line.setAttribute('aria-valuenow', Math.round(100 * share));
}

document.addEventListener('keydown', (event) => {
  const line = event.target.closest?.('[data-testid="slider"][tabindex]');
  if (!line || !(event.key in STEPS)) return;
  event.preventDefault();
  const { around, share } = position(line);
  moveTo(line, around, Math.min(Math.max(share + STEPS[event.key], 0), 1));
});

new MutationObserver(() => {
  for (const line of document.querySelectorAll('[data-testid="slider"]:not([tabindex])')) {
    const attributes = { tabindex: 0, role: 'slider', 'aria-label': 'How much of the picture before is shown, in percent',
                         'aria-valuemin': 0, 'aria-valuemax': 100, 'aria-valuenow': 50 };
    for (const [name, value] of Object.entries(attributes)) line.setAttribute(name, value);
    const [before, after] = line.parentElement.querySelectorAll('img');
    before?.setAttribute('alt', 'The picture enlarged with bicubic');
    after?.setAttribute('alt', 'The picture enlarged by elansr');
  }
}).observe(document.documentElement, { childList: true, subtree: true });
