// A picture comes by choosing, dropping or pasting; it is sent at once and Python is told where it lies.
// Listeners sit on what outlives a new rendering of the template.
function say(text, isProblem) {
  const place = element.querySelector('.drop-said');
  place.textContent = '';
  if (!text) return;
  const line = document.createElement('p');
  line.className = isProblem ? 'problem' : 'notice';
  line.textContent = text;
  place.append(line);
}

async function take(file) {
  if (!file) return;
  if (file.size > props.max_bytes) {
    say(`${file.name}: the file has ${(file.size / 1e6).toFixed(1)} MB, more than the ` +
        `${(props.max_bytes / 1e6).toFixed(1)} MB that this server takes: send a smaller one.`, true);
    return;
  }
  say(`Sending ${file.name} …`, false);
  try {
    const sent = await upload(file);
    props.value = JSON.stringify({ path: sent.path, name: file.name });
    trigger('upload');
    say('', false);
  } catch (error) {
    say(`${file.name}: it did not reach the server: look at the connection and try again.`, true);
  }
}

element.addEventListener('change', (event) => {
  take(event.target.files[0]);
  event.target.value = '';  // so that the same file can be chosen again
});
document.addEventListener('paste', (event) => {
  const file = [...event.clipboardData.files][0];
  if (file) { event.preventDefault(); take(file); }
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
  take(event.dataTransfer.files[0]);
});
