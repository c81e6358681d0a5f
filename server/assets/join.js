// The code stays in the fragment: it goes from this page to the app and nowhere else.
"use strict";

const code = location.hash.slice(1);
if (/^[A-Za-z0-9_-]{22,128}$/.test(code)) {
  const app = `autamedica://join?server=${encodeURIComponent(location.origin)}#${code}`;
  document.getElementById("open").href = app;
  document.getElementById("copy").addEventListener("click", async () => {
    const told = document.getElementById("copied");
    try {
      await navigator.clipboard.writeText(location.href);
      told.textContent = "Copiado · Copied";
    } catch {
      told.textContent = "Copie la dirección de arriba · Copy the address above";
    }
  });
} else {
  document.getElementById("ready").hidden = true;
  document.getElementById("broken").hidden = false;
}
