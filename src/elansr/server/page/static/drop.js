// Pictures come by choosing, dropping or pasting; they are sent at once and Python learns where they are.
// Listeners sit on what outlives a new rendering of the template.
let latest = 0;

function say(text) {
  const place = element.querySelector('.drop-said');
  place.textContent = '';
  if (!text) return;
  const line = document.createElement('p');
  line.className = 'notice';
  line.textContent = text;
  place.append(line);
}

async function sent(file, which) {
  const entry = { name: file.name, bytes: file.size };
  if (file.size > props.max_bytes) return entry;  // Python says so
  say(`${elansrSay('Sending')} ${which}${file.name} …`);
  try {
    entry.path = (await upload(file)).path;
  } catch (error) { /* without a path Python says that it did not arrive */ }
  return entry;
}

async function take(list) {
  const files = [...list], mine = ++latest, all = [];
  if (!files.length) return;
  trigger('clear');
  for (const [index, file] of files.entries()) {
    const which = files.length > 1 ? `${index + 1}/${files.length}: ` : '';
    all.push(files.length > props.most ? { name: file.name, bytes: file.size } : await sent(file, which));
    if (mine !== latest) return;  // others were chosen meanwhile
  }
  props.value = JSON.stringify(all);
  trigger('upload');
  say('');
}

element.addEventListener('change', (event) => {
  take(event.target.files);
  event.target.value = '';  // so that the same file can be chosen again
});
document.addEventListener('paste', (event) => {
  if (!event.clipboardData.files.length) return;
  event.preventDefault();
  take(event.clipboardData.files);
});
document.addEventListener('dragover', (event) => {
  if (![...event.dataTransfer.types].includes('Files')) return;
  event.preventDefault();  // or the browser would leave the page for the file
  element.classList.add('dragging');
});
document.addEventListener('dragleave', (event) => {
  if (!event.relatedTarget) element.classList.remove('dragging');
});
document.addEventListener('drop', (event) => {
  if (!event.dataTransfer.files.length) return;
  event.preventDefault();
  element.classList.remove('dragging');
  take(event.dataTransfer.files);
});
