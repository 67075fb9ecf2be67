// One of the two languages that the page has: Chinese where the browser puts it first, else English. Gradio, which would
// take any of its own languages, is made to take the same one.
const CHINESE = /^zh\b/i.test(navigator.language), TEXTS = {TEXTS};
document.documentElement.lang = CHINESE ? 'zh-CN' : 'en';
Object.defineProperty(navigator, 'language', { get: () => document.documentElement.lang });
Object.defineProperty(navigator, 'languages', { get: () => [document.documentElement.lang] });

function elansrSay(text) {
  return CHINESE ? TEXTS[text] ?? text : text;
}

// A name of the tab that outlives a refresh, by which the server knows its work again.
function elansrTab() {
  let tab = sessionStorage.getItem('elansr-tab');
  if (!tab) {
    tab = [...crypto.getRandomValues(new Uint8Array(16))].map((byte) => byte.toString(16).padStart(2, '0')).join('');
    sessionStorage.setItem('elansr-tab', tab);
  }
  return tab;
}
