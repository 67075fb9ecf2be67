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
  const title = elansrSay('elansr: enlarge pictures');
  if (document.title !== title) document.title = title;
  for (const button of document.querySelectorAll('#go, #stop')) {  // Gradio translates every text but that of its buttons
    const node = [...button.childNodes].find((child) => child.nodeType === Node.TEXT_NODE && child.data.trim());
    if (node && elansrSay(node.data.trim()) !== node.data.trim()) node.data = elansrSay(node.data.trim());
  }
  for (const part of document.querySelectorAll('main [aria-label], main [title]')) {  // names that Gradio has in English alone
    for (const attribute of ['aria-label', 'title']) {
      const name = part.getAttribute(attribute), said = elansrSay(name?.replace(/^(number input|range slider) for /, ''));
      if (said !== (name ?? undefined)) part.setAttribute(attribute, said);
    }
  }
  for (const line of document.querySelectorAll('[data-testid="slider"]:not([tabindex])')) {
    const attributes = { tabindex: 0, role: 'slider', 'aria-label': elansrSay('How much of the picture before is shown, in percent'),
                         'aria-valuemin': 0, 'aria-valuemax': 100, 'aria-valuenow': 50 };
    for (const [name, value] of Object.entries(attributes)) line.setAttribute(name, value);
    const [before, after] = line.parentElement.querySelectorAll('img');
    before?.setAttribute('alt', elansrSay('The picture enlarged with bicubic'));
    after?.setAttribute('alt', elansrSay('The picture enlarged by elansr'));
  }
}).observe(document.documentElement, { childList: true, subtree: true });
